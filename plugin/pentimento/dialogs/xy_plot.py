"""The dialog of X/Y Plot: two axes and their values."""

from __future__ import annotations

from typing import Any, Dict, List

import dialogs.native as native

native.start()

from gi.repository import Gtk

import dialogs.rows as rows
from actions import xy_plot
from context import values_of
from dialogs.fields import BOTH
from dialogs.planned_dialog import PlannedDialog
from errors import PluginError
from i18n import _, ngettext


class PlotDialog(PlannedDialog):
    stays = False

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

    def plan_request(self) -> Dict[str, Any]:
        return xy_plot.plan_request(self.context, values_of(self.context.action, self.config))

    def notes(self) -> List[str]:
        found = super().notes()
        try:
            count = len(xy_plot.cells(values_of(self.context.action, self.config)))
        except PluginError:
            return found
        return [*found, ngettext("{n} picture", "{n} pictures", count).format(n=count)]
