"""The dialog of Image to Image, Regenerate Selection and Text to Image: GIMP's ProcedureDialog with
the widgets of whichever options the action has, in the order of a person's thoughts."""

from __future__ import annotations

import importlib
from typing import Any, Tuple

import dialogs.native as native

native.start()

from gi.repository import Gdk, GimpUi, GObject, Gtk

import choices
import options
from context import values_of
from dialogs.models import ModelChooser
from dialogs.presets import PresetLink
from dialogs.status_line import StatusLine
from i18n import _

WIDTH = 600
PROMPT_LINES, NEGATIVE_LINES = 4, 2
LINE_HEIGHT = 20  # px, at GIMP's default font; the view grows with its text from here
NUMBER_CHARACTERS = 9  # enough for "automatic", the same for all so that they align
ZERO_IS_AUTOMATIC = ("steps", "guidance", "width", "height")
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
        self.options = {option.name: option for option in context.action.options}
        self.labels = Gtk.SizeGroup(mode=Gtk.SizeGroupMode.HORIZONTAL)
        self.links = [
            PresetLink(config, preset, number, choices)
            for preset, number, choices in LINKS
            if preset in self.options and number in self.options
        ]
        self.dialog = GimpUi.ProcedureDialog.new(procedure, config, _(context.action.title))
        self.dialog.set_ok_label(_("_Generate"))
        self.dialog.set_default_size(WIDTH, -1)
        self.models = self._model_chooser()
        self.status = StatusLine(self._plan_request, self.models.fill)
        self._lay_out()
        config.connect("notify", self._changed)

    def run(self) -> bool:
        """True when Generate was pressed."""
        go = self.dialog.run()
        self.status.close()
        for link in self.links:
            link.close()
        self.dialog.destroy()
        return bool(go)

    def _plan_request(self):
        action = importlib.import_module("actions." + self.context.action.key)
        return action.plan_request(self.context, values_of(self.context.action, self.config))

    def _changed(self, _config: Any, spec: GObject.ParamSpec) -> None:
        if spec.name in self.options and spec.name not in PLAIN:
            self.status.update()

    # Layout

    def _lay_out(self) -> None:
        box = native.column()
        for part in (
            self._prompt(),
            self._negative(),
            self._combo("strength-preset"),
            self._strength(),
            self._numbers("width", "height"),
            self._combo("steps-preset"),
            self._seed(),
            self._combo("source"),
            self._combo("target"),
            self._more(),
        ):
            if part is not None:
                box.pack_start(part, False, False, 0)
        box.pack_start(Gtk.Separator(), False, False, 0)
        box.pack_start(self.status, False, False, 0)
        self.status.set_margin_bottom(native.SPACING)
        box.show_all()
        area = self.dialog.get_content_area()
        area.pack_start(box, True, True, 0)
        area.reorder_child(box, 0)

    def _prompt(self) -> Gtk.Box:
        view, scroll = self._text_view("prompt", PROMPT_LINES)
        view.connect("key-press-event", self._generate_on_control_return)
        self.dialog.connect("map", lambda _dialog: view.grab_focus())
        box = native.column(spacing=2)
        box.pack_start(native.label(_(self.options["prompt"].label), view), False, False, 0)
        box.pack_start(scroll, True, True, 0)
        return box

    def _negative(self) -> Gtk.Expander:
        _view, scroll = self._text_view("negative-prompt", NEGATIVE_LINES)
        expander = self._expander(_(self.options["negative-prompt"].label), scroll)
        expander.set_expanded(bool(self.config.get_property("negative-prompt")))
        return expander

    def _strength(self):
        if "strength" not in self.options:
            return None
        entry = self.dialog.get_scale_entry("strength", 1.0)
        entry.get_range().set_size_request(200, -1)
        for choice in choices.STRENGTH_PRESETS:
            if choice.value is not None:
                mark = f"<small>{_(choice.label)}</small>"
                entry.get_range().add_mark(choice.value, Gtk.PositionType.BOTTOM, mark)
        return self._labelled("strength", entry)

    def _seed(self) -> Gtk.Box:
        both = GObject.BindingFlags.SYNC_CREATE | GObject.BindingFlags.BIDIRECTIONAL
        off = GObject.BindingFlags.SYNC_CREATE | GObject.BindingFlags.INVERT_BOOLEAN
        random, value = self.options["random-seed"], self.options["seed"]
        check = Gtk.CheckButton.new_with_mnemonic(_(random.label))
        self._name(check, random)
        self.config.bind_property("random-seed", check, "active", both)
        # ProcedureDialog has no widget for unsigned numbers; bindings convert them to double.
        seed = Gtk.SpinButton.new_with_range(value.minimum, value.maximum, 1)
        self._name(seed, value)
        self.config.bind_property("seed", seed, "value", both)
        label = native.label(_(value.label), seed)
        for widget in (label, seed):
            self.config.bind_property("random-seed", widget, "sensitive", off)
        self.labels.add_widget(check)
        count = self._number("count", aligned=False)
        return native.row(check, native.row(label, seed), count, spacing=native.BORDER)

    def _more(self) -> Gtk.Expander:
        box = native.column()
        for part in (
            self._combo("sampler"),
            self._model_row(),
            self._numbers("steps", "guidance"),
            self._numbers("grow", "feather"),
        ):
            if part is not None:
                box.pack_start(part, False, False, 0)
        return self._expander(_("M_ore options"), box)

    # Widgets

    def _text_view(self, name: str, lines: int) -> Tuple[Gtk.TextView, Gtk.ScrolledWindow]:
        view = Gtk.TextView(buffer=GimpUi.prop_text_buffer_new(self.config, name, -1))
        view.set_wrap_mode(Gtk.WrapMode.WORD_CHAR)
        view.set_accepts_tab(False)
        view.set_left_margin(native.SPACING)
        view.set_right_margin(native.SPACING)
        view.set_top_margin(native.SPACING)
        view.set_bottom_margin(native.SPACING)
        option = self.options[name]
        view.set_tooltip_text(_(option.blurb))
        native.name(view, _(option.label), _(option.blurb))
        scroll = Gtk.ScrolledWindow(shadow_type=Gtk.ShadowType.IN)
        scroll.set_policy(Gtk.PolicyType.NEVER, Gtk.PolicyType.AUTOMATIC)
        scroll.set_min_content_height(LINE_HEIGHT * lines)
        scroll.set_max_content_height(LINE_HEIGHT * lines * 2)
        scroll.set_propagate_natural_height(True)
        scroll.add(view)
        return view, scroll

    def _combo(self, name: str):
        if name not in self.options:
            return None
        return self._labelled(name, self.dialog.get_widget(name, Gtk.ComboBox))

    def _numbers(self, first: str, second: str):
        """Two numbers side by side; nothing when the action does not have them."""
        if first not in self.options:
            return None
        pair = self._number(first), self._number(second, aligned=False)
        return native.row(*pair, spacing=2 * native.BORDER)

    def _number(self, name: str, aligned: bool = True) -> GimpUi.LabelSpin:
        pair = self._labelled(name, self.dialog.get_widget(name, GObject.TYPE_NONE), aligned)
        pair.get_spin_button().set_width_chars(NUMBER_CHARACTERS)
        if name in ZERO_IS_AUTOMATIC:
            native.show_zero_as(pair.get_spin_button(), _("automatic"))
        return pair

    def _labelled(self, name: str, widget: Gtk.Widget, aligned: bool = True) -> Gtk.Widget:
        """Aligns the label of a GIMP label-and-widget pair and names what is inside for screen
        readers."""
        if aligned:
            self.labels.add_widget(widget.get_label())
        for child in native.children(widget):
            if isinstance(child, (Gtk.ComboBox, Gtk.SpinButton, Gtk.Scale)):
                self._name(child, self.options[name])
        return widget

    def _name(self, widget: Gtk.Widget, option: options.Option) -> None:
        native.name(widget, _(option.label), _(option.blurb))
        widget.set_tooltip_text(_(option.blurb))

    def _model_chooser(self) -> ModelChooser:
        option = self.options["model"]
        return ModelChooser(self.config, _(option.label), _(option.blurb))

    def _model_row(self) -> Gtk.Box:
        label = native.label(_(self.options["model"].label), self.models)
        self.labels.add_widget(label)
        box = native.row(label)
        box.pack_start(self.models, True, True, 0)
        return box

    def _expander(self, text: str, content: Gtk.Widget) -> Gtk.Expander:
        expander = Gtk.Expander(label=text, use_underline=True)
        expander.set_resize_toplevel(True)
        expander.add(content)
        native.name(expander, text)
        return expander

    def _generate_on_control_return(self, _view: Gtk.TextView, event: Gdk.EventKey) -> bool:
        control = event.state & Gdk.ModifierType.CONTROL_MASK
        if control and event.keyval in (Gdk.KEY_Return, Gdk.KEY_KP_Enter):
            self.dialog.response(Gtk.ResponseType.OK)
            return True
        return False
