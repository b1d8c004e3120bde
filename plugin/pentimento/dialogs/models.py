"""Lists of what is installed, in a dialog: the server's, whatever the config says, the default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Optional, Sequence

from gi.repository import Gtk, Pango

import wire
from i18n import _
from server_texts import told

if TYPE_CHECKING:
    from answers import BackendEntry, ModelEntry, StyleEntry, VaeEntry

STYLE_CHARACTERS = 10  # of a style's name that are always seen


class InstalledChooser(Gtk.ComboBoxText):
    """Bound to a text property of the config. Empty until `fill` it shows the default and the value
    that is set."""

    def __init__(self, config: Any, name: str, default: str) -> None:
        super().__init__()
        self._config, self._name = config, name
        self.fill((), default)
        self.connect("changed", lambda *_: self._chosen())
        config.connect("notify::" + name, lambda *_: self._show())

    def fill(self, entries: Sequence[Mapping[str, Any]], default: str) -> None:
        """Shows these (entries of GET /v1/models) and keeps the choice. `default` says what is used
        otherwise."""
        keep = self._config.get_property(self._name)
        self.remove_all()
        self.append("", default)
        for entry in entries:
            if entry.get("ok", True):
                self.append(entry["id"], _label(entry))
        if keep and keep not in {entry["id"] for entry in entries}:
            self.append(
                keep, _("{model} (not on the server)").format(model=keep) if entries else keep
            )
        self.set_active_id(keep)

    def _chosen(self) -> None:
        chosen = self.get_active_id()
        if chosen is not None and chosen != self._config.get_property(self._name):
            self._config.set_property(self._name, chosen)

    def _show(self) -> None:
        wanted = self._config.get_property(self._name)
        if not self.set_active_id(wanted):
            self.append(wanted, wanted)
            self.set_active_id(wanted)


class ModelChooser(InstalledChooser):
    """The models of this machine, or those of a service. With a mode those that can do it."""

    def __init__(self, config: Any, mode: str = "") -> None:
        super().__init__(config, "model", _default_label(None))
        self._mode = mode

    def fill_with_models(self, models: Sequence[ModelEntry]) -> None:
        able = [model for model in models if can(model, self._mode)]
        self.fill(able, _default_label(default_of(able, self._mode)))

    def fill_with_service(self, place: BackendEntry) -> None:
        """Shows the models of a service (entry of GET /v1/backends)."""
        edits = self._mode == wire.EDIT
        own = place["edit_model" if edits else "model"]
        names = (place["edit_models"] if edits else ()) or place["models"]
        default = _("The service's choice")
        if own:
            default = _("As set up: {model}").format(model=own)
        self.fill([{"id": name} for name in names], default)


class VaeChooser(InstalledChooser):
    """The VAEs that fit a model."""

    def __init__(self, config: Any) -> None:
        super().__init__(config, "vae", _("The model's own"))

    def fill_for(self, vaes: Sequence[VaeEntry], model: str) -> None:
        """`model` is an id of GET /v1/models."""
        self.fill([vae for vae in vaes if model in vae["fits"]], _("The model's own"))


def _label(entry: Mapping[str, Any]) -> str:
    title = str(entry.get("title") or entry["id"])
    title = title if entry.get("own") else told(title)
    inpaints = entry.get("variant") == "inpaint"
    return _("{model} (inpainting)").format(model=title) if inpaints else title


class StyleChooser(InstalledChooser):
    """The styles that the server keeps."""

    def __init__(self, config: Any) -> None:
        super().__init__(config, "style", _("None"))
        for cell in self.get_cells():  # a long name must not widen the dialog
            cell.set_property("ellipsize", Pango.EllipsizeMode.END)
            cell.set_property("width-chars", STYLE_CHARACTERS)

    def fill_with(self, styles: Sequence[StyleEntry]) -> None:
        """`styles` is that of GET /v1/styles; one's own are called as they are called."""
        entries = [
            {"id": style["name"], "ok": style["ok"], "own": not style["builtin"]}
            for style in styles
        ]
        self.fill(entries, _("None"))


def can(model: ModelEntry, mode: str) -> bool:
    """Whether an entry of GET /v1/models can be used in a mode; all of them in no special one."""
    return model.get("ok", True) and (not mode or mode in model.get("modes", ()))


def default_of(models: Sequence[ModelEntry], mode: str) -> Optional[ModelEntry]:
    """The one that counts where none is named: the server's default, or for a mode that it cannot
    do the first that can."""
    able = [model for model in models if can(model, mode)]
    default = next((model for model in able if model.get("default")), None)
    return default or (able[0] if able and mode else None)


def _default_label(model: Optional[ModelEntry]) -> str:
    if model is not None:
        return _("Server's default: {model}").format(model=told(model.get("title") or model["id"]))
    return _("Server's default")
