"""The dialog of Edit by Instruction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List

import dialogs.native as native

if TYPE_CHECKING:
    from answers import BackendEntry, Lists, PlanRequest

native.start()

from gi.repository import Gimp, GObject, Gtk

import dialogs.rows as rows
import options
import wire
from actions import edit
from client import no_lists
from context import values_of
from dialogs.backend import PlaceChooser
from dialogs.layer_chooser import LayerChooser
from dialogs.loras import LoraAdder
from dialogs.model_manager import ModelManager
from dialogs.models import ModelChooser, default_of
from dialogs.planned_dialog import PlannedDialog
from dialogs.target import TargetChooser
from gimpio.destination import Destination
from i18n import _

PLAIN = ("random-seed", "seed")  # not what a plan depends on


class EditDialog(PlannedDialog):
    def __init__(self, procedure: Any, config: Any, context: Any) -> None:
        super().__init__(procedure, config, context, _("_Edit"))
        self.models = ModelChooser(config, wire.EDIT)
        self.lists = no_lists()
        self.places = PlaceChooser(config, self._place_changed, wire.EDIT)
        self.loras = LoraAdder(config, wire.EDIT)
        self.able = True  # whether a model can edit; told by the server
        self.put(self._body(), self.status)
        self._handlers.append(config.connect("notify", self._changed))
        # Whoever comes back from another window may have installed or removed something there.
        self.dialog.connect("notify::is-active", lambda *_args: self.status.update())

    def changed_outside(self) -> None:
        self.only_selection.set_sensitive(not Gimp.Selection.is_empty(self.context.image))
        super().changed_outside()

    def plan_request(self) -> PlanRequest:
        """Raises NotPossible where the image can't take the result the chosen way."""
        values = values_of(self.context.action, self.config)
        Destination.of(values).check(self.context.image)
        return edit.plan_request(self.context, values)

    def known(self, lists: Lists, places: List[BackendEntry]) -> None:
        """The server has answered for the first time, or something is new there."""
        self.lists = lists
        self.able = default_of(lists["models"], wire.EDIT) is not None
        native.when_closed(self.places.combo, lambda: self.places.fill(places))
        native.when_closed(self.loras, lambda: self.loras.fill(lists))

    def is_ready(self) -> bool:
        plan = self.status.plan
        return self.places.ready(plan.get("route") if plan else None)

    def _place_changed(self, place: BackendEntry) -> None:
        def fill() -> None:
            if place["id"] == options.LOCAL:
                self.models.fill_with_models(self.lists["models"])
            else:
                self.models.fill_with_service(place)

        native.when_closed(self.models, fill)

    def explain(self, error: Exception) -> str:
        if self.able or options.service_of(values_of(self.context.action, self.config)):
            return str(error)
        return "\n".join(
            (
                _("There is no model on the server that can follow instructions."),
                _("Click Models… to download one, for example FLUX.2 Klein."),
                _("Or choose a service under Run on."),
            )
        )

    def missing(self) -> str:
        told = self.config.get_property("prompt").strip()
        return "" if told else _("Say what to change, such as “make it winter”.")

    def _changed(self, _config: Any, spec: GObject.ParamSpec) -> None:
        if spec.name in self.fields.options and spec.name not in PLAIN:
            self.status.update()

    # Layout

    def _body(self) -> Gtk.Box:
        fields = self.fields
        return rows.column_of(
            rows.prompt(fields, self.history),
            self._selection(),
            self.fields.check("only-changes"),
            self._place(),
            self._model(),
            self._numbers(),
            rows.seeds(fields),
            self.source() if "source" in fields.options else None,
            fields.row("target", TargetChooser(self.config, self.context.image)),
            self._more(),
        )

    def _selection(self) -> Gtk.CheckButton:
        check = self.only_selection = self.fields.check("only-selection")
        check.set_sensitive(not Gimp.Selection.is_empty(self.context.image))
        return check

    def _place(self) -> Gtk.Box:
        row = self.fields.row("backend", self.places.combo)
        row.pack_start(self.places.button, False, False, 0)
        return row

    def _model(self) -> Gtk.Box:
        button = native.dialog_button(
            _("Model_s…"), _("Download and remove models"), lambda: ModelManager(self.dialog).run()
        )
        row = self.fields.row("model", self.models)
        row.pack_start(button, False, False, 0)
        return row

    def _numbers(self) -> Gtk.Box:
        numbers = self.fields.numbers("steps", "guidance")
        count = self.fields.number("count", aligned=False)
        return native.row(numbers, count, spacing=2 * native.BORDER)

    def _more(self) -> Gtk.Expander:
        fields, names = self.fields, [option.name for option in options.READ_ALONG]
        layers = (LayerChooser(self.config, self.context, name) for name in names)
        box = rows.column_of(
            *(fields.row(name, chooser) for name, chooser in zip(names, layers)),
            rows.loras(fields, self.loras),
            fields.check("mark-digital-source"),
        )
        return native.expander(_("References and _LoRAs"), box, fields.differs("loras", *names))
