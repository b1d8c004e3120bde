"""Jobs of the panel: each is followed in a thread of its own, so that several images can have jobs
at once. Everything that is told is told in the main thread."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Callable, Mapping, Optional

import texts
from actions.work import Begun, progress_of
from dialogs.background import Background
from errors import PluginError
from i18n import _

if TYPE_CHECKING:
    from answers import JobRequest

WAITING, AT_WORK, ENDED = "waiting", "at work", "ended"
LAST = 10**6  # more than a queue is long


class Run:
    """One job. `changed(run)` hears of news, `ended(run)` of its end, with `outcome` or `error`."""

    def __init__(
        self,
        begun: Begun,
        image: Any,
        title: str,
        background: Background,
        changed: Callable[[Run], None],
        ended: Callable[[Run], None],
        words: str = "",
    ) -> None:
        self.begun, self.image, self.title = begun, image, texts.line(title)
        self.words = words  # of the prompt, in a line
        self.id = ""
        self.state = WAITING
        self.text: str = _("Waiting for the server…")
        self.fraction: Optional[float] = None
        self.preview: Optional[bytes] = None  # a JPEG file
        self.outcome: Any = None
        self.error: Optional[Exception] = None
        self.stopping = False
        self.finishing = False
        self.steps = 0  # of a picture, as far as it was told
        self.finished = 0  # pictures that the server has
        self.position = LAST  # in the server's queue; 0 is at work
        self._client = begun.work.client
        self._background = background
        self._changed, self._ended = changed, ended

    def start(self) -> None:
        request: JobRequest = {**self.begun.request, "preview": True}
        begun = self.begun

        def follow() -> Any:
            return begun.work.follow(request, self._hear, begun.wants_mask, begun.wants_sheet)

        self._background.run(follow, self._done, self._failed)

    def stop(self) -> None:
        """Cancels it, now or as soon as the server has it."""
        self.stopping = True
        self._tell_server(self._client.cancel)

    def finish(self) -> None:
        """Stop and keep."""
        self.finishing = True
        self._tell_server(self._client.finish)

    def next(self) -> None:
        """To be the next of those that wait."""
        self._tell_server(lambda job: self._client.change_job(job, position="next"))

    def move(self, way: int) -> None:
        """Among those that wait: -1 is one earlier, 1 one later."""
        place = max(1, self.position + way)
        self._tell_server(lambda job: self._client.change_job(job, position=place))

    def _tell_server(self, call: Callable[[str], Any]) -> None:
        job = self.id
        if not job:
            return

        def go() -> None:
            with suppress(PluginError):  # it has ended meanwhile, which is told anyway
                call(job)

        threading.Thread(target=go, daemon=True).start()

    def _hear(self, event: str, data: Mapping[str, Any]) -> None:
        """In the thread that follows."""
        if event == "preview":
            with suppress(PluginError):  # there is a newer one soon
                picture = self._client.preview(self.id)
                self._background.tell(self._seen, picture)
            return
        if event == "sent":
            self.id = data["id"]
            if self.stopping:
                with suppress(PluginError):
                    self._client.cancel(self.id)
        self._background.tell(lambda news: self._heard(*news), (event, data))

    def _seen(self, picture: bytes) -> None:
        self.preview = picture
        self._changed(self)

    def _heard(self, event: str, data: Mapping[str, Any]) -> None:
        progress = progress_of(event, data)
        if event in ("loading", "step") or data.get("status") == "running":
            self.state = AT_WORK
        if progress is not None:
            self.text, self.fraction = progress
        if event == "image":
            self.finished += 1
        if event == "step":
            self.steps = data["steps"]
        if data.get("queue_position") is not None:
            self.position = data["queue_position"]
        if self.state == AT_WORK:
            self.position = 0
        self._changed(self)

    def _done(self, outcome: Any) -> None:
        self.state, self.outcome = ENDED, outcome
        self._ended(self)

    def _failed(self, error: Exception) -> None:
        self.state, self.error = ENDED, error
        self._ended(self)
