"""The line above the buttons that says what Generate will do, kept up to date from the server's
/v1/plan. Asks in threads and never blocks the dialog."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional

from gi.repository import GLib, Gtk

import dialogs.native as native
import dialogs.notices as notices
import dialogs.plan_words as plan_words
import server
from dialogs.background import Background
from i18n import _

DELAY_MS = 200  # after the last change, so that a dragged slider asks once
RETRY_MS = 3000  # a server that was just started by hand is noticed by itself


class StatusLine(Gtk.Box):
    """`request()` gives the body for /v1/plan (main thread); `known(lists, places)` hears of the
    server's models and LoRAs and of where jobs can run, when it first answers and whenever they
    change; `explain(error)` puts a failure into words."""

    def __init__(
        self,
        request: Callable[[], Dict[str, Any]],
        known: Callable[[Dict[str, List[Dict[str, Any]]], List[Dict[str, Any]]], None],
        explain: Callable[[Exception], str] = str,
    ) -> None:
        super().__init__(orientation=Gtk.Orientation.HORIZONTAL, spacing=native.SPACING)
        self._request = request
        self._known = known
        self._explain = explain
        self._lists: Dict[str, List[Dict[str, Any]]] = {"models": []}
        self._places: List[Dict[str, Any]] = []
        self.plan: Optional[Dict[str, Any]] = None  # the newest one
        self._background = Background()
        self._question = 0
        self._timer = 0
        self._may_start = True
        self._icon = native.icon("gimp-info")
        self._icon.set_valign(Gtk.Align.START)
        self._label = native.paragraph(selectable=True)
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
        self._question += 1
        question = self._question
        try:
            request = self._request()
        except Exception as error:
            self._failed(question, error)
            return GLib.SOURCE_REMOVE
        may_start, self._may_start = self._may_start, False
        self._background.run(
            lambda: self._plan(question, request, may_start),
            lambda answer: self._answered(question, *answer),
            lambda error: self._failed(question, error),
        )
        return GLib.SOURCE_REMOVE

    def _plan(self, question: int, request: Dict[str, Any], may_start: bool):
        """In a thread. Starts the server the first time only: not again against a person's will.
        What there is to choose from is told also where the plan fails, since a model that is gone
        may be why."""
        client = server.ready(self._tell) if may_start else server.connect()
        news = client.lists(), client.backends()
        self._background.tell(lambda heard: self._hear(question, *heard), news)
        return client.url, client.plan(request)

    def _tell(self, text: str) -> None:
        self._background.tell(lambda message: self._say(message, "gimp-info"), text)

    def _hear(self, question: int, lists: Any, places: Any) -> None:
        if question == self._question and (lists, places) != (self._lists, self._places):
            self._lists, self._places = lists, places
            self._known(lists, places)

    def _answered(self, question: int, url: str, plan: Any) -> None:
        if question != self._question:
            return
        self.plan = plan
        model = plan_words.model_of(self._lists["models"], plan["model"])
        text = plan_words.sentence(plan, plan_words.destination(url), model)
        warnings = [notices.text_of(notice, _) for notice in plan.get("notices", ())]
        self._say("\n".join([text, *warnings]), "dialog-warning" if warnings else "gimp-info")

    def _failed(self, question: int, error: Exception) -> None:
        if question == self._question:
            self.plan = None
            self._say(self._explain(error) or type(error).__name__, "dialog-warning")
            self._ask_in(RETRY_MS)

    def _say(self, text: str, icon: str) -> None:
        if self._label.get_text() != text:
            self._label.set_text(text)
            self._icon.set_from_icon_name(icon, Gtk.IconSize.MENU)
