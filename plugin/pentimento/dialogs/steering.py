"""The part of a dialog about what steers a picture besides the prompt: a ControlNet and LoRAs."""

from __future__ import annotations

from typing import Any

from gi.repository import Gtk

import choices
import dialogs.native as native
from dialogs.fields import BOTH, Fields
from gimpio import sources
from i18n import _

SHOWN_WHEN_USED = ("control", "loras")


def steering(fields: Fields, context: Any) -> Gtk.Box:
    chooser = LayerChooser(fields.config, context)
    entry = Gtk.Entry(placeholder_text=_("for example blueprint:0.8"))
    fields.config.bind_property("loras", entry, "text", BOTH)
    is_map, weight = fields.check("control-is-map"), fields.number("control-weight", aligned=False)
    box = native.column()
    for part in (
        fields.combo("control"),
        fields.row("control-layer", chooser),
        native.row(is_map, weight, spacing=2 * native.BORDER),
        fields.row("loras", entry),
    ):
        box.pack_start(part, False, False, 0)
    _while_used(fields.config, chooser, is_map, weight)
    return box


def _while_used(config: Any, chooser: Gtk.Widget, is_map: Gtk.Widget, weight: Gtk.Widget) -> None:
    """What belongs to a control can be set only while there is one. Whether its layer is a map can
    be said only of kinds that the server draws; of all others it has to be one."""

    def follow(*_args: Any) -> None:
        control, layer = config.get_property("control"), config.get_property("control-layer")
        used = control != choices.NO_CONTROL
        chooser.set_sensitive(used)
        weight.set_sensitive(used)
        is_map.set_sensitive(control in choices.DRAWN_CONTROLS and layer is not None)

    config.connect("notify::control", follow)
    config.connect("notify::control-layer", follow)
    follow()


class LayerChooser(Gtk.ComboBoxText):
    """The image's layers, bound to the config's `control-layer`; the first entry is none."""

    def __init__(self, config: Any, context: Any) -> None:
        super().__init__()
        self._config = config
        self._layers = [None] + (sources.tree(context.image) if context.image else [])
        from_source = any(option.name == "source" for option in context.action.options)
        self.append_text(_("The source itself") if from_source else _("None"))
        for layer in self._layers[1:]:
            self.append_text(layer.get_name())
        if config.get_property("control-layer") not in self._layers:
            config.set_property("control-layer", None)
        self._show()
        self.connect("changed", lambda *_args: self._chosen())
        config.connect("notify::control-layer", lambda *_args: self._show())

    def _chosen(self) -> None:
        layer = self._layers[self.get_active()]
        if layer != self._config.get_property("control-layer"):
            self._config.set_property("control-layer", layer)

    def _show(self) -> None:
        self.set_active(self._layers.index(self._config.get_property("control-layer")))
