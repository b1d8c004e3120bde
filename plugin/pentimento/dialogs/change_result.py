"""The dialog of Change Result: what the selected layer was made with, open for change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dialogs.native as native

if TYPE_CHECKING:
    from answers import Lists, PlanRequest
    from records import LayerRecord, Placed

native.start()

from gi.repository import GObject, Gtk

import dialogs.rows as rows
import wire
from actions import change_result, generate_again
from client import no_lists
from context import values_of
from dialogs.loras import LoraAdder
from dialogs.models import ModelChooser, StyleChooser, VaeChooser, default_of
from dialogs.planned_dialog import PlannedDialog
from dialogs.strength import StrengthRow
from i18n import _
from recorded_values import given

PLAIN = ("negative-prompt", "random-seed", "seed")  # not what a plan depends on
AT_FULL_STRENGTH = (wire.TXT2IMG, wire.EDIT, wire.UPSCALE)


class ChangeDialog(PlannedDialog):
    def __init__(self, procedure: Any, config: Any, context: Any) -> None:
        _layer, record = generate_again.result_layer(context.drawables)
        self.mode = record["record"]["request"]["mode"]
        fill(config, record)
        context.start = values_of(context.action, config)
        super().__init__(procedure, config, context, _("_Change"))
        self.lists = no_lists()
        self.models, self.vaes = ModelChooser(config), VaeChooser(config)
        self.styles, self.loras = StyleChooser(config), LoraAdder(config)
        self.put(self._body(), self.status)
        self._handlers.append(config.connect("notify", self._changed))

    def plan_request(self) -> PlanRequest:
        values = values_of(self.context.action, self.config)
        return change_result.plan_request(self.context, values)

    def show_done(self, results: Placed) -> None:
        """Further changes begin with what the layer is made with now."""
        _layer, record = generate_again.result_layer(results["layers"])
        self.config.set_property("seed", record["seed"])
        self.context.start = values_of(self.context.action, self.config)
        super().show_done(results)

    def known(self, lists: Lists, _places: Any) -> None:
        """The server has answered for the first time, or something is new there."""
        self.lists = lists
        self.follow_model("", lists)
        models, styles = lists["models"], lists["styles"]
        native.when_closed(self.models, lambda: self.models.fill_with_models(models))
        native.when_closed(self.loras, lambda: self.loras.fill(lists))
        native.when_closed(self.styles, lambda: self.styles.fill_with(styles))
        native.when_closed(self.vaes, self._fill_vaes)

    def _fill_vaes(self) -> None:
        default = default_of(self.lists["models"], "")
        model = self.config.get_property("model") or (default["id"] if default else "")
        self.vaes.fill_for(self.lists["vaes"], model)

    def _changed(self, _config: Any, spec: GObject.ParamSpec) -> None:
        if spec.name == "model":
            self._fill_vaes()
        self.follow_model(spec.name, self.lists)
        if spec.name in self.fields.options and spec.name not in PLAIN:
            self.status.update()

    def _body(self) -> Gtk.Box:
        fields = self.fields
        _view, negative = fields.text_view("negative-prompt", 2)
        used = fields.differs("negative-prompt")
        label = _(fields.options["negative-prompt"].label)
        numbers = native.row(fields.numbers("steps", "guidance"), spacing=2 * native.BORDER)
        more = rows.column_of(
            fields.combo("sampler"),
            fields.row("vae", self.vaes),
            rows.loras(fields, self.loras),
        )
        return rows.column_of(
            rows.prompt(fields, self.history),
            native.expander(label, negative, used),
            self._strength(),
            fields.row("model", self.models),
            fields.row("style", self.styles),
            numbers,
            rows.seeds(fields),
            native.expander(_("M_ore options"), more, fields.differs("sampler", "vae", "loras")),
        )

    def _strength(self) -> Any:
        """A result that is all new has none that counts."""
        if self.mode in AT_FULL_STRENGTH:
            return None
        self.strength = StrengthRow(self.fields, self.action)
        # Below it is for scripts: as it was.
        self.strength.number.get_adjustment().set_lower(0.0)
        return self.strength.row


def fill(config: Any, record: LayerRecord) -> None:
    """Gives the config what the result was made with."""
    request = record["record"]["request"]
    for name, value in given(request, record["seed"]):
        config.set_property(name, value)
