"""The dialog of Harmonize Layer: computed or by a model, and what the model is told."""

from __future__ import annotations

from typing import Any

import dialogs.native as native

native.start()

from gi.repository import Gtk

import choices
import dialogs.rows as rows
import server
import wire
from dialogs.background import Background
from dialogs.job_dialog import JobDialog
from dialogs.models import ModelChooser
from i18n import _


class HarmonizeDialog(JobDialog):
    stays = False

    def __init__(self, procedure: Any, config: Any, context: Any) -> None:
        super().__init__(procedure, config, context, _("_Harmonize"))
        self.models = ModelChooser(config, wire.EDIT)
        self._background = Background()
        self.put(self._body())
        self._background.run(lambda: server.connect().lists(), self._known, lambda _error: None)

    def close(self) -> None:
        self._background.close()
        super().close()

    def _known(self, lists: Any) -> None:
        """A server that does not run yet is started by the work itself."""
        models = lists["models"]
        native.when_closed(self.models, lambda: self.models.fill_with_models(models))

    def _body(self) -> Gtk.Box:
        fields = self.fields
        about = native.paragraph(
            _(
                "Three new layers fit the selected layer to its surroundings: shadow, light and "
                "color, edge. Each can be turned down."
            )
        )
        _view, prompt = fields.text_view("prompt", 2)
        painted = rows.column_of(
            fields.row("prompt", prompt), fields.row("model", self.models), rows.seeds(fields)
        )
        native.show_while(self.config, "way", painted, lambda way: way != choices.COMPUTED)
        return rows.column_of(about, fields.combo("way"), painted)
