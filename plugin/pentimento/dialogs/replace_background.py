"""The dialog of Replace Background."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dialogs.native as native

if TYPE_CHECKING:
    from answers import Lists, PlanRequest

native.start()

from gi.repository import GObject, Gtk

import dialogs.rows as rows
from actions import replace_background
from context import values_of
from dialogs.loras import LoraAdder
from dialogs.models import ModelChooser
from dialogs.planned_dialog import PlannedDialog
from i18n import _

UNPLANNED = ("fit-light", "random-seed", "seed")


class BackgroundDialog(PlannedDialog):
    def __init__(self, procedure: Any, config: Any, context: Any) -> None:
        super().__init__(procedure, config, context, _("_Replace background"))
        self.models = ModelChooser(config)
        self.loras = LoraAdder(config)
        self.put(self._body(), self.status)
        self._handlers.append(config.connect("notify", self._changed))

    def plan_request(self) -> PlanRequest:
        """Raises NotPossible where the image can't take the result."""
        values = values_of(self.context.action, self.config)
        return replace_background.plan_request(self.context, values)

    def known(self, lists: Lists, _places: Any) -> None:
        """The server has answered for the first time, or something is new there."""
        models = lists["models"]
        native.when_closed(self.models, lambda: self.models.fill_with_models(models))
        native.when_closed(self.loras, lambda: self.loras.fill(lists))

    def missing(self) -> str:
        told = self.config.get_property("prompt").strip()
        return "" if told else _("Describe the new background, such as “a beach at sunset”.")

    def _changed(self, _config: Any, spec: GObject.ParamSpec) -> None:
        if spec.name in self.fields.options and spec.name not in UNPLANNED:
            self.status.update()

    def _body(self) -> Gtk.Box:
        fields = self.fields
        about = native.paragraph(
            _("The subject in the middle stays, or what is selected. It becomes a layer above.")
        )
        return rows.column_of(
            rows.prompt(fields, self.history),
            about,
            fields.check("fit-light"),
            fields.row("model", self.models),
            native.row(fields.numbers("steps", "guidance"), spacing=2 * native.BORDER),
            fields.number("count"),
            rows.seeds(fields),
            self.source() if "source" in fields.options else None,
            self._more(),
        )

    def _more(self) -> Gtk.Expander:
        fields = self.fields
        box = rows.column_of(
            rows.loras(fields, self.loras),
            fields.combo("convert"),
            fields.check("mark-digital-source"),
        )
        return native.expander(_("_More"), box, fields.differs("loras", "convert"))
