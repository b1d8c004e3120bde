"""The Doctor dialog: every check with ✓ or ✗, a sentence, and a button where it can be repaired."""

from __future__ import annotations

from typing import Any, List

import dialogs.native as native

native.start()

from gi.repository import Gdk, GLib, Gtk

from actions.doctor import examine, report
from dialogs.background import Background
from i18n import _

WIDTH, HEIGHT = 560, 420
CHECK_AGAIN, COPY = 1, 2


def show() -> None:
    """Does all there is to do while it is open."""
    DoctorDialog().run()


class DoctorDialog:
    def __init__(self) -> None:
        self.background = Background()
        self.checks: List[Any] = []
        self.dialog = native.window(_("Pentimento Doctor"), "pentimento-doctor")
        self.dialog.set_default_size(WIDTH, HEIGHT)
        self.dialog.add_button(_("Copy _Report"), COPY)
        self.dialog.add_button(_("Check _Again"), CHECK_AGAIN)
        self.dialog.add_button(_("_Close"), Gtk.ResponseType.CLOSE)
        self.dialog.set_default_response(Gtk.ResponseType.CLOSE)
        self.summary = native.paragraph()
        self.list = native.column(native.BORDER)
        self.list.set_border_width(native.SPACING)
        scroll = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.NEVER)
        scroll.set_shadow_type(Gtk.ShadowType.IN)
        scroll.add(self.list)
        box = native.column(native.BORDER)
        box.set_border_width(native.BORDER)
        box.pack_start(self.summary, False, False, 0)
        box.pack_start(scroll, True, True, 0)
        box.show_all()
        self.dialog.get_content_area().pack_start(box, True, True, 0)

    def run(self) -> None:
        self._examine()
        while True:
            response = self.dialog.run()
            if response == CHECK_AGAIN:
                self._examine()
            elif response == COPY:
                self._copy()
            else:
                break
        self.background.close()
        self.dialog.destroy()

    def _examine(self) -> None:
        self.summary.set_text(_("Checking…"))
        self._allow(False)
        self.background.run(examine, self._show, self._show_error)

    def _show(self, checks: List[Any]) -> None:
        self.checks = checks
        self.list.foreach(Gtk.Widget.destroy)
        for check in checks:
            self.list.pack_start(self._line(check), False, False, 0)
        self.list.show_all()
        wrong = sum(not check.ok for check in checks)
        self.summary.set_text(
            _("Not all is well; the lines with ✗ tell the remedy.") if wrong else _("All is well.")
        )
        self._allow(True)

    def _show_error(self, error: Exception) -> None:
        self.summary.set_text(str(error))
        self._allow(True)

    def _line(self, check: Any) -> Gtk.Box:
        mark = Gtk.Label(valign=Gtk.Align.START)
        mark.set_markup("<big>{}</big>".format("✓" if check.ok else "✗"))
        native.name(mark, _("in order") if check.ok else _("wrong"))
        title = Gtk.Label(xalign=0)
        title.set_markup("<b>{}</b>".format(GLib.markup_escape_text(check.title)))
        text = native.column(2)
        text.pack_start(title, False, False, 0)
        text.pack_start(native.paragraph(check.sentence, selectable=True), False, False, 0)
        line = native.row(mark, spacing=native.BORDER)
        line.pack_start(text, True, True, 0)
        if check.fix is not None:
            button = native.button(check.fix_label, check.title, lambda: self._fix(check))
            button.set_valign(Gtk.Align.START)
            line.pack_end(button, False, False, 0)
        return line

    def _fix(self, check: Any) -> None:
        self.summary.set_text(_("Repairing…"))
        self._allow(False)
        self.background.run(check.fix, lambda _result: self._examine(), self._show_error)

    def _copy(self) -> None:
        clipboard = Gtk.Clipboard.get(Gdk.SELECTION_CLIPBOARD)
        clipboard.set_text(report(self.checks), -1)
        clipboard.store()
        self.summary.set_text(_("The report is on the clipboard."))

    def _allow(self, allowed: bool) -> None:
        self.list.set_sensitive(allowed)
        for response in (CHECK_AGAIN, COPY):
            self.dialog.set_response_sensitive(response, allowed)
