"""Where the result goes, as one choice: only ways that this image allows are offered, the first of
them to begin with. An image that can't hold the result as it is gets converted, which undo takes
back."""

from __future__ import annotations

from typing import Any, NamedTuple, Tuple

from gi.repository import Gtk

import choices
from gimpio import destination, pixels
from i18n import _


class Way(NamedTuple):
    """Values of the options `target` and `convert`, and what they are called together."""

    target: str
    convert: str
    label: str


def ways(image: Any) -> Tuple[Way, ...]:
    new_image = Way(choices.NEW_IMAGE, choices.KEEP, _("New image"))
    to_rgb = Way(choices.NEW_LAYER, choices.TO_RGB, _("New layer, with the image converted to RGB"))
    if destination.is_indexed(image):
        return to_rgb, new_image
    if pixels.linear_tables(image):
        to_srgb = _("New layer, with the image converted to sRGB")
        return Way(choices.NEW_LAYER, choices.TO_SRGB, to_srgb), new_image
    if not destination.is_rgb(image):
        return Way(choices.NEW_LAYER, choices.KEEP, _("New layer, in gray")), to_rgb, new_image
    return Way(choices.NEW_LAYER, choices.KEEP, _("New layer")), new_image


class TargetChooser(Gtk.ComboBoxText):
    """Bound to the config's `target` and `convert`."""

    def __init__(self, config: Any, image: Any) -> None:
        super().__init__()
        self._config = config
        self._ways = ways(image)
        for way in self._ways:
            self.append_text(way.label)
        if self._number() < 0:  # meant for an image of another kind
            config.set_property("target", self._ways[0].target)
            config.set_property("convert", self._ways[0].convert)
        self._show()
        self.connect("changed", lambda *_: self._chosen())
        for name in ("target", "convert"):
            config.connect("notify::" + name, lambda *_: self._show())

    def _chosen(self) -> None:
        number = self.get_active()
        if number < 0 or number == self._number():
            return
        way = self._ways[number]
        with self._config.freeze_notify():
            self._config.set_property("target", way.target)
            self._config.set_property("convert", way.convert)

    def _show(self) -> None:
        self.set_active(self._number())

    def _number(self) -> int:
        """The way that the config says; -1 for none of them."""
        target, convert = (self._config.get_property(name) for name in ("target", "convert"))
        for number, way in enumerate(self._ways):
            if way.target == target and (convert == way.convert or target == choices.NEW_IMAGE):
                return number
        return -1
