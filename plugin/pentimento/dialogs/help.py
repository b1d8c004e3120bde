"""The window behind a dialog's Help button: what the action does, and keys that are told nowhere
else."""

from __future__ import annotations

import os

import dialogs.help_steps as help_steps
import dialogs.native as native

native.start()

from gi.repository import GLib, Gtk

import procedures
import server
from i18n import _


def show(parent: Gtk.Window, action: procedures.Action) -> None:
    """Until it is closed."""
    title = _("Help: {action}").format(action=_(action.title))
    window = native.window(title, "pentimento-help")
    window.set_transient_for(parent)
    window.set_modal(True)
    window.add_button(_("_Close"), Gtk.ResponseType.CLOSE)
    window.set_default_response(Gtk.ResponseType.CLOSE)
    box = native.column(native.BORDER)
    box.set_border_width(native.BORDER)
    box.pack_start(native.paragraph(_(action.help), selectable=True), False, False, 0)
    steps = help_steps.STEPS.get(action.key, ())
    for number, step in enumerate(steps, 1):
        box.pack_start(native.paragraph(f"{number}. {_(step)}", selectable=True), False, False, 0)
    box.pack_start(_heading(_("Keys")), False, False, 0)
    box.pack_start(_keys(), False, False, 0)
    box.pack_start(_more(action.key), False, False, 0)
    box.show_all()
    window.get_content_area().pack_start(native.scrolled(box), True, True, 0)
    window.run()
    window.destroy()


def _more(key: str) -> Gtk.Widget:
    """A button for the page of the documentation that the installer has put in place; without one,
    where it is."""
    page = help_steps.PAGES.get(key, "README.md")
    file = os.path.join(server.documentation(), page)
    if not os.path.isfile(file):
        more = _("More is in the file docs/{page} of Pentimento (in English).").format(page=page)
        return native.paragraph(more, selectable=True)
    address = GLib.filename_to_uri(file, None)
    return Gtk.LinkButton.new_with_label(address, _("More about this (in English)"))


def _heading(text: str) -> Gtk.Label:
    label = Gtk.Label(xalign=0)
    label.set_markup("<b>" + GLib.markup_escape_text(text) + "</b>")
    return label


def _keys() -> Gtk.Grid:
    grid = Gtk.Grid(column_spacing=native.BORDER, row_spacing=2)
    rows = (
        (_("Ctrl+Return"), _("begins the work")),
        (_("Alt+1 to Alt+4"), _("strength: touch up, restyle, repaint, replace")),
        (_("Ctrl+F"), _("in the image: the last action once more, without its dialog")),
        (_("Escape"), _("stops the work; without any, closes the dialog")),
        (_("Alt+letter"), _("goes to the field with this letter underlined")),
    )
    for number, (keys, meaning) in enumerate(rows):
        grid.attach(native.label(keys), 0, number, 1, 1)
        grid.attach(native.paragraph(meaning), 1, number, 1, 1)
    return grid
