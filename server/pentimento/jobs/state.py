"""What is known of a job and kept: the part that is stored, and its form in the protocol."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from pentimento import __version__
from pentimento.jobs.record import JobRequest, JobStatus
from pentimento.jobs.wording import stage_name


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A change, as the event stream tells it."""

    rev: int
    name: str
    data: dict[str, Any]


@dataclass(slots=True)
class Progress:
    phase: str = "queued"  # queued loading denoising saving done
    message: str = ""
    step: int = 0
    steps: int = 0
    image: int = 0
    images: int = 1
    fraction: float = 0.0
    eta_seconds: float | None = None


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
    code: str = ""  # which stage it is, see jobs/wording.py


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
    progress: Progress = field(default_factory=Progress)
    images: list[Stored] = field(default_factory=list)
    mask: Stored | None = None
    stages: list[Stored] = field(default_factory=list)
    error: dict[str, Any] | None = None
    facts: dict[str, Any] = field(default_factory=dict)

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
            progress=replace(
                self.progress, phase="done", message="", fraction=fraction, eta_seconds=None
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
            "progress": asdict(self.progress),
            "images": [asdict(image) for image in self.images],
            "mask": asdict(self.mask) if self.mask else None,
            "stages": [asdict(stage) for stage in self.stages],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> JobState:
        return cls(
            **{name: data[name] for name in PLAIN},
            request=JobRequest.model_validate(data["request"]),
            status=JobStatus(data["status"]),
            progress=Progress(**data["progress"]),
            images=[Stored(**image) for image in data["images"]],
            mask=Stored(**data["mask"]) if data["mask"] else None,
            stages=[
                Stored(**stage) for stage in data.get("stages", ())
            ],  # absent in records of 0.1.0
        )


PLAIN = (
    *("id", "created_at", "max_age", "expires_at", "rev", "started_at", "finished_at"),
    *("error", "facts"),
)


def snapshot(
    state: JobState, *, queue_position: int | None, preview: dict[str, Any] | None
) -> dict[str, Any]:
    """The snapshot of docs/protocol.md."""
    mask = state.mask
    return {
        "id": state.id,
        "rev": state.rev,
        "status": state.status.value,
        "mode": state.request.mode.value,
        "client": state.request.client,
        "created_at": iso(state.created_at),
        "started_at": iso(state.started_at),
        "finished_at": iso(state.finished_at),
        "expires_at": iso(state.expires_at),
        "queue_position": queue_position,
        "progress": asdict(state.progress),
        "images": [image_json(state.id, image) for image in state.images],
        "mask": mask
        and {"url": f"/v1/jobs/{state.id}/mask", "width": mask.width, "height": mask.height},
        "stages": [stage_json(state.id, stage) for stage in state.stages],
        "preview": preview,
        "error": state.error,
        "record": {
            "request": record_request(state.request),
            "server_version": __version__,
            "facts": state.facts,
        },
    }


def record_request(request: JobRequest) -> dict[str, Any]:
    """With everything that decides the picture written out, defaults of the rest left out."""
    names = ("strength", "steps", "guidance", "seed", "model", "sampler", "width", "height")
    decided = {name: getattr(request, name) for name in names}
    return request.compact() | {name: v for name, v in decided.items() if v is not None}


def stage_json(job_id: str, stage: Stored) -> dict[str, Any]:
    return {
        "index": stage.index,
        "code": stage.code,
        "name": stage_name(stage.code, stage.facts),
        "url": f"/v1/jobs/{job_id}/stages/{stage.index}",
        "width": stage.width,
        "height": stage.height,
        "format": stage.format,
        "facts": stage.facts,
    }


def image_json(job_id: str, image: Stored) -> dict[str, Any]:
    return {
        "index": image.index,
        "url": f"/v1/jobs/{job_id}/images/{image.index}",
        "width": image.width,
        "height": image.height,
        "format": image.format,
        "seed": image.seed,
        "facts": image.facts,
    }


def iso(seconds: float | None) -> str | None:
    """ISO 8601 in UTC, to the millisecond."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
