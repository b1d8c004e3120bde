"""One job: its live state, revisions, events and followers, and the part that is persisted.

A job is changed on the event loop only. Every change raises `rev`; the last changes are kept as
events, so that a stream that broke off can go on where it was.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from pentimento import __version__
from pentimento.schema.answers import ErrorParts
from pentimento.schema.job import JobRequest, JobStatus
from pentimento.schema.snapshot import (
    ImageEntry,
    JobProgress,
    JobRecord,
    LoadingEvent,
    MaskEntry,
    PreviewEvent,
    PreviewLink,
    QueuedEvent,
    Snapshot,
    StageEntry,
    StepEvent,
)
from pentimento.schema.task import Loading, Preview, Step
from pentimento.schema.wording import stage_name

KEPT_EVENTS = 512
UNEVEN_STEPS = 2  # the first ones, which tell nothing of the others
RECENT_STEPS = 5  # by which the rest is measured


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

    def snapshot(self) -> Snapshot:
        """The protocol's snapshot."""
        shown = self.preview and not self.final
        preview = PreviewLink(url=self._preview_url(), rev=self.preview_rev) if shown else None
        position = None if self.final else self.queue_position
        return snapshot(self.state, queue_position=position, preview=preview)

    # Changes

    def queue_at(self, position: int) -> None:
        if position != self.queue_position:
            self.queue_position = position
            self._tell("queued", QueuedEvent(queue_position=position))

    def start(self) -> None:
        self.state.status = JobStatus.RUNNING
        self.state.started_at = time.time()
        self.queue_position = 0
        self.load(Loading(""))

    def load(self, event: Loading) -> None:
        self.state.progress.phase = "loading"
        self.state.progress.message = event.message
        if event.progress is not None:
            self.state.progress.fraction = event.progress
        self._tell("loading", LoadingEvent(message=event.message, progress=event.progress))

    def step(self, event: Step) -> None:
        done = event.image * event.steps + event.step + event.share
        total = max(1, event.steps * event.images)
        progress = self.state.progress
        progress.phase = "saving" if done >= total else "denoising"
        progress.message = ""
        progress.step, progress.steps = event.step, event.steps
        progress.image, progress.images = event.image, event.images
        progress.fraction = min(1.0, done / total)
        worked = done if event.worked is None else event.steps * (event.image + event.worked)
        progress.eta_seconds = self.pace.remaining(done, total, worked)
        told = StepEvent.model_fields
        self._tell("step", StepEvent(**{name: getattr(progress, name) for name in told}))

    def show(self, preview: Preview) -> None:
        self.preview, self.preview_rev = preview.jpeg, self.state.rev + 1
        self._tell("preview", PreviewEvent(url=self._preview_url(), step=preview.step))

    def add_image(self, image: Stored) -> None:
        self.state.images.append(image)
        self._tell("image", image_of(self.id, image))

    def set_mask(self, mask: Stored) -> None:
        """Seen with the next change: every revision has its event."""
        self.state.mask = mask

    def add_stage(self, stage: Stored) -> None:
        """A job that begins again, with less memory, tells its stages again from the first."""
        earlier = (known for known in self.state.stages if known.index < stage.index)
        self.state.stages = [*earlier, stage]
        self._tell("stage", stage_of(self.id, stage))

    def end(self, ended: JobState) -> None:
        """`ended` is `state.ended(...)`, which was saved first: what is told stays true."""
        self.state = ended
        self.queue_position = None
        self.events.append(JobEvent(ended.rev, ended.status.value, self.snapshot()))
        self._wake()

    def _tell(self, name: str, data: BaseModel) -> None:
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
    """How fast steps follow each other. The first one includes preparations, the second one the
    first preview, which is made after the first: neither counts once there is a third. What is left
    goes on as the last few steps went: by the work that was done in them where that is known, since
    a second pass works at another size."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock  # seconds
        self._ends: deque[tuple[float, float, float]] = deque(maxlen=RECENT_STEPS + 1)
        """s, steps and work that were done by then"""
        self._start: tuple[float, float] | None = None  # s and steps, where measuring began
        self._settled = False
        self.seconds_per_step: float | None = None  # over all of them
        self.left: float | None = None  # s for the rest of the steps

    def remaining(self, done: float, total: int, worked: float | None = None) -> float | None:
        """Seconds for what is left after `done` steps of `total`; None before the third has ended.
        `worked` is the part of `total` that they are of all the work; None: steps are alike."""
        worked = done if worked is None else worked
        now = self._clock()
        if self._ends and done < self._ends[-1][1]:  # begun again, with less memory
            self._ends.clear()
            self._settled = False
        if done < 1 or (self._ends and done - self._ends[-1][1] < 1):
            return self._left(now, worked, total)
        self._ends.append((now, done, worked))
        if len(self._ends) == UNEVEN_STEPS + 1 and not self._settled:
            while len(self._ends) > 2:
                self._ends.popleft()
            self._settled = True
        if len(self._ends) <= 2:
            self._start = self._ends[0][:2]
        if self._start is not None and done > self._start[1]:
            self.seconds_per_step = (now - self._start[0]) / (done - self._start[1])
        return self._left(now, worked, total)

    def _left(self, now: float, worked: float, total: int) -> float | None:
        if not self._settled:
            return None
        begun, _steps, before = self._ends[0]
        self.left = round((now - begun) / (worked - before) * (total - worked), 2)
        return self.left


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A change, as the event stream tells it."""

    rev: int
    name: str
    data: BaseModel


