"""The part of a dialog about edges and colours: what says where something new belongs, what the
server adds to its edge, colour match, and transparency where the source has any."""

from __future__ import annotations

from typing import Any, List

from gi.repository import GimpUi, Gtk

import choices
import dialogs.native as native
from dialogs.fields import OPPOSITE, Fields
from gimpio import sources
from i18n import _

SHOWN_WHEN_USED = (
    *("mask-source", "grow", "feather", "blend", "auto-edge", "exact-edge"),
    "color-match",
)


def edges(fields: Fields, context: Any) -> Gtk.Box:
    """What belongs to a mask, for the actions that have one."""
    box = native.column()
    for part in (_mask(fields, context), _added(fields), fields.check("color-match")):
        box.pack_start(part, False, False, 0)
    return box


def transparency(fields: Fields, context: Any):
    """Choices that are shown only while the source may be transparent."""
    if "alpha" not in fields.options:
        return None
    row = fields.combos("alpha", "transparent-fill")
    anywhere = "mask-source" in fields.options

    def wanted(kind: str) -> bool:
        return may_be_transparent(context.image, context.drawables, kind, anywhere)

    native.show_while(fields.config, "source", row, wanted)
    return row


def _mask(fields: Fields, context: Any) -> Gtk.Box:
    """What says where something new belongs, and beside it which channel."""
    chooser = ChannelChooser(fields.config, context.image)
    channel = fields.row("mask-channel", chooser, aligned=False)
    native.show_while(fields.config, "mask-source", channel, lambda kind: kind == choices.CHANNEL)
    row = native.row(spacing=2 * native.BORDER)
    row.pack_start(fields.combo("mask-source"), True, True, 0)
    row.pack_start(channel, True, True, 0)
    return row


def _added(fields: Fields) -> GimpUi.Frame:
    """What the server adds to the mask's edge; nothing with the exact edge."""
    sizes, blend = fields.numbers("grow", "feather"), fields.number("blend")
    auto = fields.check("auto-edge")
    for part in (sizes, blend, auto):
        fields.config.bind_property("exact-edge", part, "sensitive", OPPOSITE)
    native.show_while(fields.config, "auto-edge", sizes, lambda automatic: not automatic)
    box = native.column()
    box.pack_start(sizes, False, False, 0)
    box.pack_start(auto, False, False, 0)
    exact = fields.check("exact-edge")
    box.pack_start(native.row(blend, exact, spacing=2 * native.BORDER), False, False, 0)
    frame = GimpUi.Frame.new(_("Edge"))
    frame.add(box)
    return frame


class ChannelChooser(Gtk.ComboBoxText):
    """The image's channels, bound to the config's `mask-channel`; the first one to begin with."""

    def __init__(self, config: Any, image: Any) -> None:
        super().__init__()
        self._config = config
        self._channels = image.get_channels()
        for channel in self._channels:
            self.append_text(channel.get_name())
        self.set_sensitive(bool(self._channels))
        if config.get_property("mask-channel") not in self._channels:
            config.set_property("mask-channel", self._channels[0] if self._channels else None)
        self._show()
        self.connect("changed", lambda *_: self._chosen())
        config.connect("notify::mask-channel", lambda *_: self._show())

    def _chosen(self) -> None:
        number = self.get_active()
        if number >= 0 and self._channels[number] != self._config.get_property("mask-channel"):
            self._config.set_property("mask-channel", self._channels[number])

    def _show(self) -> None:
        chosen = self._config.get_property("mask-channel")
        self.set_active(self._channels.index(chosen) if chosen in self._channels else -1)


def may_be_transparent(image: Any, drawables: List[Any], kind: str, anywhere: bool) -> bool:
    """Whether the source of this kind can have transparent pixels, as far as its layers tell.
    `anywhere`: any part of the canvas may be read, not only where the layers are."""
    found = (sources.layer_of(drawable) for drawable in drawables)
    layers = [layer for layer in found if layer is not None]
    stored = kind == choices.LAYER and len(layers) == 1
    if kind == choices.VISIBLE:
        layers = image.get_layers()
    area = sources.canvas(image)
    if layers and not anywhere and kind != choices.VISIBLE:
        area = sources.extent(layers[0])
        for layer in layers[1:]:
            area = area.joined(sources.extent(layer))
    return not any(_covers(layer, area, stored) for layer in layers)


def _covers(layer: Any, area: Any, stored: bool) -> bool:
    """Whether an opaque layer fills the area; its own pixels, or as it is seen."""
    place = sources.extent(layer)
    if layer.has_alpha() or place.joined(area) != place:
        return False
    seen = layer.get_visible() and layer.get_mask() is None and layer.get_opacity() == 100
    return stored or seen
