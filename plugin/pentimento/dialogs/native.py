"""Small helpers that make own widgets look and behave like GIMP's: names, spacing, mnemonics."""

from __future__ import annotations

from typing import List, Optional

import gi

import dialogs.mnemonics as mnemonics

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GimpUi, GLib, GObject, Gtk

SPACING = 6
BORDER = 12
AROUND = 180  # px for a window's frame and its buttons
LINE_CHARACTERS = 60  # in explaining text


STYLE = b"""
.pentimento-badge { background-color: rgba(0, 0, 0, 0.75); color: white; padding: 0 4px; }
.pentimento-row:selected { background-color: #15539e; background-image: none; }
.pentimento-row:selected > box > box > label { color: white; }
.pentimento-row:selected > box, .pentimento-row:selected > box > box,
.pentimento-row:selected > box > box > label {
  background-color: transparent; background-image: none; }
"""  # GIMP's themes mark a row that is chosen with a gray that is hardly seen


def start() -> None:
    """Prepares Gtk for this process, with GIMP's theme; calling it again does nothing."""
    GimpUi.init("pentimento")


def dress(widget: Gtk.Widget, style: str) -> None:
    """Gives a widget, and what is in it, one of the looks of STYLE."""
    provider = Gtk.CssProvider()
    provider.load_from_data(STYLE)
    for one in children(widget):
        one.get_style_context().add_provider(provider, Gtk.STYLE_PROVIDER_PRIORITY_USER)
    widget.get_style_context().add_class(style)


def name(widget, text: str, description: str = "") -> None:
    """Tells screen readers what a widget is."""
    accessible = widget.get_accessible()
    accessible.set_name(plain(text))
    if description:
        accessible.set_description(description)


def plain(label: str) -> str:
    """A label without its mnemonic mark; the letter that is only there for it goes as well."""
    bare = mnemonics.ADDED.sub("", label)
    return bare.replace("__", "\0").replace("_", "").replace("\0", "_")


def column(spacing: int = SPACING) -> Gtk.Box:
    return Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=spacing)


def row(*widgets, spacing: int = SPACING) -> Gtk.Box:
    box = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=spacing)
    for widget in widgets:
        box.pack_start(widget, False, False, 0)
    return box


def row_filling(first, second) -> Gtk.Box:
    """Two widgets beside one another, the second one as wide as there is room."""
    box = row(first)
    box.pack_start(second, True, True, 0)
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
    """What is folded away is not there for the keyboard either: Gtk alone hides it from the eye
    only, and Tab would go on into it."""
    widget = Gtk.Expander(label=text, use_underline=True, expanded=expanded)
    content.show_all()
    content.set_no_show_all(True)
    widget.add(content)
    widget.bind_property("expanded", content, "visible", GObject.BindingFlags.SYNC_CREATE)
    name(widget, text)
    return widget


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


def widest(spin: Gtk.SpinButton) -> int:
    """Characters that the widest value needs, and one more: Gtk counts in characters of average
    width, and digits are wider."""
    adjustment, digits = spin.get_adjustment(), spin.get_digits()
    ends = adjustment.get_lower(), adjustment.get_upper()
    return max(len(f"{end:.{digits}f}") for end in ends) + 1


def when_closed(combo: Gtk.ComboBox, act) -> None:
    """Calls `act()`, which changes the entries of a combo box: now, or when its list is closed."""
    if not combo.get_property("popup-shown"):
        act()
        return

    def closed(*_args) -> None:
        combo.disconnect(handler)
        act()

    handler = combo.connect("notify::popup-shown", closed)


def show_while(config, name: str, widget: Gtk.Widget, wanted) -> None:
    """Shows the widget as long as the option's value is `wanted`."""
    widget.show_all()
    widget.set_no_show_all(True)

    def follow(*_args) -> None:
        widget.set_visible(wanted(config.get_property(name)))

    config.connect("notify::" + name, follow)
    follow()


def children(widget):
    """All widgets below `widget`, itself included."""
    yield widget
    if isinstance(widget, Gtk.Container):
        found: List[Gtk.Widget] = []
        widget.forall(found.append)
        for child in found:
            yield from children(child)


