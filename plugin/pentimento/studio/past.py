"""What can be done with a job of the history: shown once more, done again, varied, starred, its
settings used, its record read and saved."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple

from gi.repository import Gdk, Gtk

import choices
import dialogs.native as native
import server
import texts
from actions import earlier
from errors import PluginError
from i18n import _
from recorded_values import given

if TYPE_CHECKING:
    from answers import Snapshot

RECORD_SIZE = 520, 480  # px
FILE_NAME = "pentimento-{id}.json"


class Past:
    def __init__(self, panel: Any) -> None:
        self._panel = panel
        self._record: Optional[Gtk.Dialog] = None

    def close(self) -> None:
        if self._record is not None:
            self._record.destroy()

    def show(self, job: Snapshot) -> None:
        """Its results on the canvas of their image, as when they came."""
        found = self._panel.jobs.begin(lambda: earlier.results(job, self._home(job)))
        if found is not None:
            results, work = found
            self._panel.jobs.place(results, work.client, job["id"], _spot(job), _title(job))

    def again(self, job: Snapshot) -> None:
        self._send(job, self._panel.jobs.begin(lambda: earlier.again(job, self._home(job))))

    def vary(self, job: Snapshot) -> None:
        count = self._panel.values()["count"]
        first = job["images"][0]["index"]
        home = self._home(job)
        self._send(job, self._panel.jobs.begin(lambda: earlier.varied(job, home, first, count)))

    def _send(self, job: Snapshot, begun: Any) -> None:
        if begun is not None:
            prompt = job["record"]["request"].get("prompt", "")
            self._panel.jobs.send(begun, self._home(job), _spot(job), prompt, _("Again"))

    def _home(self, job: Snapshot) -> Any:
        return self._panel.jobs.home(job)

    def use(self, job: Snapshot) -> None:
        """Its words and settings, with its seed. The words of its style are among its own."""
        config, names = self._panel.config, {one.name for one in self._panel.action.options}
        request: Dict[str, Any] = dict(job["record"]["request"])
        values = dict(given(job["record"]["request"], job["images"][0]["seed"]))
        steps = int(values.get("steps") or 0)
        preset = choices.CUSTOM if steps else choices.MODEL_DEFAULT
        values.update({"style": "", "steps-preset": preset, "count": len(job["images"])})
        values.update({"backend": request.get("backend") or "local"})
        for name, value in {"negative-prompt": "", **values}.items():
            if name in names:
                config.set_property(name, value)

    def star(self, job: Snapshot, starred: bool) -> None:
        def tell() -> None:
            with suppress(PluginError):  # the next page of the history shows what is so
                server.connect().change_job(job["id"], starred=starred)

        threading.Thread(target=tell, daemon=True).start()

    # The record

    def open_record(self, job: Snapshot) -> None:
        """All that is known of it. Its request can be sent again by other programs."""
        text = json.dumps(job["record"], indent=2, ensure_ascii=False)
        if self._record is not None:
            self._record.destroy()
        dialog = self._record = native.window(_("Record"), "pentimento-record")
        dialog.set_transient_for(self._panel.window)
        dialog.set_default_size(*RECORD_SIZE)
        dialog.add_button(_("_Copy"), Gtk.ResponseType.APPLY)
        dialog.add_button(_("_Save…"), Gtk.ResponseType.ACCEPT)
        dialog.add_button(_("_Close"), Gtk.ResponseType.CLOSE)
        view = Gtk.TextView(editable=False, monospace=True, cursor_visible=False)
        view.get_buffer().set_text(texts.readable(text))
        view.set_wrap_mode(Gtk.WrapMode.WORD_CHAR)
        native.name(view, _("Record"))
        scroll = Gtk.ScrolledWindow(shadow_type=Gtk.ShadowType.IN)
        scroll.add(view)
        scroll.show_all()
        dialog.get_content_area().pack_start(scroll, True, True, 0)
        dialog.connect("response", lambda _dialog, answer: self._answered(answer, job, text))
        dialog.show()

    def _answered(self, answer: int, job: Snapshot, text: str) -> None:
        dialog = self._record
        if dialog is None:
            return
        if answer == Gtk.ResponseType.APPLY:
            Gtk.Clipboard.get(Gdk.SELECTION_CLIPBOARD).set_text(text, -1)
        elif answer == Gtk.ResponseType.ACCEPT:
            self._save(dialog, FILE_NAME.format(id=job["id"]), text)
        else:
            self._record = None
            dialog.destroy()

    def _save(self, dialog: Gtk.Dialog, name: str, text: str) -> None:
        chooser = Gtk.FileChooserNative.new(
            _("Save the Record"), dialog, Gtk.FileChooserAction.SAVE, _("_Save"), _("_Cancel")
        )
        chooser.set_do_overwrite_confirmation(True)
        chooser.set_current_name(name)
        path = chooser.get_filename() if chooser.run() == Gtk.ResponseType.ACCEPT else None
        chooser.destroy()
        if path is None:
            return
        try:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text + "\n")
        except OSError as error:
            self._panel.tell(str(error))


def _title(job: Snapshot) -> str:
    return texts.line(job["record"]["request"].get("prompt", "")) or _("History")


def _spot(job: Snapshot) -> Tuple[Any, ...]:
    """Results of the history at the same place take each other's; those of new jobs stay."""
    request: Dict[str, Any] = dict(job["record"]["request"])
    place = request.get("place") or {}
    return ("history", *(place.get(name, 0) for name in ("x", "y", "width", "height")))
