"""The dialog of Upscale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dialogs.native as native

if TYPE_CHECKING:
    from answers import Lists, PlanRequest

native.start()

from gi.repository import Gtk

import dialogs.rows as rows
import wire
from actions import upscale
from context import values_of
from dialogs.models import InstalledChooser, ModelChooser
from dialogs.planned_dialog import PlannedDialog
from i18n import _


class UpscaleDialog(PlannedDialog):
    stays = False

    def __init__(self, procedure: Any, config: Any, context: Any) -> None:
        super().__init__(procedure, config, context, _("_Enlarge"))
        self.methods = InstalledChooser(config, "upscaler", _("The best one installed"))
        self.models = ModelChooser(config)
        fields = self.fields
        body = rows.column_of(
            fields.number("scale"),
            fields.row("upscaler", self.methods),
            self._detail(),
            self.source(),
            fields.combo("enlarged"),
        )
        self.put(body, self.status)
        self._handlers.append(config.connect("notify", lambda *_args: self.status.update()))

    def _detail(self) -> Gtk.Expander:
        """A second pass, by a model that paints, which most enlargements do without."""
        fields = self.fields
        _view, prompt = fields.text_view("prompt", 2)
        painting = rows.column_of(
            fields.scale("faithfulness")[0],
            fields.row("prompt", prompt),
            fields.row("model", self.models),
        )
        native.show_while(self.config, "detail", painting, lambda amount: amount > 0)
        body = rows.column_of(fields.scale("detail")[0], painting)
        return native.expander(_("Detail painted _by a model"), body, fields.differs("detail"))

    def plan_request(self) -> PlanRequest:
        return upscale.plan_request(self.context, values_of(self.context.action, self.config))

    def known(self, lists: Lists, _places: Any) -> None:
        """The server has answered for the first time, or something is new there."""
        plain = {"id": wire.PLAIN, "title": _("Lanczos: makes up nothing")}
        entries = [*lists.get("upscalers", ()), plain]
        default = _("The best one installed")
        models = lists["models"]
        native.when_closed(self.models, lambda: self.models.fill_with_models(models))
        native.when_closed(self.methods, lambda: self.methods.fill(entries, default))
