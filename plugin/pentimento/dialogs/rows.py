"""The frame of the dialogs of actions on pictures, and rows that several of them have."""

from __future__ import annotations

from typing import Any

from gi.repository import Gdk, GimpUi, Gtk

import dialogs.native as native
from dialogs.fields import BOTH, OPPOSITE, Fields
from i18n import _

PROMPT_LINES = 3


def frame(procedure: Any, config: Any, context: Any, go: str, width: int) -> Any:
    """An empty dialog of an action, `width` px at least; `go` is on the button that starts it."""
    dialog = GimpUi.ProcedureDialog.new(procedure, config, _(context.action.title))
    dialog.set_ok_label(go)
    dialog.set_default_size(width, -1)
    return dialog


def put_in(dialog: Any, box: Gtk.Box) -> None:
    """Shows the box in the dialog, above what GIMP has put there."""
    box.show_all()
    area = dialog.get_content_area()
    area.pack_start(box, True, True, 0)
    area.reorder_child(box, 0)


def column_of(*parts: Any) -> Gtk.Box:
    """The parts from top to bottom, without those that are None."""
    box = native.column()
    for part in parts:
        if part is not None:
            box.pack_start(part, False, False, 0)
    return box


def prompt(fields: Fields) -> Gtk.Box:
    """Where the cursor is first; Ctrl+Return there confirms the dialog."""
    view, scroll = fields.text_view("prompt", PROMPT_LINES)
    view.connect("key-press-event", _confirm_on_control_return, fields.dialog)
    fields.dialog.connect("map", lambda _dialog: view.grab_focus())
    box = native.column(spacing=2)
    box.pack_start(native.label(_(fields.options["prompt"].label), view), False, False, 0)
    box.pack_start(scroll, True, True, 0)
    return box


def _confirm_on_control_return(_view: Gtk.TextView, event: Gdk.EventKey, dialog: Any) -> bool:
    control = event.state & Gdk.ModifierType.CONTROL_MASK
    if control and event.keyval in (Gdk.KEY_Return, Gdk.KEY_KP_Enter):
        dialog.response(Gtk.ResponseType.OK)
        return True
    return False


def seeds(fields: Fields) -> Gtk.Box:
    value = fields.options["seed"]
    check = fields.check("random-seed")
    # ProcedureDialog has no widget for unsigned numbers; bindings convert them to double.
    seed = Gtk.SpinButton.new_with_range(value.minimum, value.maximum, 1)
    fields.name(seed, value)
    fields.config.bind_property("seed", seed, "value", BOTH)
    label = native.label(_(value.label), seed)
    for widget in (label, seed):
        fields.config.bind_property("random-seed", widget, "sensitive", OPPOSITE)
    fields.align(check)
    count = fields.number("count", aligned=False)
    return native.row(check, native.row(label, seed), count, spacing=native.BORDER)


def loras(fields: Fields, adder: Gtk.ComboBox) -> Gtk.Box:
    """`adder` stands beside the names."""
    entry = Gtk.Entry(placeholder_text=_("for example blueprint:0.8"))
    fields.config.bind_property("loras", entry, "text", BOTH)
    row = fields.row("loras", entry)
    row.pack_start(adder, False, False, 0)
    return row
