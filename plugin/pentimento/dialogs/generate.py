"""The dialog of Image to Image, Regenerate Selection and Text to Image: GIMP's ProcedureDialog with
the widgets of whichever options the action has, in the order of a person's thoughts."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, List, Optional

import dialogs.native as native

if TYPE_CHECKING:
    from answers import BackendEntry, Lists, Plan, PlanRequest, Route

native.start()

from gi.repository import GimpUi, GObject, Gtk

import choices
import dialogs.edges as edges
import dialogs.plan_words as plan_words
import dialogs.rows as rows
import dialogs.selecting as selecting
import dialogs.steering as steering
import options
import wire
from actions.steering import check as check_steering
from client import no_lists
from context import values_of
from dialogs.backend import PlaceChooser
from dialogs.control_kinds import KindChooser, steerable
from dialogs.loras import LoraAdder
from dialogs.model_manager import ModelManager
from dialogs.models import ModelChooser, StyleChooser, VaeChooser, default_of
from dialogs.planned_dialog import PlannedDialog
from dialogs.presets import PresetLink
from dialogs.strength import StrengthRow
from dialogs.target import TargetChooser
from gimpio.destination import Destination
from i18n import _

NEGATIVE_LINES = 2
SMALL = 16  # px; of a selection that is probably a slip of the hand
PLAIN = ("negative-prompt", "random-seed", "seed")  # not what a plan depends on
SHOWN_WHEN_USED = (
    *("backend", "sampler", "guidance", "vae", "alpha", "transparent-fill"),
    *("mark-digital-source", "observe"),
)


class GenerateDialog(PlannedDialog):
    def __init__(self, procedure: Any, config: Any, context: Any) -> None:
        super().__init__(procedure, config, context, _("_Generate"))
        self.lists = no_lists()
        self.options = self.fields.options
        self.steps_link = PresetLink(config, "steps-preset", "steps", choices.STEPS_PRESETS)
        self.models, self.vaes = ModelChooser(config), VaeChooser(config)
        self.styles = StyleChooser(config)
        self.loras = LoraAdder(config)
        kinds = [name for name in options.CONTROLS if name in self.options]
        self.kinds = [KindChooser(config, name, choices.CONTROLS) for name in kinds]
        self._asked: PlanRequest = {}
        self.places = PlaceChooser(config, self._place_changed, asked=self._mode)
        self.selecting = selecting.Selecting(self.fields) if "intent" in self.options else None
        self.put(self._body(), self.status)
        self._handlers.append(config.connect("notify", self._changed))
        # Whoever comes back from another window may have installed or removed something there.
        self.dialog.connect("notify::is-active", lambda *_args: self.status.update())

    def is_ready(self) -> bool:
        return self.places.ready(self._route())

    def explain(self, error: Exception) -> str:
        """The server can't know that a selection is of no use for this action."""
        if getattr(error, "code", "") == "too_many_pixels" and self.action.key == "image_to_image":
            remedy = _("Use Regenerate Selection on a part, or scale the image down.")
            return f"{error.args[0]}\n{remedy}"
        return super().explain(error)

    def notes(self) -> List[str]:
        found = super().notes()
        if not self._is_worded():
            found.append(_("without a prompt"))
        if "mask-source" in self.options and self._seen:
            _some, left, top, right, bottom = self._seen[:5]
            if max(right - left, bottom - top) < SMALL and self._seen[0]:
                size = f"{right - left} × {bottom - top}"
                found.append(_("{size} px will hardly be seen").format(size=size))
        return found

    def _is_worded(self) -> bool:
        return bool(self.config.get_property("prompt").strip())

    def close(self) -> None:
        self.steps_link.close()
        super().close()

    def plan_request(self):
        """Raises NotPossible where the image can't take the result the chosen way."""
        action = importlib.import_module("actions." + self.context.action.key)
        self._asked = {}
        values = values_of(self.context.action, self.config)
        if self.context.image is not None:
            Destination.of(values).check(self.context.image)
        check_steering(values, has_source="source" in self.options)
        self._asked = action.plan_request(self.context, values)
        return self._asked

    def planned(self, plan: Plan) -> None:
        self.name_button(plan_words.button(plan, self.source_name()), plan_words.reason(plan))
        if self.selecting:
            self.selecting.show_plan(self._asked, plan)

    def plan(self, client: Any, request: PlanRequest) -> Plan:
        plan = client.plan(request)
        if request["mode"] == wire.TXT2IMG:
            given = request.get("width") or 0, request.get("height") or 0
            larger = wire.least_size(plan, *given)
            return client.plan({**request, **larger}) if larger else plan
        return plan

    def known(self, lists: Lists, places: List[BackendEntry]) -> None:
        """The server has answered for the first time, or something is new there."""
        self.lists = lists
        self.follow_model("", lists)
        native.when_closed(self.loras, lambda: self.loras.fill(lists))
        native.when_closed(self.places.combo, lambda: self.places.fill(places))
        native.when_closed(self.vaes, self._fill_parts)
        native.when_closed(self.styles, lambda: self.styles.fill_with(lists["styles"]))

    def _mode(self) -> str:
        """Of the job, as far as it can be told."""
        return str(self._asked.get("mode") or "")

    def _model(self) -> str:
        """The model that counts, by its id."""
        default = default_of(self.lists["models"], "")
        return self.config.get_property("model") or (default["id"] if default else "")

    def _fill_parts(self) -> None:
        """What fits the chosen model."""
        self.vaes.fill_for(self.lists["vaes"], self._model())
        local = not self.config.get_property("backend").strip()
        known = steerable(self.lists.get("controlnets", ()), self._model())
        for kinds in self.kinds:
            kinds.allow(lambda kind: not local or kind in known, _("no model for it, see Models"))
        starter = [model for model in self.lists["models"] if model.get("ok", True)]
        self.better.set_visible(len(starter) == 1)

    def _place_changed(self, place: BackendEntry) -> None:
        if place["id"] == options.LOCAL:
            models = self.lists["models"]
            native.when_closed(self.models, lambda: self.models.fill_with_models(models))
        else:
            native.when_closed(self.models, lambda: self.models.fill_with_service(place))

    def _route(self) -> Optional[Route]:
        plan = self.status.plan
        return plan.get("route") if plan else None

    def _changed(self, _config: Any, spec: GObject.ParamSpec) -> None:
        if spec.name in ("model", "backend"):
            self._fill_parts()
        self.follow_model(spec.name, self.lists)
        if spec.name in self.options and spec.name not in PLAIN:
            self.status.update()

    # Layout

    def _body(self) -> Gtk.Box:
        fields = self.fields
        return rows.column_of(
            rows.prompt(fields, self.history),
            self._negative(),
            self._strength(),
            self.selecting,
            self._looks(),
            self._quality(),
            rows.seeds(fields),
            fields.numbers("width", "height"),
            self.source() if "source" in fields.options else None,
            self._target(),
            *self._expanders(),
        )

    def _negative(self) -> Gtk.Expander:
        _view, scroll = self.fields.text_view("negative-prompt", NEGATIVE_LINES)
        used = self.fields.differs("negative-prompt")
        return native.expander(_(self.options["negative-prompt"].label), scroll, used)

    def _looks(self) -> Gtk.Box:
        row = native.row(spacing=2 * native.BORDER)
        self.better = native.dialog_button(
            _("Get a Better Model…"),
            _("The one that comes along paints rough sketches only"),
            lambda: ModelManager(self.dialog).run(),
        )
        self.better.set_no_show_all(True)
        model = self.fields.row("model", self.models)
        model.pack_start(self.better, False, False, 0)
        row.pack_start(model, True, True, 0)
        row.pack_start(self.fields.row("style", self.styles, aligned=False), True, True, 0)
        return row

    def _quality(self) -> Gtk.Box:
        """The number of steps is there only where it is not said in a word."""
        steps = self.fields.number("steps", aligned=False)
        native.show_while(
            self.config, "steps-preset", steps, lambda preset: preset == choices.CUSTOM
        )
        row = native.row(spacing=2 * native.BORDER)
        row.pack_start(self.fields.combo("steps-preset"), True, True, 0)
        row.pack_start(steps, False, False, 0)
        row.pack_start(self.fields.number("count", aligned=False), False, False, 0)
        return row

    def _strength(self):
        if "strength" not in self.options:
            return None
        self.strength = StrengthRow(self.fields, self.action)
        return self.strength.row

    def _target(self):
        """Without an image the result is a new one, and there is nothing to choose."""
        if self.context.image is None:
            return None
        return self.fields.row("target", TargetChooser(self.config, self.context.image))

    def _place(self) -> Gtk.Box:
        row = self.fields.row("backend", self.places.combo)
        row.pack_start(self.places.button, False, False, 0)
        return row

    def _expanders(self):
        """What most people never need, out of sight; what changes a mask is shown once used."""
        parts = [self._steering(), self._more()]
        if "mask-source" in self.options:
            content = edges.edges(self.fields, self.context)
            used = self.fields.differs(*edges.SHOWN_WHEN_USED)
            parts.insert(0, native.expander(_("_Edge and colors"), content, used))
        return parts

    def _steering(self) -> Gtk.Expander:
        used = self.fields.differs(*steering.SHOWN_WHEN_USED)
        content = steering.steering(self.fields, self.context, self.loras, self.kinds)
        return native.expander(_("Control and _LoRAs"), content, used)

    def _more(self) -> Gtk.Expander:
        fields = self.fields
        box = rows.column_of(
            self._place(),
            self._numbers(),
            edges.transparency(fields, self.context),
            fields.check("mark-digital-source"),
            self._observing(),
        )
        return native.expander(_("M_ore options"), box, fields.differs(*SHOWN_WHEN_USED))

    def _numbers(self) -> Gtk.Box:
        row = native.row(spacing=2 * native.BORDER)
        row.pack_start(self.fields.combo("sampler"), True, True, 0)
        row.pack_start(self.fields.number("guidance", aligned=False), False, False, 0)
        row.pack_start(self.fields.row("vae", self.vaes, aligned=False), True, True, 0)
        return row

    def _observing(self) -> Gtk.Box:
        sheet, words = self.options["contact-sheet"], native.plain(_("Contact sheet"))
        chooser = GimpUi.prop_file_chooser_new(self.config, sheet.name, _(sheet.label), words)
        for widget in native.children(chooser):
            if isinstance(widget, (Gtk.Entry, Gtk.Button)):
                self.fields.name(widget, sheet)
        return native.row(self.fields.check("observe"), chooser, spacing=2 * native.BORDER)
