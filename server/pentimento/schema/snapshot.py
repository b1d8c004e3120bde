"""A job as its clients see it: the snapshot, and what its events say."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import field_serializer

from pentimento.schema.answers import ErrorParts
from pentimento.schema.job import JobRequest, JobStatus, Mode, Strict


class Urls(Strict):
    self: str
    events: str
    cancel: str


class Accepted(Strict):
    id: str
    status: JobStatus
    queue_position: int | None
    urls: Urls


class JobProgress(Strict):
    phase: Literal["queued", "loading", "denoising", "saving", "done"] = "queued"
    message: str = ""
    step: int = 0
    steps: int = 0
    image: int = 0
    images: int = 1
    fraction: float = 0.0
    eta_seconds: float | None = None


class ImageEntry(Strict):
    index: int
    url: str
    width: int
    height: int
    format: str
    seed: int
    facts: dict[str, Any]


class MaskEntry(Strict):
    url: str
    width: int
    height: int


class StageEntry(Strict):
    index: int
    code: str
    name: str
    url: str
    width: int
    height: int
    format: str
    facts: dict[str, Any]


class PreviewLink(Strict):
    url: str
    rev: int


class QueuedEvent(Strict):
    queue_position: int


class LoadingEvent(Strict):
    """`progress` 0..1, null where it cannot be told."""

    message: str
    progress: float | None


class StepEvent(Strict):
    step: int
    steps: int
    image: int
    images: int
    fraction: float
    eta_seconds: float | None


class PreviewEvent(Strict):
    url: str
    step: int


class JobRecord(Strict):
    """The request as it was admitted: what decides the picture written out, defaults of the rest
    left out."""

    request: JobRequest
    server_version: str
    facts: dict[str, Any]

    @field_serializer("request")
    def _recorded(self, request: JobRequest) -> dict[str, Any]:
        return request.recorded()


class Snapshot(Strict):
    id: str
    rev: int
    status: JobStatus
    mode: Mode
    starred: bool
    client: str
    created_at: str
    started_at: str | None
    finished_at: str | None
    expires_at: str
    queue_position: int | None
    progress: JobProgress
    images: list[ImageEntry]
    mask: MaskEntry | None
    stages: list[StageEntry]
    preview: PreviewLink | None
    error: ErrorParts | None
    record: JobRecord


class Jobs(Strict):
    """`next`: the id to give as `before` for those that follow; null where these are the last."""

    jobs: list[Snapshot]
    next: str | None
