"""Where something new belongs, as a box and as a mask: the selection, or what stands in for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Optional, Tuple

from gi.repository import Gimp

import choices
from errors import NotPossible
from gimpio import pixels, sources
from gimpio.sources import Source
from i18n import _
from wire import Box, Pixels, Stored


@dataclass(frozen=True)
class Area:
    """`kind` is one of choices.MASK_SOURCES. All but the selection are made into one on a copy of
    the image, by GIMP itself; the user's selection stays."""

    source: Source
    kind: str = choices.SELECTION
    channel: Optional[Any] = None

    def bounds(self) -> Box:
        """The box of everything selected, however softly. Raises NotPossible for nothing."""
        return self._with_selection(bounds_of) or self._nothing()

    def is_empty(self) -> bool:
        return self._with_selection(bounds_of) is None

    def read(self, box: Box) -> Tuple[Pixels, Stored]:
        """The values in a box of the canvas: for the server, where 0 is kept and 255 is wholly
        regenerated, and as deep as the image for the layer mask."""

        def both(image):
            mask = image.get_selection()
            return pixels.read(mask, box, "y-u8"), pixels.read_stored(mask, box)

        return self._with_selection(both)

    def _with_selection(self, work: Callable[[Any], Any]) -> Any:
        image = self.source.image
        if self.kind == choices.SELECTION:
            return work(image)
        order = sources.tree(image)

        def on(copy):
            twins = dict(zip((layer.get_id() for layer in order), sources.tree(copy)))
            self._select(copy, twins)
            return work(copy)

        return sources.on_copy(image, on, keep_selection=True)

    def _select(self, copy, twins) -> None:
        """Makes the area the copy's selection."""
        if self.kind == choices.TRANSPARENCY:
            self._select_transparency(copy, twins)
        elif self.kind == choices.LAYER_MASK:
            layer = self.source.layers[0] if self.source.layers else None
            mask = twins[layer.get_id()].get_mask() if layer is not None else None
            if mask is None:
                raise NotPossible(
                    _("The selected layer has no mask."),
                    _("Add one with Layer > Mask > Add Layer Masks, or regenerate a selection."),
                    "no_layer_mask",
                )
            copy.select_item(Gimp.ChannelOps.REPLACE, mask)
        else:
            copy.select_item(Gimp.ChannelOps.REPLACE, self._twin_of_channel(copy))

    def _select_transparency(self, copy, twins) -> None:
        kept = copy.get_selection().save(copy) if bounds_of(copy) else None
        if self.source.stored:
            content = twins[self.source.layers[0].get_id()]
        else:
            content = self.source.seen_on(copy, twins)
        copy.select_item(Gimp.ChannelOps.REPLACE, content)
        Gimp.Selection.invert(copy)
        place = self.source.extent
        copy.select_rectangle(Gimp.ChannelOps.INTERSECT, *place)
        if kept is not None:
            copy.select_item(Gimp.ChannelOps.INTERSECT, kept)

    def _twin_of_channel(self, copy):
        channels = self.source.image.get_channels()
        if self.channel is None or self.channel not in channels:
            raise NotPossible(
                _("No channel is chosen."),
                _("Choose one; Select > Save to Channel makes one of a selection."),
                "no_channel",
            )
        return copy.get_channels()[channels.index(self.channel)]

    def _nothing(self) -> Box:
        if self.kind == choices.SELECTION:
            raise NotPossible(
                _("Nothing is selected."),
                _("Select the area to regenerate, with the lasso for example, and try again."),
                "no_selection",
            )
        raise NotPossible(
            _("There is nothing to regenerate: no part of the mask is set."),
            _("Choose another mask source, or select the area."),
            "empty_mask",
        )


def bounds_of(image) -> Optional[Box]:
    _ok, some, left, top, right, bottom = Gimp.Selection.bounds(image)
    return Box(left, top, right - left, bottom - top) if some else None


def outline(image, place: Box) -> Optional[Pixels]:
    """The selection's values at a place of the canvas, one byte a pixel; None without a selection,
    and for a rectangle, within whose bounds all is wholly selected."""
    bounds, selected = bounds_of(image), image.get_selection()
    if bounds is None:
        return None
    values = pixels.read(selected, bounds, "y-u8").data
    if bytes(values).count(255) == len(values):
        return None
    return pixels.read(selected, place, "y-u8")
