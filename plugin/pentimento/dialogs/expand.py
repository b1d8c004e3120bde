"""The dialog of Expand: how far the canvas grows, and what is to be there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List

import dialogs.native as native

if TYPE_CHECKING:
    from answers import Lists, PlanRequest

native.start()

from gi.repository import GObject, Gtk

import choices
import dialogs.rows as rows
from actions import expand
from context import values_of
from dialogs.fields import BOTH
from dialogs.models import ModelChooser
from dialogs.planned_dialog import PlannedDialog
from dialogs.target import TargetChooser
from i18n import _

UNPLANNED = ("negative-prompt", "random-seed", "seed")
AMOUNTS = (choices.BY_PERCENT, choices.BY_PX)


class ExpandDialog(PlannedDialog):
    stays = False

    def __init__(self, procedure: Any, config: Any, context: Any) -> None:
        super().__init__(procedure, config, context, _("_Expand"))
        self.models = ModelChooser(config)
        self.put(self._body(), self.status)
        self._handlers.append(config.connect("notify", self._changed))

    def plan_request(self) -> PlanRequest:
        """Raises NotPossible where the canvas would not grow."""
        return expand.plan_request(self.context, values_of(self.context.action, self.config))

    def known(self, lists: Lists, _places: Any) -> None:
        """The server has answered for the first time, or something is new there."""
        models = lists["models"]
        native.when_closed(self.models, lambda: self.models.fill_with_models(models))

    def notes(self) -> List[str]:
        found = super().notes()
        if not self.config.get_property("prompt").strip():
            found.append(_("say what is to be there: words help"))
        return found

    def _unit(self) -> Gtk.Label:
        label = Gtk.Label()

        def follow(*_args: Any) -> None:
            percent = self.config.get_property("grow-by") == choices.BY_PERCENT
            label.set_text("%" if percent else _("px"))

        self._handlers.append(self.config.connect("notify::grow-by", follow))
        follow()
        return label

    def _changed(self, _config: Any, spec: GObject.ParamSpec) -> None:
        if spec.name in self.fields.options and spec.name not in UNPLANNED:
            self.status.update()

    def _body(self) -> Gtk.Box:
        fields, config = self.fields, self.config
        level, upright = fields.numbers("left", "right"), fields.numbers("top", "bottom")
        aspect = fields.row("aspect", Gtk.Entry(width_chars=8), fill=False)
        config.bind_property("aspect", fields.widgets["aspect"], "text", BOTH)
        for side in ("left", "right", "top", "bottom"):
            row = fields.widgets[side].get_parent()
            assert isinstance(row, Gtk.Box)
            row.pack_start(self._unit(), False, False, 0)
        for part in (level, upright):
            native.show_while(config, "grow-by", part, lambda way: way in AMOUNTS)
        native.show_while(config, "grow-by", aspect, lambda way: way == choices.TO_ASPECT)
        return rows.column_of(
            rows.prompt(fields),
            fields.combo("grow-by"),
            level,
            upright,
            aspect,
            fields.number("feather"),
            fields.row("model", self.models),
            native.row(fields.numbers("steps", "guidance"), spacing=2 * native.BORDER),
            fields.number("count"),
            rows.seeds(fields),
            fields.row("target", TargetChooser(config, self.context.image)),
            fields.check("mark-digital-source"),
        )
