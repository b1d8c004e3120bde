"""What the denoiser's loop works by: everything of a job that is decided before its first step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from pentimento.core.geometry import Size, Work
from pentimento.engine.architectures.base import Embeddings
from pentimento.engine.conditioning.controlnet import Steering
from pentimento.engine.conditioning.ip_adapter import IPAdapterInput
from pentimento.engine.conditioning.regions import Area
from pentimento.engine.job.preview import Viewer
from pentimento.engine.job.stop_and_keep import Ending
from pentimento.engine.sampling.schedulers import Levels, Solver
from pentimento.engine.sampling.tiling import Tile


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
    before: int = 0  # steps of the passes and tiles that came before
    after: int = 0  # steps of those that follow
    ending: Ending | None = None  # None: all steps are taken

    @property
    def size(self) -> Size:
        """px at which the model works."""
        return self.work.size

    @property
    def steps(self) -> int:
        """Of the whole picture."""
        return self.before + len(self.levels) + self.after
