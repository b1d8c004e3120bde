"""What the denoiser's loop works by: everything of a job that is decided before its first step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from pentimento.core.geometry import BEFORE_STEPS, Size, Work
from pentimento.engine.architectures.base import Embeddings
from pentimento.engine.conditioning.controlnet import Steering
from pentimento.engine.conditioning.ip_adapter import IPAdapterInput
from pentimento.engine.conditioning.regions import Area
from pentimento.engine.job.preview import Viewer
from pentimento.engine.job.stop_and_keep import Ending
from pentimento.engine.sampling.samplers import Levels, Solver
from pentimento.engine.sampling.tiling import Tile
from pentimento.imaging.canvas import Canvas


@dataclass(frozen=True, slots=True)
class Effort:
    """What passes or tiles take: their steps, and the px that the model sees in all of them, as
    `Work.cost` counts these."""

    steps: int = 0
    seen: int = 0

    @classmethod
    def of(cls, work: Work, steps: int, times: int = 1) -> Effort:
        return cls(steps * times, work.cost(steps) * times)

    @classmethod
    def of_pass(cls, canvas: Canvas, steps: int, apart: bool) -> Effort:
        """`apart`: its tiles are painted one by one."""
        if apart:
            return cls.of(Work.whole(canvas.work.tile), steps, len(canvas.painted_tiles()))
        return cls.of(canvas.work, steps)

    def __add__(self, other: Effort) -> Effort:
        return Effort(self.steps + other.steps, self.seen + other.seen)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What all pictures of a job have in common; latents are on the CPU."""

    sampler: Solver
    levels: Levels
    strength: float
    guidance: float
    embeddings: Embeddings
    source: Tensor | None
    mask: Tensor | None
    controls: list[Steering]
    areas: list[Area]  # with prompts of their own
    references: list[IPAdapterInput]
    shown: list[Tensor]  # latents of the pictures that an edit's instruction speaks of
    work: Work  # how the model works on all of it
    viewer: Viewer | None  # None: no previews wanted
    images: int
    beside: Tensor | None = None  # what an inpainting model sees besides its latents
    views: Sequence[Tile] = ()  # what the denoiser sees at one time; empty: all at once
    before: Effort = Effort()  # of the passes and tiles that came before
    after: Effort = Effort()  # of those that follow
    ending: Ending | None = None  # None: all steps are taken

    @property
    def size(self) -> Size:
        """px at which the model works."""
        return self.work.size

    @property
    def steps(self) -> int:
        """Of the whole picture."""
        return self.before.steps + len(self.levels) + self.after.steps

    def worked(self, steps: float) -> float:
        """The share 0..1 of the whole picture's work that is done after so many steps of this pass
        or tile. Its decode is left then, and those that follow."""
        seen = self.before.seen + self.work.seen * (BEFORE_STEPS + steps)
        return seen / (self.before + Effort.of(self.work, len(self.levels)) + self.after).seen
