"""ControlNets of a job: their hints from pictures, and what a pipeline's call takes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pentimento.engine.messages import EngineJob
from pentimento.engine.pictures import Canvas
from pentimento.imaging import pixels
from pentimento.jobs.record import Control

Draw = Callable[[Control, np.ndarray], np.ndarray]  # of an (h, w, 3) u8 picture


@dataclass(frozen=True, slots=True)
class Steering:
    """One ControlNet or T2I-Adapter at work. `hint` is `(1, 3, h, w)` 0..1 at the generation size,
    `read` what a transformer's ControlNet makes of it; it counts between `start` and `end`, shares
    of the steps that run."""

    net: Path
    kind: str  # of its map
    hint: Tensor
    weight: float
    start: float
    end: float
    read: Tensor | None = None

    def counts(self, step: int, steps: int) -> bool:
        """In this step; diffusers' own rule."""
        return step / steps >= self.start and (step + 1) / steps <= self.end


def steering(job: EngineJob, canvas: Canvas, draw: Draw) -> list[Steering]:
    """Of every control of the job that has any weight; raises BadInput for a damaged picture."""
    found = []
    for control in job.task.request.controls:
        if control.weight == 0:
            continue
        hint = torch.from_numpy(np.ascontiguousarray(_hint(job, canvas, control, draw)))
        found.append(
            Steering(
                job.addons[str(control.model)],
                control.type,
                hint.permute(2, 0, 1)[None],
                control.weight,
                control.start,
                control.end,
            )
        )
    return found


def _hint(job: EngineJob, canvas: Canvas, control: Control, draw: Draw) -> np.ndarray:
    """`(h, w, 3)` float32 0..1. Without a picture of its own it is made from the source."""
    if control.image is None:
        seen = canvas.seen()
        assert seen is not None, "a control without a picture was admitted without a source"
        return _preprocessed(seen, control, draw)
    picture = pixels.load(job.task.inputs[control.image.blob])
    if control.preprocess:
        seen = pixels.model_rgb(picture, canvas.generation, canvas.fill)
        return _preprocessed(seen, control, draw)
    return pixels.model_rgb(picture, canvas.generation, "black")  # maps are light on nothing


def _preprocessed(seen: np.ndarray, control: Control, draw: Draw) -> np.ndarray:
    return pixels.to_float(draw(control, pixels.to_depth(seen, np.uint8)))


def at_step(controls: Sequence[Steering], step: int, steps: int) -> list[Steering]:
    """Those that count in this step, for a run of that step alone."""
    return [
        replace(control, start=0.0, end=1.0) for control in controls if control.counts(step, steps)
    ]


def arguments(controls: Sequence[Steering]) -> dict[str, Any]:
    """As the ControlNet pipelines' calls take them."""
    if not controls:
        return {}
    return {
        "image": [control.hint for control in controls],
        "controlnet_conditioning_scale": [control.weight for control in controls],
        "control_guidance_start": [control.start for control in controls],
        "control_guidance_end": [control.end for control in controls],
    }
