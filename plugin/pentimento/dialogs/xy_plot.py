"""The dialog of X/Y Plot: two axes and their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List

import dialogs.native as native

if TYPE_CHECKING:
    from answers import Plan, PlanRequest

native.start()

from gi.repository import Gtk

import dialogs.rows as rows
from actions import xy_plot
from context import values_of
from dialogs.fields import BOTH
from dialogs.planned_dialog import PlannedDialog
from i18n import _, ngettext


class PlotDialog(PlannedDialog):
    stays = False
    count = 0  # pictures, once it is known

    def __init__(self, procedure: Any, config: Any, context: Any) -> None:
        super().__init__(procedure, config, context, _("_Plot"))
        parts = []
        for axis in ("x", "y"):
            parts.append(self.fields.combo(f"{axis}-axis"))
            entry = Gtk.Entry()
            config.bind_property(f"{axis}-values", entry, "text", BOTH)
            parts.append(self.fields.row(f"{axis}-values", entry))
        self.put(rows.column_of(*parts), self.status)
        self._handlers.append(config.connect("notify", lambda *_args: self.status.update()))

    def plan_request(self) -> PlanRequest:
        values = values_of(self.context.action, self.config)
        self.count = len(xy_plot.cells(values))
        return xy_plot.plan_request(self.context, values)

    def plan(self, client: Any, request: PlanRequest) -> Plan:
        """Of one picture, with the time that all of them take."""
        plan = super().plan(client, request)
        if plan.get("seconds") is not None:
            plan["seconds"] = (plan["seconds"] or 0) * self.count
        return plan

    def notes(self) -> List[str]:
        words = ngettext("{n} picture", "{n} pictures", self.count)
        return [*super().notes(), *([words.format(n=self.count)] if self.count else [])]
