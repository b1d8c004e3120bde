"""Small helpers that make own widgets look and behave like GIMP's: names, spacing, mnemonics."""

from __future__ import annotations

import gi

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import GimpUi, GLib, Gtk

SPACING = 6
BORDER = 12
LINE_CHARACTERS = 60  # in explaining text


def start() -> None:
    """Prepares Gtk for this process, with GIMP's theme; calling it again does nothing."""
    GimpUi.init("pentimento")


def name(widget, text: str, description: str = "") -> None:
    """Tells screen readers what a widget is."""
    accessible = widget.get_accessible()
    accessible.set_name(plain(text))
    if description:
        accessible.set_description(description)


def plain(label: str) -> str:
    """A label without its mnemonic mark."""
    return label.replace("__", "\0").replace("_", "").replace("\0", "_")


def column(spacing: int = SPACING) -> Gtk.Box:
    return Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=spacing)


def row(*widgets, spacing: int = SPACING) -> Gtk.Box:
    box = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=spacing)
    for widget in widgets:
        box.pack_start(widget, False, False, 0)
    return box


def label(text: str, target=None) -> Gtk.Label:
    """A left-aligned label whose mnemonic goes to `target`."""
    widget = Gtk.Label(label=text, use_underline=target is not None, xalign=0)
    if target is not None:
        widget.set_mnemonic_widget(target)
    return widget


def paragraph(text: str = "", selectable: bool = False) -> Gtk.Label:
    """Explaining text that wraps and never makes a dialog wider."""
    widget = Gtk.Label(label=text, xalign=0, yalign=0, wrap=True, selectable=selectable)
    widget.set_max_width_chars(LINE_CHARACTERS)
    widget.set_can_focus(False)
    return widget


def icon(names: str, size=Gtk.IconSize.MENU) -> Gtk.Image:
    return Gtk.Image.new_from_icon_name(names, size)


def button(text: str, tooltip: str, clicked) -> Gtk.Button:
    widget = Gtk.Button.new_with_mnemonic(text)
    widget.set_tooltip_text(tooltip)
    widget.connect("clicked", lambda _button: clicked())
    return widget


def dialog_button(text: str, tooltip: str, run_dialog) -> Gtk.Button:
    """A button that opens a dialog and waits for it. The click itself is over before that, or a
    screen reader that pressed the button would wait as long as the dialog is open."""

    def soon() -> bool:
        run_dialog()
        return GLib.SOURCE_REMOVE

    return button(text, tooltip, lambda: GLib.idle_add(soon))


def entries(rows) -> Gtk.Grid:
    """Entries below one another, each of `rows` with its label and tooltip: (text, entry, tip)."""
    grid = Gtk.Grid(column_spacing=BORDER, row_spacing=SPACING)
    for number, (text, entry, tooltip) in enumerate(rows):
        entry.set_hexpand(True)
        entry.set_tooltip_text(tooltip)
        name(entry, text, tooltip)
        grid.attach(label(text, entry), 0, number, 1, 1)
        grid.attach(entry, 1, number, 1, 1)
    return grid


def expander(text: str, content: Gtk.Widget, expanded: bool = False) -> Gtk.Expander:
    widget = Gtk.Expander(label=text, use_underline=True, expanded=expanded)
    widget.set_resize_toplevel(True)
    widget.add(content)
    name(widget, text)
    return widget


def one_at_a_time(*expanders: Gtk.Expander) -> None:
    """Opening one of them closes the others, so that a dialog stays within a small screen."""

    def opened(widget: Gtk.Expander, _spec) -> None:
        for other in expanders:
            if widget.get_expanded() and other is not widget:
                other.set_expanded(False)

    for widget in expanders:
        widget.connect("notify::expanded", opened)


def show_zero_as(spin: Gtk.SpinButton, word: str) -> None:
    """Shows a word in place of 0. Typing the word, or anything else that is no number, gives 0."""

    def output(button: Gtk.SpinButton) -> bool:
        if button.get_value() != 0:
            return False
        button.set_text(word)
        return True

    spin.set_numeric(False)  # numeric spin buttons refuse letters even from here
    spin.connect("output", output)
    spin.update()


def when_closed(combo: Gtk.ComboBox, act) -> None:
    """Calls `act()`, which changes the entries of a combo box: now, or when its list is closed."""
    if not combo.get_property("popup-shown"):
        act()
        return

    def closed(*_args) -> None:
        combo.disconnect(handler)
        act()

    handler = combo.connect("notify::popup-shown", closed)


def children(widget):
    """All widgets below `widget`, itself included."""
    yield widget
    if isinstance(widget, Gtk.Container):
        found = []
        widget.forall(found.append)
        for child in found:
            yield from children(child)


def window(title: str, role: str) -> GimpUi.Dialog:
    """An empty dialog of GIMP's kind, above GIMP's window."""
    start()
    dialog = GimpUi.Dialog(title=title, role=role, use_header_bar=False)
    dialog.set_border_width(0)
    dialog.realize()
    GimpUi.window_set_transient(dialog)
    return dialog
