"""The panel's commands as procedures, as long as it is open. They run in the panel's process, at
once. Without a label: GIMP makes no menu entries for procedures that come while it runs.

GIMP must not call one while the panel reads or writes pixels: both sides would wait for another
message than comes, and GIMP ends the panel ("expected tile ack"). So they are taken away meanwhile
(`Offer.without`); GIMP's answer to that comes after every call that it has made by then."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator

from gi.repository import Gimp, GLib

import log

PREFIX = "plug-in-pentimento-studio-"
AIM = PREFIX + "aim"
OPEN = "pentimento-studio-panel"  # a parasite of GIMP itself as long as a panel is open
BUSY_SECONDS, PAUSE_SECONDS = 20, 0.1  # a panel that is busy with pixels cannot be called
COMMANDS: Dict[str, Callable[[Any], None]] = {
    "generate": lambda panel: panel.generate(),
    "keep": lambda panel: panel.keep(),
    "next": lambda panel: panel.face.strip.step(1),
    "previous": lambda panel: panel.face.strip.step(-1),
    "discard": lambda panel: panel.discard(),
    "compare": lambda panel: panel.toggle_compare(),
    "stop": lambda panel: panel.stop_first(),
    "close": lambda panel: panel.ask_to_close(),
}


def aim_open_panel(image: Any) -> bool:
    """Aims the panel that is open at the image; False where none is open."""
    end = time.monotonic() + BUSY_SECONDS
    while Gimp.get_parasite(OPEN) is not None and time.monotonic() < end:
        procedure = Gimp.get_pdb().lookup_procedure(AIM)
        if procedure is not None and _call(procedure, image):
            return True
        time.sleep(PAUSE_SECONDS)
    return False


def _call(procedure: Any, image: Any) -> bool:
    """False where it was taken away a moment ago."""
    config = procedure.create_config()
    config.set_property("run-mode", Gimp.RunMode.INTERACTIVE)
    if image is not None:
        config.set_property("image", image)
    return bool(procedure.run(config).index(0) == Gimp.PDBStatusType.SUCCESS)


class Offer:
    """The procedures of an open panel."""

    def __init__(self, plug_in: Gimp.PlugIn, panel: Any) -> None:
        self._plug_in, self._panel = plug_in, panel
        self._away = 0

    def begin(self) -> None:
        """From now on they can be called."""
        Gimp.attach_parasite(Gimp.Parasite.new(OPEN, 0, b"1"))
        self._add_all()
        self._plug_in.persistent_enable()

    def end(self) -> None:
        self._remove_all()
        Gimp.detach_parasite(OPEN)

    @contextmanager
    def without(self) -> Iterator[None]:
        """None can be called meanwhile; for reading and writing pixels."""
        if not self._away:
            self._remove_all()
        self._away += 1
        try:
            yield
        finally:
            self._away -= 1
            if not self._away:
                self._add_all()

    def _add_all(self) -> None:
        panel = self._panel
        _add(self._plug_in, AIM, lambda image: panel.aim(image or panel.image))
        for name, act in COMMANDS.items():
            _add(self._plug_in, PREFIX + name, _aimed(panel, act))

    def _remove_all(self) -> None:
        for name in (AIM, *[PREFIX + name for name in COMMANDS]):
            self._plug_in.remove_temp_procedure(name)


def _aimed(panel: Any, act: Callable[[Any], None]) -> Callable[[Any], None]:
    """A command called by a key in an image's window is about that image."""

    def go(image: Any) -> None:
        if image is not None and image != panel.image:
            panel.aim(image)
        act(panel)

    return go


def _add(plug_in: Gimp.PlugIn, name: str, act: Callable[[Any], None]) -> None:
    def run(procedure: Any, _mode: Any, image: Any, *_others: Any) -> Any:
        # Answered before it is done: GIMP waits for the answer, and the work may ask GIMP.
        GLib.idle_add(soon, image)
        return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, GLib.Error())

    def soon(image: Any) -> bool:
        try:
            act(image)
        except Exception as error:
            log.error("%s: %s", name, error)
        return GLib.SOURCE_REMOVE

    made = Gimp.ImageProcedure.new(plug_in, name, Gimp.PDBProcType.TEMPORARY, run, None)
    made.set_image_types("*")
    mask = Gimp.ProcedureSensitivityMask
    made.set_sensitivity_mask(mask.DRAWABLE | mask.DRAWABLES | mask.NO_DRAWABLES | mask.NO_IMAGE)
    made.set_documentation("A command of the studio panel, which is open", None, name)
    made.set_attribution("The Pentimento authors", "Apache-2.0", "2026")
    plug_in.add_temp_procedure(made)
