"""The dialog of Edit by Instruction."""

from __future__ import annotations

from typing import Any, Dict, List

import dialogs.native as native

native.start()

from gi.repository import Gimp, GObject, Gtk

import dialogs.rows as rows
import options
import wire
from actions import edit
from context import values_of
from dialogs.fields import Fields
from dialogs.layer_chooser import LayerChooser
from dialogs.loras import LoraAdder
from dialogs.model_manager import ModelManager
from dialogs.models import ModelChooser, default_of
from dialogs.status_line import StatusLine
from dialogs.target import TargetChooser
from gimpio.destination import Destination
from i18n import _

WIDTH = 600
PLAIN = ("random-seed", "seed")  # not what a plan depends on


def ask(procedure: Any, config: Any, context: Any) -> bool:
    """True when Edit was pressed."""
    return EditDialog(procedure, config, context).run()


class EditDialog:
    def __init__(self, procedure: Any, config: Any, context: Any) -> None:
        self.config = config
        self.context = context
        self.dialog = rows.frame(procedure, config, context, _("_Edit"), WIDTH)
        self.fields = Fields(self.dialog, config, context.action.options)
        self.models = ModelChooser(config, wire.EDIT)
        self.loras = LoraAdder(config, wire.EDIT)
        self.able = True  # whether a model can edit; told by the server
        self.status = StatusLine(self._plan_request, self._known, self._explain)
        self._lay_out()
        config.connect("notify", self._changed)
        # Whoever comes back from another window may have installed or removed something there.
        self.dialog.connect("notify::is-active", lambda *_args: self.status.update())

    def run(self) -> bool:
        go = self.dialog.run()
        self.status.close()
        self.dialog.destroy()
        return bool(go)

    def _plan_request(self) -> Dict[str, Any]:
        """Raises NotPossible where the image can't take the result the chosen way."""
        values = values_of(self.context.action, self.config)
        Destination.of(values).check(self.context.image)
        return edit.plan_request(self.context, values)

    def _known(self, lists: Dict[str, List[Dict[str, Any]]], _places: Any) -> None:
        """The server has answered for the first time, or something is new there."""
        models = lists["models"]
        self.able = default_of(models, wire.EDIT) is not None
        native.when_closed(self.models, lambda: self.models.fill_with_models(models))
        native.when_closed(self.loras, lambda: self.loras.fill(lists))

    def _explain(self, error: Exception) -> str:
        if self.able:
            return str(error)
        return "\n".join(
            (
                _("There is no model on the server that can follow instructions."),
                _("FLUX.2 Klein can: download it under Models…, beside the list of models."),
            )
        )

    def _changed(self, _config: Any, spec: GObject.ParamSpec) -> None:
        if spec.name == "prompt":
            self._allow()
        if spec.name in self.fields.options and spec.name not in PLAIN:
            self.status.update()

    def _allow(self) -> None:
        """Without an instruction there is nothing to do."""
        told = bool(self.config.get_property("prompt").strip())
        self.dialog.set_response_sensitive(Gtk.ResponseType.OK, told)

    # Layout

    def _lay_out(self) -> None:
        fields = self.fields
        box = rows.column_of(
            rows.prompt(fields),
            self._selection(),
            self._model(),
            fields.numbers("steps", "guidance"),
            rows.seeds(fields),
            fields.combo("source"),
            fields.row("target", TargetChooser(self.config, self.context.image)),
            self._more(),
        )
        box.pack_start(Gtk.Separator(), False, False, 0)
        box.pack_start(self.status, False, False, 0)
        rows.put_in(self.dialog, box)
        self._allow()

    def _selection(self) -> Gtk.CheckButton:
        check = self.fields.check("only-selection")
        check.set_sensitive(not Gimp.Selection.is_empty(self.context.image))
        return check

    def _model(self) -> Gtk.Box:
        button = native.dialog_button(
            _("Model_s…"), _("Download and remove models"), lambda: ModelManager(self.dialog).run()
        )
        row = self.fields.row("model", self.models)
        row.pack_start(button, False, False, 0)
        return row

    def _more(self) -> Gtk.Expander:
        fields, names = self.fields, [option.name for option in options.READ_ALONG]
        layers = (LayerChooser(self.config, self.context, name) for name in names)
        box = rows.column_of(
            *(fields.row(name, chooser) for name, chooser in zip(names, layers)),
            rows.loras(fields, self.loras),
            fields.check("mark-digital-source"),
        )
        return native.expander(_("References and Lo_RAs"), box, fields.differs("loras", *names))
