"""A choice of one of the image's layers."""

from __future__ import annotations

from typing import Any

from gi.repository import Gtk

from gimpio import sources
from i18n import _


class LayerChooser(Gtk.ComboBoxText):
    """The image's layers, bound to an option of the config; the first entry is none of them."""

    def __init__(self, config: Any, context: Any, name: str, nothing: str = "") -> None:
        super().__init__()
        self._config, self._name = config, name
        self._layers = [None] + (sources.tree(context.image) if context.image else [])
        self.append_text(nothing or _("None"))
        for layer in self._layers[1:]:
            self.append_text(layer.get_name())
        if config.get_property(name) not in self._layers:
            config.set_property(name, None)
        self._show()
        self.connect("changed", lambda *_args: self._chosen())
        config.connect("notify::" + name, lambda *_args: self._show())

    def _chosen(self) -> None:
        layer = self._layers[self.get_active()]
        if layer != self._config.get_property(self._name):
            self._config.set_property(self._name, layer)

    def _show(self) -> None:
        self.set_active(self._layers.index(self._config.get_property(self._name)))
