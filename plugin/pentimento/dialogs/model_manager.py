"""The dialog Models: what is installed and what can be downloaded, with progress while it is open.
Downloads belong to the server and go on when it is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Optional, Set, Tuple

import dialogs.native as native

if TYPE_CHECKING:
    from answers import Available, AvailableModel, PullSnapshot
    from client import Client

native.start()

from gi.repository import GLib, Gtk

import model_words
import server
from dialogs.background import Background
from dialogs.model_row import ModelRow
from i18n import _
from server_texts import told

WIDTH, HEIGHT = 660, 600
LOOK_MS = 500


def show() -> None:
    """Does all there is to do while it is open."""
    ModelManager().run()


class ModelManager:
    """`parent` is the dialog that it was opened from."""

    def __init__(self, parent: Optional[Gtk.Window] = None) -> None:
        self.background = Background()
        self.rows: Dict[str, ModelRow] = {}
        self.asking = True
        self.active: List[str] = []
        self.dialog = native.window(_("Models"), "pentimento-models")
        if parent is not None:
            self.dialog.set_transient_for(parent)
            self.dialog.set_modal(True)
        self.dialog.set_default_size(WIDTH, HEIGHT)
        self.dialog.add_button(_("_Close"), Gtk.ResponseType.CLOSE)
        self.dialog.set_default_response(Gtk.ResponseType.CLOSE)
        self.summary = native.paragraph(_("Asking the server…"))
        self.suiting = Gtk.CheckButton(
            label=_("_Only what suits this machine"), use_underline=True, active=False
        )
        self.suiting.connect("toggled", lambda _button: self._filter())
        self.wanted = Gtk.SearchEntry()
        native.name(self.wanted, _("Find"), _("A part of a model's name"))
        self.wanted.connect("search-changed", lambda _entry: self._filter())
        # Escape closes every window; a search entry would keep it to itself.
        self.wanted.connect(
            "stop-search", lambda _entry: self.dialog.response(Gtk.ResponseType.CLOSE)
        )
        narrow = native.row(native.label(_("_Find"), self.wanted), spacing=native.SPACING)
        narrow.pack_start(self.wanted, True, True, 0)
        narrow.pack_start(self.suiting, False, False, native.SPACING)
        self.list = native.column(2 * native.BORDER)
        self.list.set_border_width(native.BORDER)
        scroll = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.NEVER)
        scroll.set_shadow_type(Gtk.ShadowType.IN)
        scroll.add(self.list)
        native.name(scroll, _("Models"))
        box = native.column(native.BORDER)
        box.set_border_width(native.BORDER)
        box.pack_start(self.summary, False, False, 0)
        box.pack_start(narrow, False, False, 0)
        box.pack_start(scroll, True, True, 0)
        box.show_all()
        self.dialog.get_content_area().pack_start(box, True, True, 0)

    def run(self) -> None:
        tell = self.background.tell
        self.background.run(
            lambda: _everything(server.ready(lambda text: tell(self.summary.set_text, text))),
            self._show,
            self._failed,
        )
        timer = GLib.timeout_add(LOOK_MS, self._look)
        self.dialog.run()
        GLib.source_remove(timer)
        self.background.close()
        self.dialog.destroy()

    # What there is

    def _look(self) -> bool:
        """Asks for the progress in a thread; again and again while the dialog is open."""
        if not self.asking:
            self.asking = True
            self.background.run(lambda: server.connect().pulls(), self._progressed, self._failed)
        return GLib.SOURCE_CONTINUE

    def _refresh(self) -> None:
        self.asking = True
        self.background.run(lambda: _everything(server.connect()), self._show, self._failed)

    def _show(self, everything: Tuple[Available, List[PullSnapshot]]) -> None:
        told, pulls = everything
        self.summary.set_text(_machine(told))
        self.list.foreach(Gtk.Widget.destroy)
        self.rows = {}
        begun = {p["id"] for p in pulls if p["status"] in model_words.BEGUN}
        for entry in sorted(told["available"], key=lambda one: _order(one, begun)):
            row = self.rows[entry["id"]] = ModelRow(entry, self._act)
            self.list.pack_start(row, False, False, 0)
        self.list.show()
        self._filter()
        self.active = _active(pulls)
        self._progressed(pulls)

    def _progressed(self, pulls: List[PullSnapshot]) -> None:
        self.asking = False
        before, self.active = self.active, _active(pulls)
        if set(before) - set(self.active):
            self._refresh()  # one has come to an end: there may be a new model
            return
        by_id = {pull["id"]: pull for pull in pulls}
        for name, row in self.rows.items():
            row.show_pull(by_id.get(name))

    def _filter(self) -> None:
        wanted, suiting = self.wanted.get_text().strip().lower(), self.suiting.get_active()
        for row in self.rows.values():
            entry = row.entry
            suits = entry["usable"] and entry["fits"]["verdict"] != "no"
            named = wanted in entry["title"].lower() or wanted in entry["id"]
            row.set_visible(named and (suits or entry["installed"] or not suiting))

    def _failed(self, error: Exception) -> None:
        self.asking = False
        self.summary.set_text("✗ " + str(error))

    # What is done

    def _act(self, what: str, entry: AvailableModel) -> None:
        if what == "download" and not self._agrees(entry):
            return
        if what == "remove" and not self._confirms(entry):
            return
        self.asking = True
        self.background.run(
            lambda: _do(what, entry["id"]), lambda _done: self._refresh(), self._failed
        )

    def _agrees(self, entry: AvailableModel) -> bool:
        """Shows the licence before the first byte is asked for."""
        licence = entry["licence"]
        size = model_words.amount(entry["bytes"])
        lines = [
            _("About {size}, from the HuggingFace hub or your mirror of it.").format(size=size),
            _("Licence: {title}").format(title=licence["title"]),
            told(licence["notice"]) if licence["notice"] else "",
            _("The hub asks for an account that has agreed there; see HF_TOKEN in the docs.")
            if entry["gated"]
            else "",
        ]
        agree = Gtk.CheckButton.new_with_mnemonic(_("I have _read the licence and agree to it"))
        link = Gtk.LinkButton.new_with_label(licence["url"], licence["url"])
        link.set_halign(Gtk.Align.START)
        title = _("Download {model}").format(model=entry["title"])
        widgets = (native.paragraph("\n\n".join(filter(None, lines))), link, agree)
        return self._asks(title, _("_Download"), widgets, agree)

    def _confirms(self, entry: AvailableModel) -> bool:
        text = _("It is deleted from the server's data folder. It can be downloaded again.")
        title = _("Remove {model}").format(model=entry["title"])
        return self._asks(title, _("_Remove"), (native.paragraph(text),))

    def _asks(self, title: str, accept: str, widgets, needed: Any = None) -> bool:
        """A question above the dialog; `needed` is a check box without which it isn't accepted."""
        dialog = native.window(title, "pentimento-models-question")
        dialog.set_transient_for(self.dialog)
        dialog.set_modal(True)
        dialog.add_button(_("_Cancel"), Gtk.ResponseType.CANCEL)
        button = dialog.add_button(accept, Gtk.ResponseType.OK)
        box = native.column(native.BORDER)
        box.set_border_width(native.BORDER)
        for widget in widgets:
            box.pack_start(widget, False, False, 0)
        box.show_all()
        dialog.get_content_area().pack_start(box, True, True, 0)
        if needed is not None:
            button.set_sensitive(False)
            needed.connect("toggled", lambda check: button.set_sensitive(check.get_active()))
        answer = dialog.run()
        dialog.destroy()
        return answer == Gtk.ResponseType.OK


