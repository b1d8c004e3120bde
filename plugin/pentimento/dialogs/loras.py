"""The server's LoRAs in a dialog: choosing one adds it to those that are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gi.repository import Gtk

import dialogs.native as native
import options
from client import no_lists
from dialogs.models import default_of
from i18n import _

if TYPE_CHECKING:
    from answers import Lists, LoraEntry


class LoraAdder(Gtk.ComboBoxText):
    """Shows those that fit the chosen model; its first entry is only a title. `mode` is one that
    not every model can do."""

    def __init__(self, config: Any, mode: str = "") -> None:
        super().__init__()
        self._config = config
        self._mode = mode
        self._runs_elsewhere = config.find_property("backend") is not None
        self._lists = no_lists()
        native.name(self, _("Add a LoRA"), _("Those on the server that fit the model"))
        self.set_tooltip_text(_("Those on the server that fit the model"))
        self._show()
        self.connect("changed", lambda *_args: self._chosen())
        for changing in ("model", "backend") if self._runs_elsewhere else ("model",):
            config.connect("notify::" + changing, lambda *_args: self._show())

    def fill(self, lists: Lists) -> None:
        """`lists` is the answer of GET /v1/models."""
        self._lists = lists
        self._show()

    def _show(self) -> None:
        self.remove_all()
        self.append("", _("Add…"))
        fitting = [lora for lora in self._lists.get("loras", ()) if self._fits(lora)]
        for lora in fitting:
            self.append(lora["id"], lora.get("title") or lora["id"])
        self.set_active(0)
        self.set_sensitive(bool(fitting))

    def _fits(self, lora: LoraEntry) -> bool:
        here = not self._runs_elsewhere or self._backend() in ("", options.LOCAL)
        return here and lora["ok"] and self._model() in lora["fits"]

    def _backend(self) -> str:
        return self._config.get_property("backend").strip()

    def _model(self) -> str:
        default = default_of(self._lists["models"], self._mode)
        return self._config.get_property("model").strip() or (default["id"] if default else "")

    def _weight(self, chosen: str) -> str:
        """As the server says, so that it can be seen and changed; one of an older server leaves
        it open."""
        loras = self._lists.get("loras", ())
        weight = next((one.get("weight") for one in loras if one["id"] == chosen), None)
        return "" if weight is None else f":{weight:g}"

    def _chosen(self) -> None:
        chosen = self.get_active_id()
        if not chosen:
            return
        used = self._config.get_property("loras").strip().rstrip(",")
        added = chosen + self._weight(chosen)
        self._config.set_property("loras", f"{used}, {added}" if used else added)
        self.set_active(0)
