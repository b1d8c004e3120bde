"""The line above the buttons that says what Generate will do, kept up to date from the server's
/v1/plan. Asks in threads and never blocks the dialog."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, List, Optional

from gi.repository import GLib, Gtk

import dialogs.native as native
import dialogs.notices as notices
import dialogs.plan_words as plan_words
import server
from client import Client, no_lists
from dialogs.background import Background
from errors import PluginError, ServerUnreachable
from i18n import _

if TYPE_CHECKING:
    from answers import BackendEntry, Plan, PlanRequest

DELAY_MS = 200  # after the last change, so that a dragged slider asks once
LINES = 2  # that are always there for the text, so that the window stays as it is
IN_SENTENCE = ("filled_from_surroundings",)  # notices that the sentence before them says already
WARNINGS = ("prompt_language", "model_damaged")  # notices that are easily overlooked
RETRY_MS = 3000  # a server that was just started by hand is noticed by itself


class StatusLine(Gtk.Box):
    """Of `dialog` (JobDialog) it asks for the body for /v1/plan, and for words that belong into the
    line; it tells what the server has to choose from, and whether the work can begin: not where it
    is known that it would fail."""

    def __init__(self, dialog: Any) -> None:
        super().__init__(orientation=Gtk.Orientation.HORIZONTAL, spacing=native.SPACING)
        self._dialog = dialog
        self._lists = no_lists()
        self._places: List[BackendEntry] = []
        self.plan: Optional[Plan] = None  # the newest one
        self._background = Background()
        self._asking = False  # one question at a time: its answer or the newest one's, no other
        self._outdated = False
        self._timer = 0
        self._may_start = True
        self._warmed = False
        self._icon = native.icon("gimp-info")
        self._icon.set_valign(Gtk.Align.START)
        self._label = native.paragraph(selectable=True)
        line = self._label.create_pango_layout("Ag").get_pixel_size()[1]
        self._label.set_size_request(-1, LINES * line)
        self.pack_start(self._icon, False, False, 0)
        self.pack_start(self._label, True, True, 0)
        native.name(self, _("What will happen"))
        self._say(_("Asking the server…"), "gimp-info")
        self._ask_in(0)

    def update(self) -> None:
        """Something that the plan depends on has changed."""
        self._ask_in(DELAY_MS)

    def close(self) -> None:
        self._background.close()
        self._stop_timer()

    def _ask_in(self, milliseconds: int) -> None:
        self._stop_timer()
        self._timer = GLib.timeout_add(milliseconds, self._ask)

    def _stop_timer(self) -> None:
        if self._timer:
            GLib.source_remove(self._timer)
            self._timer = 0

    def _ask(self) -> bool:
        self._timer = 0
        if self._asking:
            self._outdated = True
            return GLib.SOURCE_REMOVE
        self._asking, self._outdated = True, False
        request, impossible = None, None
        try:
            request = self._dialog.plan_request()
        except Exception as error:
            impossible = error
            self._cannot(error)
        may_start, self._may_start = self._may_start, False
        self._background.run(
            lambda: self._plan(request, may_start),
            lambda answer: self._answered(answer, impossible),
            lambda error: self._failed(impossible or error),
        )
        return GLib.SOURCE_REMOVE

    def _plan(self, request: Optional[PlanRequest], may_start: bool):
        """In a thread: address and plan; no plan without a request. Starts the server the first
        time only: not again against a person's will. What there is to choose from is told also
        where the plan fails, since a model that is gone may be why."""
        client = server.ready(self._tell) if may_start else server.connect()
        news = client.lists(), client.backends()
        self._background.tell(lambda heard: self._hear(*heard), news)
        if request is None:
            return client.url, None
        plan = self._dialog.plan(client, request)
        if not request.get("backend"):
            self._warm(client, plan.get("model"))
        return client.url, plan

    def _warm(self, client: Client, model: Optional[str]) -> None:
        """While a person writes, the engine starts and reads the model: once for each dialog, for
        others may follow that are only looked at. The job itself will say what is wrong."""
        if model and not self._warmed:
            self._warmed = True
            with suppress(PluginError):
                client.warm(model)

    def _tell(self, text: str) -> None:
        self._background.tell(lambda message: self._say(message, "gimp-info"), text)

    def _hear(self, lists: Any, places: Any) -> None:
        if (lists, places) != (self._lists, self._places):
            self._lists, self._places = lists, places
            self._dialog.known(lists, places)

    def _answered(self, answer: Any, impossible: Optional[Exception]) -> None:
        url, plan = answer
        if self._is_done():
            return
        if impossible is not None:  # put into words once more: now it is known what there is
            self._cannot(impossible)
            return
        self.plan = plan
        self._dialog.planned(plan)
        told = [one for one in plan.get("notices", ()) if one["code"] not in IN_SENTENCE]
        hints = [notices.text_of(notice, _) for notice in told]
        missing = self._dialog.missing()
        lines = [self._sentence(url, plan), *hints, *([missing] if missing else [])]
        warned = any(notice.get("code") in WARNINGS for notice in plan.get("notices", ()))
        self._say("\n".join(lines), "dialog-warning" if warned else "gimp-info")
        self._dialog.allow(not missing)

    def _sentence(self, url: str, plan: Plan) -> str:
        known: List[plan_words.Painter] = [*self._lists["models"]]
        known += self._lists.get("upscalers", ())
        model = plan_words.model_of(known, plan["model"])
        where = plan_words.destination(url)
        dialog = self._dialog
        return plan_words.sentence(plan, where, model, dialog.source_words(), dialog.notes())

    def _failed(self, error: Exception) -> None:
        if not self._is_done():
            self._cannot(error)
            self._ask_in(RETRY_MS)

    def _is_done(self) -> bool:
        """A question has come to its end. True where a newer one has to be asked at once, so that
        this answer is not shown."""
        self._asking = False
        if self._outdated:
            self._ask_in(0)
        return self._outdated

    def _cannot(self, error: Exception) -> None:
        self.plan = None
        can = isinstance(error, ServerUnreachable) and server.can_start()
        self._say(self._dialog.explain(error) or type(error).__name__, "dialog-warning")
        self._dialog.allow(can)

    def _say(self, text: str, icon: str) -> None:
        if self._label.get_text() != text:
            self._label.set_text(text)
            self._icon.set_from_icon_name(icon, Gtk.IconSize.MENU)
            self._dialog.refit()