def _everything(client: Client) -> Tuple[Available, List[PullSnapshot]]:
    """In a thread."""
    return client.available(), client.pulls()


def _do(what: str, model: str) -> None:
    """In a thread."""
    client = server.connect()
    if what == "download":
        client.pull(model, True)
    elif what == "resume":
        client.pull(model)
    elif what == "pause":
        client.pause_pull(model)
    elif what == "cancel":
        client.cancel_pull(model)
    else:
        client.remove_model(model)


def _active(pulls: List[PullSnapshot]) -> List[str]:
    return [pull["id"] for pull in pulls if pull["status"] in model_words.ACTIVE]


def _order(entry: AvailableModel, begun: Set[str]) -> Any:
    """What is on its way first, then what is installed, then what suits; each in the catalogue's
    order."""
    verdict = ("yes", "slow", "no").index(entry["fits"]["verdict"])
    installed = entry["installed"]
    return (installed or entry["id"] not in begun, not installed, not entry["usable"], verdict)


def _machine(told: Available) -> str:
    free = model_words.amount(told["free_bytes"])
    memory = told["machine"]["vram_gb"]
    if memory is None:
        text = _("No graphics card · {free} free")
        return text.format(free=free)
    text = _("Graphics card with {memory} GB · {free} free")
    return text.format(memory=f"{memory:g}", free=free)
