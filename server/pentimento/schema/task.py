"""The one interface between the queue and the places where jobs are computed.

A backend gets a `Task` (everything resolved: seed, model, sizes, files) and reports through an
`Emit` callable; it never touches the job store. Pixels travel as files, never through messages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pentimento.schema.job import JobRequest, PixelFormat

if TYPE_CHECKING:  # of the front alone; the engine, which reads this too, has no answers
    from pentimento.schema.answers import EngineState


@dataclass(frozen=True, slots=True)
class PixelFile:
    """A picture on disk: raw pixels when `format` is set, else an encoded PNG, JPEG or WebP."""

    path: Path
    width: int
    height: int
    format: PixelFormat | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """What one picture is made of: its prompts with nothing left to draw, one for each region too,
    and its LoRAs (id, weight), those that were drawn among them."""

    prompt: str = ""
    negative_prompt: str = ""
    regions: tuple[str, ...] = ()
    loras: tuple[tuple[str, float], ...] = ()

    @classmethod
    def of(cls, request: JobRequest) -> Words:
        """As the request has them."""
        return cls(
            request.prompt,
            request.negative_prompt,
            tuple(region.prompt for region in request.regions),
            tuple((lora.id, lora.set_weight) for lora in request.loras),
        )

    @property
    def prompts(self) -> tuple[str, ...]:
        return (self.prompt, self.negative_prompt, *self.regions)

    def facts(self, request: JobRequest) -> dict[str, Any]:
        """What is not as in the request, for the record."""
        asked = Words.of(request)
        told: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("prompt", "negative_prompt")
            if getattr(self, name) != getattr(asked, name)
        }
        if self.regions != asked.regions:
            told["region_prompts"] = list(self.regions)
        if self.loras != asked.loras:
            told["loras"] = [{"id": name, "weight": weight} for name, weight in self.loras]
        return told


@dataclass(frozen=True, slots=True)
class Task:
    """One admitted job. `request` has no None left in strength, steps, guidance, seed, model and
    sampler. `inputs` maps blob id -> file. Results go to `output_dir` as `{n}.raw`. `words` are
    those of each picture."""

    job_id: str
    request: JobRequest
    inputs: dict[str, PixelFile]
    output_dir: Path
    words: tuple[Words, ...] = ()

    def words_of(self, image: int) -> Words:
        """Of one picture; the request's own where nothing was drawn."""
        return self.words[image] if self.words else Words.of(self.request)


@dataclass(frozen=True, slots=True)
class Loading:
    """Before the first step: components are being read. `progress` 0..1 or None."""

    message: str
    progress: float | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """`step` of `steps` finished (1-based) for picture `image` of `images` (0-based), and of the
    next one a share 0..1 where it works tile by tile. `worked` is the share 0..1 of the picture's
    work that is done by then, with all passes and decodes; None where all steps are alike."""

    step: int
    steps: int
    image: int = 0
    images: int = 1
    share: float = 0.0
    worked: float | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """A small picture of the current x0 estimate as JPEG bytes; only the newest matters."""

    jpeg: bytes
    step: int
    image: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """Picture `index` is finished and on disk (written and renamed before this is sent)."""

    index: int
    file: PixelFile
    seed: int
    facts: dict[str, Any] = field(default_factory=dict)  # timings, noise levels, steps run ...
    kind: str = "image"  # "image", "mask" (the effective mask) or "stage" (observe)
    name: str = ""  # the code of a stage, see schema/wording.py


Event = Loading | Step | Preview | Result
Emit = Callable[[Event], None]


class Backend(Protocol):
    """All methods are coroutines on the front's event loop and must not block it."""

    name: str

    async def run(self, task: Task, emit: Emit) -> dict[str, Any]:
        """Compute a task; returns facts for the job record (device, versions, seconds, model hash).

        Raises `Cancelled` after `cancel(task.job_id)`, `PentimentoError` (usually `JobFailed` or
        `Unavailable`) for every failure, the death of the engine included (code engine_died).
        """
        ...

    async def cancel(self, job_id: str) -> None:
        """Ask a running job to stop within one step; unknown ids are ignored."""
        ...

    async def finish(self, job_id: str) -> bool:
        """Ask a running job for what it has so far, within one step; False where that cannot be
        had. The facts of its end say in `ended` what of the request does not hold any more."""
        ...

    async def status(self) -> EngineState:
        """`memory` has the engine's budgets and parts, None while none runs."""
        ...

    async def start(self, model: str | None = None) -> None:
        """Warm up in advance (optional; the first job does it otherwise), and read the weights of
        this model. Raises NotFound for one that is not there."""
        ...

    async def close(self) -> None:
        """Stop everything this backend started and wait for its end."""
        ...