@dataclass(frozen=True, slots=True)
class Stored:
    """A result on disk; `file` (raw) and `png` are names in the job's folder."""

    index: int
    file: str
    width: int
    height: int
    format: str
    seed: int
    facts: dict[str, Any] = field(default_factory=dict)
    png: str | None = None  # the very file that was sent, where nothing was changed
    code: str = ""  # which stage it is, see schema/wording.py


@dataclass(slots=True)
class JobState:
    id: str
    request: JobRequest
    created_at: float  # all times: seconds since 1970
    max_age: float
    expires_at: float = 0.0
    status: JobStatus = JobStatus.QUEUED
    rev: int = 1
    started_at: float | None = None
    finished_at: float | None = None
    progress: JobProgress = field(default_factory=JobProgress)
    images: list[Stored] = field(default_factory=list)
    mask: Stored | None = None
    stages: list[Stored] = field(default_factory=list)
    error: dict[str, Any] | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    starred: bool = False  # kept for good

    def __post_init__(self) -> None:
        self.expires_at = self.expires_at or self.created_at + self.max_age

    def ended(
        self,
        status: JobStatus,
        *,
        facts: dict[str, Any] | None = None,
        error: dict[str, Any] | None = None,
    ) -> JobState:
        """Its final state, one revision later; this one stays as it is."""
        now = time.time()
        fraction = 1.0 if status is JobStatus.SUCCEEDED else self.progress.fraction
        return replace(
            self,
            status=status,
            rev=self.rev + 1,
            finished_at=now,
            expires_at=now + self.max_age,
            progress=self.progress.model_copy(
                update={"phase": "done", "message": "", "fraction": fraction, "eta_seconds": None}
            ),
            facts=self.facts | (facts or {}),
            error=error,
        )

    def as_json(self) -> dict[str, Any]:
        """For the store; `from_json` reads it."""
        plain = {name: getattr(self, name) for name in PLAIN}
        return plain | {
            "request": self.request.model_dump(mode="json"),
            "status": self.status.value,
            "progress": self.progress.model_dump(mode="json"),
            "images": [asdict(image) for image in self.images],
            "mask": asdict(self.mask) if self.mask else None,
            "stages": [asdict(stage) for stage in self.stages],
            "starred": self.starred,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> JobState:
        return cls(
            **{name: data[name] for name in PLAIN},
            request=JobRequest.model_validate(data["request"]),
            status=JobStatus(data["status"]),
            progress=JobProgress(**data["progress"]),
            images=[Stored(**image) for image in data["images"]],
            mask=Stored(**data["mask"]) if data["mask"] else None,
            stages=[
                Stored(**stage) for stage in data.get("stages", ())
            ],  # absent in records of 0.1.0
            starred=data.get("starred") is True,  # likewise
        )


PLAIN = (
    *("id", "created_at", "max_age", "expires_at", "rev", "started_at", "finished_at"),
    *("error", "facts"),
)


def snapshot(
    state: JobState, *, queue_position: int | None, preview: PreviewLink | None
) -> Snapshot:
    """The snapshot of docs/protocol.md."""
    return Snapshot(
        id=state.id,
        rev=state.rev,
        status=state.status,
        mode=state.request.mode,
        starred=state.starred,
        client=state.request.client,
        created_at=iso(state.created_at),
        started_at=moment(state.started_at),
        finished_at=moment(state.finished_at),
        expires_at=iso(state.expires_at),
        queue_position=queue_position,
        progress=state.progress.model_copy(),
        images=[image_of(state.id, image) for image in state.images],
        mask=mask_of(state.id, state.mask) if state.mask else None,
        stages=[stage_of(state.id, stage) for stage in state.stages],
        preview=preview,
        error=ErrorParts(**state.error) if state.error else None,
        record=JobRecord.model_construct(
            request=state.request, server_version=__version__, facts=state.facts
        ),
    )


def stage_of(job_id: str, stage: Stored) -> StageEntry:
    return StageEntry(
        index=stage.index,
        code=stage.code,
        name=stage_name(stage.code, stage.facts),
        url=f"/v1/jobs/{job_id}/stages/{stage.index}",
        width=stage.width,
        height=stage.height,
        format=stage.format,
        facts=stage.facts,
    )


def image_of(job_id: str, image: Stored) -> ImageEntry:
    return ImageEntry(
        index=image.index,
        url=f"/v1/jobs/{job_id}/images/{image.index}",
        width=image.width,
        height=image.height,
        format=image.format,
        seed=image.seed,
        facts=image.facts,
    )


def mask_of(job_id: str, mask: Stored) -> MaskEntry:
    return MaskEntry(url=f"/v1/jobs/{job_id}/mask", width=mask.width, height=mask.height)


def moment(seconds: float | None) -> str | None:
    """`iso`, of what may not have happened yet."""
    return None if seconds is None else iso(seconds)


def iso(seconds: float) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
