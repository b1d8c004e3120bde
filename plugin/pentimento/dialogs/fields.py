"""GIMP's widgets for the options of an action, with aligned labels and names for screen readers."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Tuple

from gi.repository import GimpUi, GObject, Gtk

import dialogs.native as native
import options
from i18n import _

LINE_HEIGHT = 20  # px, at GIMP's default font; the view grows with its text from here
NUMBER_CHARACTERS = 9  # the same for all so that they align
SHORT_CHARACTERS = 5
SLIDER_WIDTH = 200  # px
STEPS_OF_INT, STEPS_OF_DOUBLE = (1, 10, 0), (0.1, 1, 2)  # a key, a page, digits shown
ZERO_IS_AUTOMATIC = ("steps", "guidance", "width", "height")
BOTH = GObject.BindingFlags.SYNC_CREATE | GObject.BindingFlags.BIDIRECTIONAL
OPPOSITE = GObject.BindingFlags.SYNC_CREATE | GObject.BindingFlags.INVERT_BOOLEAN
OPPOSITE_BOTH = BOTH | GObject.BindingFlags.INVERT_BOOLEAN


class Fields:
    """Makes the widget of an option by its name; None for one that the action does not have. The
    widgets are bound to the config directly: those that GIMP's ProcedureDialog makes complain about
    letters that are used twice before they can be shared out."""

    def __init__(self, dialog: Any, config: Any, of_action: Iterable[options.Option]) -> None:
        self.dialog = dialog
        self.config = config
        self.options = {option.name: option for option in of_action}
        self.widgets: Dict[str, Gtk.Widget] = {}  # what a person types or chooses in, by option
        self._labels = Gtk.SizeGroup(mode=Gtk.SizeGroupMode.HORIZONTAL)

    def combo(self, name: str, aligned: bool = True):
        if name not in self.options:
            return None
        return self.row(name, GimpUi.prop_choice_combo_box_new(self.config, name), aligned)

    def combos(self, first: str, second: str):
        """Two choices side by side, or the one of them that the action has."""
        if first not in self.options or second not in self.options:
            return self.combo(first) or self.combo(second)
        row = native.row(spacing=2 * native.BORDER)
        row.pack_start(self.combo(first), True, True, 0)
        row.pack_start(self.combo(second, aligned=False), True, True, 0)
        return row

    def numbers(self, first: str, second: str):
        """Two numbers side by side; nothing when the action does not have them."""
        if first not in self.options:
            return None
        pair = self.number(first), self.number(second, aligned=False)
        return native.row(*pair, spacing=2 * native.BORDER)

    def number(
        self, name: str, aligned: bool = True, characters: int = NUMBER_CHARACTERS
    ) -> Gtk.Box:
        """A number, with room for `characters` and for the widest value it can have."""
        option = self.options[name]
        step, page, digits = STEPS_OF_INT if option.kind == options.INT else STEPS_OF_DOUBLE
        spin = GimpUi.prop_spin_button_new(self.config, name, step, page, digits)
        spin.set_width_chars(max(characters, native.widest(spin)))
        if name in ZERO_IS_AUTOMATIC:
            word = _("automatic")
            spin.set_width_chars(max(spin.get_width_chars(), len(word) + 1))
            native.show_zero_as(spin, word)
        return self.row(name, spin, aligned, fill=False)

    def scale(self, name: str) -> Tuple[Gtk.Box, Gtk.Scale, Gtk.SpinButton]:
        """A number from 0 to 1 as a slider, and as a number beside it: the row, and both."""
        spin = GimpUi.prop_spin_button_new(self.config, name, 0.01, 0.1, 2)
        spin.set_width_chars(SHORT_CHARACTERS)
        slider = Gtk.Scale(adjustment=spin.get_adjustment(), draw_value=False, digits=2)
        slider.set_size_request(SLIDER_WIDTH, -1)
        self.name(slider, self.options[name])
        row = self.row(name, slider)
        self.name(spin, self.options[name])
        row.pack_start(spin, False, False, 0)
        return row, slider, spin

    def check(self, name: str):
        if name not in self.options:
            return None
        option = self.options[name]
        check = Gtk.CheckButton.new_with_mnemonic(_(option.label))
        self.name(check, option)
        self.config.bind_property(name, check, "active", BOTH)
        return check

    def text_view(self, name: str, lines: int) -> Tuple[Gtk.TextView, Gtk.ScrolledWindow]:
        view = Gtk.TextView(buffer=GimpUi.prop_text_buffer_new(self.config, name, -1))
        view.set_wrap_mode(Gtk.WrapMode.WORD_CHAR)
        view.set_accepts_tab(False)
        view.set_left_margin(native.SPACING)
        view.set_right_margin(native.SPACING)
        view.set_top_margin(native.SPACING)
        view.set_bottom_margin(native.SPACING)
        self.name(view, self.options[name])
        scroll = Gtk.ScrolledWindow(shadow_type=Gtk.ShadowType.IN)
        scroll.set_policy(Gtk.PolicyType.NEVER, Gtk.PolicyType.AUTOMATIC)
        scroll.set_min_content_height(LINE_HEIGHT * lines)
        scroll.set_max_content_height(LINE_HEIGHT * lines * 2)
        scroll.set_propagate_natural_height(True)
        scroll.add(view)
        return view, scroll

    def row(
        self, name: str, widget: Gtk.Widget, aligned: bool = True, fill: bool = True
    ) -> Gtk.Box:
        """A widget for an option, beside its label."""
        option = self.options[name]
        label = native.label(_(option.label), widget)
        if aligned:
            self.align(label)
        self.name(widget, option)
        self.widgets[name] = widget
        box = native.row(label)
        box.pack_start(widget, fill, fill, 0)
        return box

    def align(self, label: Gtk.Widget) -> None:
        self._labels.add_widget(label)

    def name(self, widget: Gtk.Widget, option: options.Option) -> None:
        native.name(widget, _(option.label), _(option.blurb))
        if isinstance(widget, Gtk.ComboBox):  # the button in it is what gets the focus
            for child in native.children(widget):
                if isinstance(child, Gtk.ToggleButton):
                    native.name(child, _(option.label), _(option.blurb))
        widget.set_tooltip_text(_(option.blurb))

    def differs(self, *names: str) -> bool:
        """Whether any of these options that the action has is not at its default."""
        return any(
            self.config.get_property(name) != self.options[name].default
            for name in names
            if name in self.options
        )
