"""One job while it is alive: its state, its revisions and events, and those who follow it.

A job is changed on the event loop only. Every change raises `rev`; the last changes are kept as
events, so that a stream that broke off can go on where it was.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pentimento.backends.base import Loading, Preview, Step
from pentimento.jobs.record import JobRequest, JobStatus
from pentimento.jobs.state import JobEvent, JobState, Stored, image_json, snapshot, stage_json

KEPT_EVENTS = 512


class Job:
    """Wraps a `JobState` (what is stored) with what only matters while somebody looks on."""

    def __init__(self, state: JobState) -> None:
        self.state = state
        self.queue_position: int | None = None
        self.preview: bytes | None = None
        self.preview_rev = 0
        self.cancelling = False
        self.pace = Pace()
        self.events: deque[JobEvent] = deque(maxlen=KEPT_EVENTS)
        self._changed = asyncio.Event()
        self._followers = 0
        self._followed_at = time.monotonic()

    @property
    def id(self) -> str:
        return self.state.id

    @property
    def request(self) -> JobRequest:
        return self.state.request

    @property
    def final(self) -> bool:
        return self.state.status.final

    def snapshot(self) -> dict[str, Any]:
        """The protocol's snapshot."""
        shown = self.preview and not self.final
        preview = {"url": self._preview_url(), "rev": self.preview_rev} if shown else None
        position = None if self.final else self.queue_position
        return snapshot(self.state, queue_position=position, preview=preview)

    # Changes

    def queue_at(self, position: int) -> None:
        if position != self.queue_position:
            self.queue_position = position
            self._tell("queued", {"queue_position": position})

    def start(self) -> None:
        self.state.status = JobStatus.RUNNING
        self.state.started_at = time.time()
        self.queue_position = 0
        self.load(Loading(""))

    def load(self, event: Loading) -> None:
        self.state.progress.phase = "loading"
        self.state.progress.message = event.message
        self._tell("loading", {"message": event.message, "progress": event.progress})

    def step(self, event: Step) -> None:
        done = event.image * event.steps + event.step
        total = max(1, event.steps * event.images)
        progress = self.state.progress
        progress.phase = "saving" if done >= total else "denoising"
        progress.message = ""
        progress.step, progress.steps = event.step, event.steps
        progress.image, progress.images = event.image, event.images
        progress.fraction = min(1.0, done / total)
        progress.eta_seconds = self.pace.remaining(done, total)
        told = ("step", "steps", "image", "images", "fraction", "eta_seconds")
        self._tell("step", {name: getattr(progress, name) for name in told})

    def show(self, preview: Preview) -> None:
        self.preview, self.preview_rev = preview.jpeg, self.state.rev + 1
        self._tell("preview", {"url": self._preview_url(), "step": preview.step})

    def add_image(self, image: Stored) -> None:
        self.state.images.append(image)
        self._tell("image", image_json(self.id, image))

    def set_mask(self, mask: Stored) -> None:
        """Seen with the next change: every revision has its event."""
        self.state.mask = mask

    def add_stage(self, stage: Stored) -> None:
        """A job that begins again, with less memory, tells its stages again from the first."""
        earlier = (known for known in self.state.stages if known.index < stage.index)
        self.state.stages = [*earlier, stage]
        self._tell("stage", stage_json(self.id, stage))

    def end(self, ended: JobState) -> None:
        """`ended` is `state.ended(...)`, which was saved first: what is told stays true."""
        self.state = ended
        self.queue_position = None
        self.events.append(JobEvent(ended.rev, ended.status.value, self.snapshot()))
        self._wake()

    def _tell(self, name: str, data: dict[str, Any]) -> None:
        self._change()
        self.events.append(JobEvent(self.state.rev, name, data))

    def _change(self) -> None:
        self.state.rev += 1
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    # Following

    @contextmanager
    def followed(self) -> Iterator[None]:
        """For as long as a client waits for news of this job."""
        self._followers += 1
        try:
            yield
        finally:
            self._followers -= 1
            self._followed_at = time.monotonic()

    def alone_for(self) -> float:
        """Seconds since the last client looked at it; 0 while one follows."""
        return 0.0 if self._followers else time.monotonic() - self._followed_at

    async def changed_after(self, rev: int, seconds: float) -> bool:
        """Waits until `rev` is exceeded or the job is final; False after `seconds` without it."""
        deadline = time.monotonic() + seconds
        while self.state.rev <= rev and not self.final:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except TimeoutError:
                return False
        return True

    def events_after(self, rev: int) -> list[JobEvent] | None:
        """What happened since revision `rev`; None when that is not known any more."""
        if rev > self.state.rev or not self.events or self.events[0].rev > rev + 1:
            return None
        return [event for event in self.events if event.rev > rev]

    def _preview_url(self) -> str:
        return f"/v1/jobs/{self.id}/preview?rev={self.preview_rev}"


class Pace:
    """How fast steps follow each other; the first one includes preparations and does not count."""

    def __init__(self) -> None:
        self._first: tuple[float, int] | None = None
        self.seconds_per_step: float | None = None
        self.left: float | None = None  # s for the rest of the steps

    def remaining(self, done: int, total: int) -> float | None:
        """Seconds for the steps that are left after `done` of `total`; None at the first."""
        now = time.monotonic()
        if self._first is None:
            self._first = (now, done)
            return None
        started, already = self._first
        self.seconds_per_step = (now - started) / max(1, done - already)
        self.left = round(self.seconds_per_step * (total - done), 2)
        return self.left
