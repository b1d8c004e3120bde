"""A choice of one of the image's layers."""

from __future__ import annotations

from typing import Any, List

from gi.repository import Gtk

from gimpio import metadata, sources
from i18n import _


class LayerChooser(Gtk.ComboBoxText):
    """The image's layers, bound to an option of the config; the first entry is none of them."""

    def __init__(self, config: Any, context: Any, name: str, nothing: str = "") -> None:
        super().__init__()
        self._config, self._name, self._context = config, name, context
        self._nothing = nothing or _("None")
        self._fill()
        if config.get_property(name) not in self._layers:
            config.set_property(name, None)
        self._show()
        self.connect("changed", lambda *_args: self._chosen())
        config.connect("notify::" + name, lambda *_args: self._show())

    def _fill(self) -> None:
        image = self._context.image
        self._layers = [None] + (_layers(image) if image else [])
        self.remove_all()
        self.append_text(self._nothing)
        for layer in self._layers[1:]:
            self.append_text(layer.get_name())

    def _chosen(self) -> None:
        number = self.get_active()
        if number < 0:  # while the list is filled
            return
        layer = self._layers[number]
        if layer != self._config.get_property(self._name):
            self._config.set_property(self._name, layer)

    def _show(self) -> None:
        layer = self._config.get_property(self._name)
        if layer not in self._layers:  # made since
            self._fill()
        self.set_active(self._layers.index(layer) if layer in self._layers else 0)


def _layers(image: Any) -> List[Any]:
    """All but the folder of our own control maps, which is no picture itself."""
    return [
        layer for layer in sources.tree(image) if metadata.read_mark(layer, metadata.MAPS) is None
    ]
