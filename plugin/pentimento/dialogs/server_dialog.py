"""The Server dialog: whether the server runs, start, stop, and which server the actions use."""

from __future__ import annotations

from typing import Any, List, Tuple

import dialogs.native as native

native.start()

from gi.repository import GLib, Gtk

import other_machine
import server
import settings
from actions.server import details, keep
from client import Client
from dialogs.background import Background
from errors import PluginError
from i18n import _

WIDTH = 520
REFRESH_SECONDS = 2
CODE_LENGTH = 24  # four groups of four signs, with what somebody may type between them
BY_HAND = (server.SETTINGS, server.PAIRED)


def show() -> None:
    """Does all there is to do while it is open."""
    ServerDialog().run()


class ServerDialog:
    def __init__(self) -> None:
        self.background = Background()
        self.busy = False
        self.dialog = native.window(_("Pentimento Server"), "pentimento-server")
        self.dialog.set_default_size(WIDTH, -1)
        self.dialog.add_button(_("_Close"), Gtk.ResponseType.CLOSE)
        self.dialog.set_default_response(Gtk.ResponseType.CLOSE)
        box = native.column(2 * native.BORDER)
        box.set_border_width(native.BORDER)
        box.pack_start(self._state_part(), False, False, 0)
        box.pack_start(self._address_part(), False, False, 0)
        box.show_all()
        self.dialog.get_content_area().pack_start(box, True, True, 0)
        self.dialog.get_widget_for_response(Gtk.ResponseType.CLOSE).grab_focus()

    def run(self) -> None:
        self._look()
        timer = GLib.timeout_add_seconds(REFRESH_SECONDS, self._look)
        self.dialog.run()
        GLib.source_remove(timer)
        self.background.close()
        self.dialog.destroy()

    # The state, with Start and Stop

    def _state_part(self) -> Gtk.Box:
        self.icon = native.icon("gimp-info", Gtk.IconSize.LARGE_TOOLBAR)
        self.icon.set_valign(Gtk.Align.START)
        self.sentence = native.paragraph(_("Asking the server…"), selectable=True)
        line = native.row(self.icon, spacing=native.BORDER)
        line.pack_start(self.sentence, True, True, 0)
        native.name(line, _("State of the server"))
        self.facts = Gtk.Grid(column_spacing=native.BORDER, row_spacing=2)
        self.rows: List[Tuple[str, str]] = []
        self.start_button = native.button(
            _("_Start"), _("Start the server on this computer"), self._start
        )
        self.stop_button = native.button(
            _("S_top"), _("End the server; jobs that are running are cancelled"), self._stop
        )
        self.start_button.set_sensitive(False)
        self.stop_button.set_sensitive(False)
        box = native.column(native.BORDER)
        box.pack_start(line, False, False, 0)
        box.pack_start(self.facts, False, False, 0)
        box.pack_start(native.row(self.start_button, self.stop_button), False, False, 0)
        return box

    def _look(self) -> bool:
        """Asks for the state in a thread; called again and again while the dialog is open."""
        if not self.busy:
            self.background.run(_status, self._show_running, self._show_problem)
        return GLib.SOURCE_CONTINUE

    def _show_running(self, answer: Tuple[str, Any]) -> None:
        url, status = answer
        self._say(_("The server runs at {url}.").format(url=url), "object-select-symbolic")
        self._show_rows(details(status))
        self._allow(start=False, stop=not server.elsewhere())

    def _show_problem(self, error: Exception) -> None:
        self._say(str(error), "dialog-warning")
        self._show_rows([])
        self._allow(start=server.can_start(), stop=False)

    def _say(self, text: str, icon: str) -> None:
        if self.sentence.get_text() != text:
            self.sentence.set_text(text)
        self.icon.set_from_icon_name(icon, Gtk.IconSize.LARGE_TOOLBAR)

    def _show_rows(self, rows: List[Tuple[str, str]]) -> None:
        if rows == self.rows:
            return
        self.rows = rows
        self.facts.foreach(Gtk.Widget.destroy)
        for number, (title, value) in enumerate(rows):
            label = native.label(title)
            label.get_style_context().add_class("dim-label")
            self.facts.attach(label, 0, number, 1, 1)
            self.facts.attach(native.paragraph(value, selectable=True), 1, number, 1, 1)
        self.facts.show_all()

    def _allow(self, start: bool, stop: bool) -> None:
        self.start_button.set_sensitive(start and not self.busy)
        self.stop_button.set_sensitive(stop and not self.busy)

    def _start(self) -> None:
        self._work(_("Starting the server…"), server.start)

    def _stop(self) -> None:
        self._work(_("Stopping the server…"), server.stop)

    def _work(self, text: str, work) -> None:
        """Starts or stops in a thread and shows the state afterwards."""
        self.busy = True
        self._say(text, "gimp-info")
        self._allow(start=False, stop=False)
        self.background.run(work, lambda _result: self._worked(), self._failed)

    def _worked(self) -> None:
        self.busy = False
        self._look()

    def _failed(self, error: Exception) -> None:
        self.busy = False
        self._show_problem(error)

    # Which server

    def _address_part(self) -> Gtk.Box:
        self.url = Gtk.Entry(activates_default=False)
        self.token = Gtk.Entry(visibility=False, input_purpose=Gtk.InputPurpose.PASSWORD)
        self.url.set_placeholder_text(_("Leave empty to use this computer"))
        self.token.set_placeholder_text(_("Leave empty to use the token of this computer's server"))
        self.test_button = native.button(
            _("Test _Connection"),
            _("Ask the server at this address, without keeping it"),
            self._test,
        )
        self.use_button = native.button(
            _("_Use This Server"), _("Keep address and token for all actions"), self._use
        )
        self.back_button = native.button(
            _("This Com_puter"), _("Use this computer's own server again"), self._go_back
        )
        self.token.connect("changed", lambda _entry: self._show_code())
        self.result = native.paragraph(selectable=True)
        native.name(self.result, _("Result of the test"))
        box = native.column()
        heading = Gtk.Label(xalign=0)
        heading.set_markup("<b>" + GLib.markup_escape_text(_("Another server")) + "</b>")
        box.pack_start(heading, False, False, 0)
        how = _("“pentimento pair” on the other computer shows its address and a code.")
        box.pack_start(native.paragraph(how), False, False, 0)
        box.pack_start(self._entries(), False, False, 0)
        box.pack_start(
            native.row(self.test_button, self.use_button, self.back_button), False, False, 0
        )
        box.pack_start(self.result, False, False, 0)
        self._fill_entries()
        return box

    def _entries(self) -> Gtk.Grid:
        rows = (
            (_("_Address"), self.url, _("The other computer, as it shows it: 192.168.1.20:7843")),
            (
                _("_Token or code"),
                self.token,
                _("The code that “pentimento pair” shows on the other computer, or its token"),
            ),
        )
        return native.entries(rows)

    def _fill_entries(self) -> None:
        try:
            kept = settings.load()
        except PluginError as error:
            self.result.set_text(str(error))
            return
        self.url.set_text(kept.url)
        self.token.set_text(kept.token)
        place = server.address()
        self.back_button.set_sensitive(place is not None and place.origin in BY_HAND)

    def _show_code(self) -> None:
        """A code, which is typed from another screen and soon worthless, can be read; a token,
        which is much longer, cannot."""
        self.token.set_visibility(len(self.token.get_text()) <= CODE_LENGTH)

    def _go_back(self) -> None:
        self.url.set_text("")
        self.token.set_text("")
        other_machine.forget(server.data_dir())
        self._use()

    def _typed(self) -> Tuple[str, str]:
        return self.url.get_text().strip(), self.token.get_text().strip()

    def _test(self) -> None:
        url, token = self._typed()
        if other_machine.plain_code(token):
            self.result.set_text(_("This is a code: Use This Server pairs with it."))
            return
        self.result.set_text(_("Asking the server…"))
        self.background.run(
            lambda: _version_at(url, token),
            lambda version: self.result.set_text(
                _("✓ Version {version} answers and takes the token.").format(version=version)
            ),
            lambda error: self.result.set_text("✗ " + str(error)),
        )

    def _use(self) -> None:
        typed = self._typed()
        self.result.set_text(_("Asking the server…") if typed[0] else "")
        self.background.run(
            lambda: keep(*typed),
            lambda _kept: self._used(),
            lambda error: self.result.set_text("✗ " + str(error)),
        )

    def _used(self) -> None:
        self._fill_entries()
        self.result.set_text(_("✓ Kept for all actions."))
        self._look()


def _status() -> Tuple[str, Any]:
    """In a thread: address and status of the server that the actions use."""
    client = server.connect()
    return client.url, client.status()


def _version_at(url: str, token: str) -> str:
    """In a thread: asks the server at an address that is not kept yet."""
    own = server.own_file()
    address = url or str(own.get("url", ""))
    if not address:
        return str(server.connect().check()["version"])
    kept = settings.load()
    pinned = kept.fingerprint if (kept.url, kept.token) == (url, token) else ""
    client = Client(address, token or str(own.get("token", "")), pinned)
    return str(client.check()["version"])
