"""Previews on the canvas: a marked layer for each job that is at work, as long as somebody wants
to see it there."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional

from gi.repository import GdkPixbuf, Gimp

import log
import texts
from gimpio import preview_layer
from gimpio.preview_layer import Footprint
from i18n import _
from studio.pictures import pixbuf_of
from studio.runs import Run
from wire import Box, Pixels

NAME_LENGTH = 40
SHARE = 0.2  # of the time that showing previews may take: large ones come more seldom


@dataclass
class _Shown:
    """What is there of a job: its layer, and the picture in it. Without a layer nothing is shown
    any more, because somebody has deleted it or GIMP has refused it."""

    layer: Optional[Any]
    picture: bytes
    next_at: float  # s, of the clock that never goes back


class CanvasPreviews:
    """`wanted()` tells whether they are to be seen."""

    def __init__(self, wanted: Callable[[], bool]) -> None:
        self._wanted = wanted
        self._shown: Dict[Run, _Shown] = {}

    @property
    def layers(self) -> List[Any]:
        """Those of this panel."""
        return [shown.layer for shown in self._shown.values() if shown.layer is not None]

    def show(self, run: Run) -> None:
        """The newest picture of a job, where its result will be."""
        footprint, file = run.begun.footprint, run.preview
        if file is None or footprint is None or not self._wanted():
            return
        old = self._shown.get(run)
        if old is not None:
            if old.layer is None or old.picture is file or time.monotonic() < old.next_at:
                return
            if not preview_layer.is_there(old.layer):
                old.layer = None
                return
        began = time.monotonic()
        layer = self._put(run.words, footprint, file, old.layer if old is not None else None)
        took = time.monotonic() - began
        self._shown[run] = _Shown(layer, file, began + took / SHARE)
        Gimp.displays_flush()

    def _put(
        self, words: str, footprint: Footprint, file: bytes, layer: Optional[Any]
    ) -> Optional[Any]:
        """A preview is worth no sentence: where it can't be shown, the log tells."""
        try:
            picture = _picture(file, footprint.box)
            if picture is None:
                return layer
            if layer is None:
                name = texts.shortened(words, NAME_LENGTH)
                return preview_layer.show(
                    footprint, _("Preview: {words}").format(words=name), picture
                )
            preview_layer.repaint(layer, picture)
            return layer
        except Exception:
            log.error("preview on the canvas\n%s", traceback.format_exc())
            return None

    def follow_choice(self) -> None:
        """Somebody may not want to see them any more."""
        if self._shown and not self._wanted():
            self.clear()

    def end(self, run: Run) -> None:
        """The job has ended, however."""
        shown = self._shown.pop(run, None)
        if shown is not None and shown.layer is not None:
            self._remove(shown.layer)

    def clear(self) -> None:
        for run in list(self._shown):
            self.end(run)

    def _remove(self, layer: Any) -> None:
        """The image may be closed in this moment; what is left is found by the next action."""
        try:
            preview_layer.remove(layer)
        except Exception:
            log.error("removing a preview\n%s", traceback.format_exc())
        Gimp.displays_flush()


def _picture(file: bytes, box: Box) -> Optional[Pixels]:
    """A preview as large as the box that it shows; None for a damaged one."""
    small = pixbuf_of(file)
    if small is None:
        return None
    whole = small.scale_simple(box.width, box.height, GdkPixbuf.InterpType.BILINEAR)
    whole = whole.add_alpha(False, 0, 0, 0) if whole is not None else None
    if whole is None:
        return None
    return Pixels("rgba-u8", box.width, box.height, bytes(whole.get_pixels()))