def work_area(window: Optional[Gdk.Window] = None) -> Gdk.Rectangle:
    """What is free for windows of the monitor that `window` is on, or of the main one."""
    display = Gdk.Display.get_default()
    assert display is not None, "dialogs are shown on a display only"
    if window is not None:
        monitor: Optional[Gdk.Monitor] = display.get_monitor_at_window(window)
    else:
        monitor = display.get_primary_monitor() or display.get_monitor(0)
    assert monitor is not None
    return monitor.get_workarea()


def leave_wheel_to(scroll: Gtk.Container) -> None:
    """The wheel moves the page and not the values it happens to pass over: a turned wheel must not
    choose another place to run."""

    def pass_on(widget: Gtk.Widget, _event) -> bool:
        widget.stop_emission_by_name("scroll-event")
        return False  # on to the scrolled window

    for widget in children(scroll):
        if isinstance(widget, (Gtk.ComboBox, Gtk.SpinButton, Gtk.Scale)):
            widget.connect("scroll-event", pass_on)


def scrolled(box: Gtk.Widget) -> Gtk.ScrolledWindow:
    """The body of a window without fields: as high as it is where the screen has room for that."""
    scroll = Gtk.ScrolledWindow(propagate_natural_height=True, propagate_natural_width=True)
    scroll.set_policy(Gtk.PolicyType.NEVER, Gtk.PolicyType.AUTOMATIC)
    scroll.set_max_content_height(max(80, work_area().height - AROUND))
    scroll.add(box)
    scroll.show_all()
    return scroll


def give_letters(window: Gtk.Window) -> None:
    """No letter opens two things: a dialog's buttons first, then the rest from top to bottom."""
    first = children(window.get_action_area()) if isinstance(window, Gtk.Dialog) else ()
    found = [*first, *children(window)]
    labels = [
        widget
        for widget in dict.fromkeys(found)
        if isinstance(widget, Gtk.Label) and widget.get_use_underline()
    ]
    given = mnemonics.shared_out([label.get_label() for label in labels])
    for widget, text in zip(labels, given):
        if widget.get_label() != text:
            widget.set_text_with_mnemonic(text)


def window(title: str, role: str) -> GimpUi.Dialog:
    """An empty dialog of GIMP's kind, above GIMP's window."""
    start()
    dialog = GimpUi.Dialog(title=title, role=role, use_header_bar=False)
    dialog.set_border_width(0)
    dialog.realize()
    GimpUi.window_set_transient(dialog)
    dialog.connect("map", give_letters)
    return dialog


def live(seconds: float) -> None:
    """Serves the main loop for so long."""
    loop = GLib.MainLoop()
    GLib.timeout_add(int(seconds * 1000), loop.quit)
    loop.run()


def response_of(dialog: Gtk.Dialog) -> int:
    """Serves the main loop until a button of an open dialog is pressed or it is to be closed, and
    leaves it open. Gtk's and GIMP's own `run` bring the window to the front and give it the
    focus."""
    found: List[int] = []
    loop = GLib.MainLoop()

    def respond(_dialog, response: int) -> None:
        found.append(response)
        loop.quit()

    def gone(*_args) -> None:
        respond(dialog, Gtk.ResponseType.NONE)

    handlers = [
        dialog.connect("response", respond),
        dialog.connect("delete-event", lambda *_args: True),  # after its response; it stays
        dialog.connect("destroy", gone),
    ]
    loop.run()
    for handler in handlers:
        if dialog.handler_is_connected(handler):
            dialog.disconnect(handler)
    return found[0]


def question(parent, title: str, text: str, more: str, answers, answered) -> Gtk.MessageDialog:
    """Asks without waiting: `answered(yes)` hears of it. `answers` are the labels for no, which is
    what Escape and Return mean, and for yes."""
    dialog = Gtk.MessageDialog(
        transient_for=parent, modal=True, message_type=Gtk.MessageType.QUESTION, text=text
    )
    dialog.set_title(title)
    name(dialog, title)  # or screen readers call it after its type
    dialog.format_secondary_text(more)
    no, yes = answers
    dialog.add_button(no, Gtk.ResponseType.CANCEL)
    dialog.add_button(yes, Gtk.ResponseType.ACCEPT)
    dialog.set_default_response(Gtk.ResponseType.CANCEL)

    def respond(_dialog, response: int) -> None:
        dialog.destroy()
        answered(response == Gtk.ResponseType.ACCEPT)

    dialog.connect("response", respond)
    dialog.show()
    return dialog
