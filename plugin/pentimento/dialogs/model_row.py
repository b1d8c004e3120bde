"""One model in the dialog Models: what it is, the buttons that suit its state, and its progress."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Optional

import dialogs.native as native

if TYPE_CHECKING:
    from answers import AvailableModel, PullSnapshot

native.start()

from gi.repository import GLib, Gtk

import failure_words
import model_words
from i18n import _
from server_texts import told

Act = Callable[[str, "AvailableModel"], None]


class ModelRow(Gtk.Box):
    """`act(what, entry)` hears of a pressed button: download, pause, resume, cancel, remove."""

    def __init__(self, entry: AvailableModel, act: Act) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=native.SPACING)
        self.entry = entry
        self.pull: Optional[PullSnapshot] = None
        self.heading = Gtk.Label(xalign=0, wrap=True)
        self.buttons = {
            what: self._button(what, text, tooltip, act)
            for what, text, tooltip in (
                ("download", _("Download…"), _("Read the licence, then download it")),
                ("pause", _("Pause"), _("Stop; what has come is kept")),
                ("resume", _("Resume"), _("Go on where it stopped")),
                ("cancel", _("Cancel"), _("Stop, and throw away what has come")),
                ("remove", _("Remove…"), _("Delete it from the data folder")),
            )
        }
        head = native.row(spacing=native.SPACING)
        head.pack_start(self.heading, True, True, 0)
        for button in self.buttons.values():
            head.pack_start(button, False, False, 0)
        self.bar = Gtk.ProgressBar(show_text=True)
        native.name(self.bar, _("Progress of {model}").format(model=entry["title"]))
        self.problem = native.paragraph()
        self.pack_start(head, False, False, 0)
        self.pack_start(self.bar, False, False, 0)
        self.pack_start(self.problem, False, False, 0)
        self.pack_start(native.paragraph(self._facts()), False, False, 0)
        self.show_all()
        self.show_pull(None)

    def show_pull(self, pull: Optional[PullSnapshot]) -> None:
        """The state of its download, or that there is none."""
        self.pull = pull
        status = pull["status"] if pull else ""
        active = status in model_words.ACTIVE
        stopped = status in model_words.RESUMABLE
        installed = self.entry["installed"]
        title = GLib.markup_escape_text(told(self.entry["title"]))
        state = GLib.markup_escape_text(model_words.state(self.entry, pull))
        self.heading.set_markup(f"<b>{title}</b> · {state}")
        shown = {
            "download": not (installed or active or stopped),
            "pause": active,
            "resume": stopped and not installed,
            "cancel": active or (stopped and not installed),
            "remove": installed,
        }
        for what, button in self.buttons.items():
            button.set_visible(shown[what])
        self.bar.set_visible(shown["cancel"])
        if pull and shown["cancel"]:
            self.bar.set_fraction(pull["fraction"])
            self.bar.set_text(model_words.progress(pull))
        error = pull["error"] if pull and stopped else None
        parts = (error["message"], error["hint"]) if error else ()
        words = [failure_words.told(part) for part in parts]
        self.problem.set_text(" ".join(["✗", *words]) if words else "")
        self.problem.set_visible(bool(error))

    def _button(self, what: str, text: str, tooltip: str, act: Act) -> Gtk.Button:
        button = native.dialog_button(text, tooltip, lambda: act(what, self.entry))
        native.name(button, f"{text.rstrip('…')} {self.entry['title']}")
        button.set_valign(Gtk.Align.START)
        return button

    def _facts(self) -> str:
        entry = self.entry
        parts = [model_words.role(entry), model_words.amount(entry["bytes"])]
        parts.append(entry["licence"]["title"])
        lines = [told(entry["use"]), " · ".join(part for part in parts if part)]
        lines.append(model_words.fits(entry))
        return "\n".join(lines)
