"""The list of models in a dialog: the server's, whatever the config says, and the default."""

from __future__ import annotations

from typing import Any, Dict, Sequence

from gi.repository import Gtk

from i18n import _


class ModelChooser(Gtk.ComboBoxText):
    """Bound to the config's `model`. Empty until `fill` it shows the default and the value set."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self._config = config
        self.fill(())
        self.connect("changed", lambda *_: self._chosen())
        config.connect("notify::model", lambda *_: self._show())

    def fill(self, models: Sequence[Dict[str, Any]], default: str = "") -> None:
        """Shows these models (entries of GET /v1/models) and keeps the choice. `default` says what
        is used otherwise."""
        keep = self._config.get_property("model")
        self.remove_all()
        self.append("", default or _default_label(models))
        for model in models:
            if model.get("ok", True):
                self.append(model["id"], model.get("title") or model["id"])
        if keep and keep not in {model["id"] for model in models}:
            self.append(
                keep, _("{model} (not on the server)").format(model=keep) if models else keep
            )
        self.set_active_id(keep)

    def fill_with_service(self, place: Dict[str, Any]) -> None:
        """Shows the models of a service (entry of GET /v1/backends)."""
        own = place["model"]
        default = _("The service's choice")
        if own:
            default = _("As set up: {model}").format(model=own)
        self.fill([{"id": name} for name in place["models"]], default)

    def _chosen(self) -> None:
        chosen = self.get_active_id()
        if chosen is not None and chosen != self._config.get_property("model"):
            self._config.set_property("model", chosen)

    def _show(self) -> None:
        wanted = self._config.get_property("model")
        if not self.set_active_id(wanted):
            self.append(wanted, wanted)
            self.set_active_id(wanted)


def _default_label(models: Sequence[Dict[str, Any]]) -> str:
    for model in models:
        if model.get("default"):
            return _("Server's default: {model}").format(model=model.get("title") or model["id"])
    return _("Server's default")
