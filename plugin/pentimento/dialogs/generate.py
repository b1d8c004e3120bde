"""The dialog of Image to Image, Regenerate Selection and Text to Image: GIMP's ProcedureDialog with
the widgets of whichever options the action has, in the order of a person's thoughts."""

from __future__ import annotations

import importlib
from typing import Any, Dict, List, Optional

import dialogs.native as native

native.start()

from gi.repository import GimpUi, GObject, Gtk

import choices
import dialogs.edges as edges
import dialogs.rows as rows
import dialogs.steering as steering
import options
from actions.steering import check as check_steering
from context import values_of
from dialogs.backend import PlaceChooser
from dialogs.fields import Fields
from dialogs.loras import LoraAdder
from dialogs.models import ModelChooser, StyleChooser, VaeChooser
from dialogs.presets import PresetLink
from dialogs.status_line import StatusLine
from dialogs.target import TargetChooser
from gimpio.destination import Destination
from i18n import _

WIDTH = 600
NEGATIVE_LINES = 2
PLAIN = ("prompt", "negative-prompt", "random-seed", "seed")  # not what a plan depends on
LINKS = (
    ("strength-preset", "strength", choices.STRENGTH_PRESETS),
    ("steps-preset", "steps", choices.STEPS_PRESETS),
)


def ask(procedure: Any, config: Any, context: Any) -> bool:
    return GenerateDialog(procedure, config, context).run()


class GenerateDialog:
    def __init__(self, procedure: Any, config: Any, context: Any) -> None:
        self.config = config
        self.context = context
        self.lists: Dict[str, List[Dict[str, Any]]] = {"models": [], "vaes": []}
        self.options = {option.name: option for option in context.action.options}
        self.links = [
            PresetLink(config, preset, number, table)
            for preset, number, table in LINKS
            if preset in self.options and number in self.options
        ]
        self.dialog = rows.frame(procedure, config, context, _("_Generate"), WIDTH)
        self.fields = Fields(self.dialog, config, context.action.options)
        self.models, self.vaes = ModelChooser(config), VaeChooser(config)
        self.styles = StyleChooser(config)
        self.loras = LoraAdder(config)
        self.places = PlaceChooser(config, self._place_changed)
        self.status = StatusLine(self._plan_request, self._known)
        self._lay_out()
        config.connect("notify", self._changed)
        # Whoever comes back from another window may have installed or removed something there.
        self.dialog.connect("notify::is-active", lambda *_args: self.status.update())

    def run(self) -> bool:
        """True when Generate was pressed."""
        go = self.dialog.run()
        while go and not self.places.ready(self._route()):
            go = self.dialog.run()
        self.status.close()
        for link in self.links:
            link.close()
        self.dialog.destroy()
        return bool(go)

    def _plan_request(self):
        """Raises NotPossible where the image can't take the result the chosen way."""
        action = importlib.import_module("actions." + self.context.action.key)
        values = values_of(self.context.action, self.config)
        if self.context.image is not None:
            Destination.of(values).check(self.context.image)
        check_steering(values, has_source="source" in self.options)
        return action.plan_request(self.context, values)

    def _known(self, lists: Dict[str, List[Dict[str, Any]]], places: List[Dict[str, Any]]) -> None:
        """The server has answered for the first time, or something is new there."""
        self.lists = lists
        native.when_closed(self.loras, lambda: self.loras.fill(lists))
        native.when_closed(self.places.combo, lambda: self.places.fill(places))
        native.when_closed(self.vaes, self._fill_vaes)
        native.when_closed(self.styles, lambda: self.styles.fill_with(lists["styles"]))

    def _fill_vaes(self) -> None:
        """Those that fit the chosen model."""
        models, chosen = self.lists["models"], self.config.get_property("model")
        default = next((model["id"] for model in models if model.get("default")), "")
        self.vaes.fill_for(self.lists["vaes"], chosen or default)

    def _place_changed(self, place: Dict[str, Any]) -> None:
        if place["id"] == options.LOCAL:
            models = self.lists["models"]
            native.when_closed(self.models, lambda: self.models.fill_with_models(models))
        else:
            native.when_closed(self.models, lambda: self.models.fill_with_service(place))

    def _route(self) -> Optional[Dict[str, Any]]:
        plan = self.status.plan
        return plan.get("route") if plan else None

    def _changed(self, _config: Any, spec: GObject.ParamSpec) -> None:
        if spec.name == "model":
            self._fill_vaes()
        if spec.name in self.options and spec.name not in PLAIN:
            self.status.update()

    # Layout

    def _lay_out(self) -> None:
        fields = self.fields
        box = rows.column_of(
            rows.prompt(fields),
            self._negative(),
            self._presets(),
            self._strength(),
            fields.numbers("width", "height"),
            rows.seeds(fields),
            fields.combo("source"),
            self._target(),
            self._place(),
            *self._expanders(),
        )
        box.pack_start(Gtk.Separator(), False, False, 0)
        box.pack_start(self.status, False, False, 0)
        rows.put_in(self.dialog, box)

    def _negative(self) -> Gtk.Expander:
        _view, scroll = self.fields.text_view("negative-prompt", NEGATIVE_LINES)
        used = self.fields.differs("negative-prompt")
        return native.expander(_(self.options["negative-prompt"].label), scroll, used)

    def _presets(self) -> Gtk.Box:
        row = native.row(spacing=2 * native.BORDER)
        row.pack_start(self.fields.combos("strength-preset", "steps-preset"), True, True, 0)
        row.pack_start(self.fields.row("style", self.styles, aligned=False), True, True, 0)
        return row

    def _strength(self):
        if "strength" not in self.options:
            return None
        entry = self.dialog.get_scale_entry("strength", 1.0)
        entry.get_range().set_size_request(200, -1)
        for choice in choices.STRENGTH_PRESETS:
            if choice.value is not None:
                mark = f"<small>{_(choice.label)}</small>"
                entry.get_range().add_mark(choice.value, Gtk.PositionType.BOTTOM, mark)
        return self.fields.labelled("strength", entry)

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
            parts.insert(0, native.expander(_("Edges and _colors"), content, used))
        native.one_at_a_time(*parts)
        return parts

    def _steering(self) -> Gtk.Expander:
        used = self.fields.differs(*steering.SHOWN_WHEN_USED)
        content = steering.steering(self.fields, self.context, self.loras)
        return native.expander(_("Control and Lo_RAs"), content, used)

    def _more(self) -> Gtk.Expander:
        fields = self.fields
        box = rows.column_of(
            self._model(),
            self._numbers(),
            edges.transparency(fields, self.context),
            fields.check("mark-digital-source"),
            self._observing(),
        )
        return native.expander(_("M_ore options"), box)

    def _model(self) -> Gtk.Box:
        model = self.fields.row("model", self.models, aligned=False)
        row = native.row(spacing=2 * native.BORDER)
        row.pack_start(self.fields.combo("sampler"), True, True, 0)
        row.pack_start(model, True, True, 0)
        return row

    def _numbers(self) -> Gtk.Box:
        row = self.fields.numbers("steps", "guidance")
        row.pack_start(self.fields.row("vae", self.vaes, aligned=False), True, True, 0)
        return row

    def _observing(self) -> Gtk.Box:
        sheet, words = self.options["contact-sheet"], native.plain(_("Contact sheet"))
        chooser = GimpUi.prop_file_chooser_new(self.config, sheet.name, _(sheet.label), words)
        for widget in native.children(chooser):
            if isinstance(widget, (Gtk.Entry, Gtk.Button)):
                self.fields.name(widget, sheet)
        return native.row(self.fields.check("observe"), chooser, spacing=2 * native.BORDER)
