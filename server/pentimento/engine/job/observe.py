"""The stages a picture goes through, as pictures (`observe` in a job).

Nothing here may change the result. So latents are only kept while the denoiser works: they are
small, and decoding them in between could push the denoiser off a full device. They are drawn when
the result is decoded, one by one, and each goes to the disk at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from pentimento.core.geometry import Work
from pentimento.engine import failures
from pentimento.engine.cancel import StopFlag, stoppable
from pentimento.engine.loading.model import LoadedModel, Shared
from pentimento.engine.sampling import latents
from pentimento.engine.sampling.samplers import Levels
from pentimento.engine_ipc.messages import EngineJob
from pentimento.imaging import pixels, resize, saved_pictures, stages
from pentimento.imaging.canvas import Canvas
from pentimento.imaging.stages import NO_LEVEL
from pentimento.schema.job import PixelFormat
from pentimento.schema.task import Emit

if TYPE_CHECKING:
    from pentimento.engine.job.recipe import Recipe

CLEAN: dict[str, Any] = {"signal": 1.0, "noise": 0.0, "sigma": 0.0, "timestep": 0.0}
Draw = Callable[[Tensor], np.ndarray | None]


@dataclass(frozen=True, slots=True)
class _KeptStage:
    """Latents that are drawn later."""

    code: str
    latents: Tensor  # (1, c, h, w) float32 on the CPU
    facts: dict[str, Any]


class Observer:
    """Follows the first picture of a job. Stages are told in the order in which they happen."""

    def __init__(
        self, job: EngineJob, canvas: Canvas, plan: Recipe, draw: Draw, emit: Emit, started: float
    ) -> None:
        """`draw` decodes latents, or gives None where memory is too short for it; `started` is the
        job's, of `time.monotonic()`."""
        self._job, self._canvas, self._plan = job, canvas, plan
        self._draw, self._emit, self._started = draw, emit, started
        self._steps = set(stages.chosen_steps(len(plan.levels), job.task.request.observe_steps))
        self._kept: list[_KeptStage] = []
        self._told = 0
        seen = canvas.seen()
        self._source = None if seen is None else canvas.cropped(pixels.to_depth(seen, np.uint8))

    def prepared(self, prefilled: Canvas | None = None) -> None:
        """What there is before the first step."""
        canvas, plan = self._canvas, self._plan
        if self._source is not None:
            self._tell("source", self._source, NO_LEVEL)
        if canvas.mask is not None:
            mask = resize.resize(canvas.mask / np.float32(255), canvas.work.content)
            self._tell_map("mask", mask, {})
        under = prefilled.seen() if prefilled else None
        if under is not None:
            self._tell("prefill", under, NO_LEVEL)
        if plan.source is not None:
            self._tell_latents(_KeptStage("round_trip", plan.source, CLEAN))
        wanted = [control for control in self._job.task.request.controls if control.weight]
        for control, steering in zip(wanted, plan.controls, strict=True):
            hint = np.clip(steering.hint[0].permute(1, 2, 0).numpy(), 0, 1)
            self._tell_map("control", hint, {"control": control.type})

    # While the denoiser works

    def begins(self, start: Tensor) -> None:
        """`start` is where the first step begins, in the scaling of `engine.latents`."""
        level = _level(self._plan.levels, 0)
        self._kept.append(_KeptStage("noised_start", start.float().cpu(), self._timed(level)))

    def wants(self, step: int) -> bool:
        return step in self._steps

    def estimates(self, step: int, estimate: Tensor) -> None:
        """The clean latents that `step` (0-based) takes its own noisy ones for."""
        facts = {"step": step + 1, "steps": len(self._plan.levels)}
        facts |= self._timed(_level(self._plan.levels, step))
        self._kept.append(_KeptStage("estimate", estimate.float().cpu(), facts))

    # When the result is decoded

    def decoded(self, made: dict[str, np.ndarray]) -> None:
        """The result as the autoencoder gave it and, by their codes, as it was corrected then."""
        for kept in self._kept:
            self._tell_latents(kept)
        self._kept.clear()
        for code, picture in made.items():
            self._tell(code, picture, CLEAN if code == "decode" else NO_LEVEL)

    def finished(self, canvas: Canvas, picture: np.ndarray, *, matched: bool) -> None:
        """`picture` is what `canvas.finish` gets; the last stages have the size of the result."""
        if matched:
            self._tell_final("color_match", canvas.finish(picture, blend=False, judged=False)[0])
        last = "result" if canvas.mask is None else "composite"
        self._tell_final(last, canvas.finish(picture, blend=True, judged=False)[0])

    def _tell_latents(self, kept: _KeptStage) -> None:
        picture = self._draw(kept.latents)
        if picture is not None:
            self._tell(kept.code, picture, kept.facts)

    def _tell(self, code: str, picture: np.ndarray, facts: dict[str, Any]) -> None:
        """A picture `(h, w, 3)` at the generation size, or the part of it that is the picture."""
        shown, psnr = self._canvas.cropped(pixels.to_depth(picture, np.uint8)), None
        if self._source is not None:
            psnr = stages.psnr(pixels.to_float(shown), pixels.to_float(self._source))
        self._save(code, shown, PixelFormat.RGB_U8, facts, psnr)

    def _tell_map(self, code: str, values: np.ndarray, facts: dict[str, Any]) -> None:
        """A mask `(h, w)` or a map `(h, w, 3)`, 0..1, which no source can be compared with."""
        shown = self._canvas.cropped(pixels.to_depth(values, np.uint8))
        if shown.ndim == 2:
            self._save(code, shown[..., None], PixelFormat.Y_U8, NO_LEVEL | facts, None)
        else:
            self._save(code, shown, PixelFormat.RGB_U8, NO_LEVEL | facts, None)

    def _tell_final(self, code: str, picture: np.ndarray) -> None:
        """A picture as `Canvas.finish` gives it, in the format of the result, but as sRGB."""
        source, psnr = self._canvas.source, None
        if source is not None:
            compared = pixels.to_float(source)
            colours = np.clip(pixels.to_float(picture)[..., :3], 0, 1)
            psnr = stages.psnr(colours, np.clip(compared[..., :3], 0, 1), compared[..., 3])
        if self._canvas.profile is not None:
            picture = self._canvas.profile.to_srgb(picture)
        laid_out = pixels.convert(picture, self._canvas.format)
        self._save(code, laid_out, self._canvas.format, NO_LEVEL, psnr)

    def _save(
        self,
        code: str,
        values: np.ndarray,
        format: PixelFormat,
        facts: dict[str, Any],
        psnr: float | None,
    ) -> None:
        request, directory = self._job.task.request, self._job.task.output_dir
        stage = saved_pictures.save_stage(
            directory,
            *(self._told, code, values, format, int(request.seed or 0)),
            self._timed({}) | facts | {"psnr": psnr},
        )
        self._told += 1
        self._emit(stage)

    def _timed(self, facts: dict[str, Any]) -> dict[str, Any]:
        return facts | {"seconds": round(time.monotonic() - self._started, 3)}


def _level(levels: Levels, step: int) -> dict[str, Any]:
    """The noise before `step`: shares of signal and noise, and what the model is told of it."""
    return {
        "signal": levels.signal(step),
        "noise": levels.noise(step),
        "sigma": float(levels.sigmas[step]),
        "timestep": float(levels.timesteps[step]),
    }


def drawer(
    shared: Shared, model: LoadedModel, work: Work, stop: StopFlag, *, low_memory: bool
) -> Draw:
    """Decodes latents of stages: in tiles where memory is short, and not at all where that is of no
    help either. How the result is decoded stays as it is."""

    def draw(found: Tensor) -> np.ndarray | None:
        for in_tiles in (True,) if low_memory else (False, True):
            try:
                vae = model.vae()
                with stoppable([vae], stop), latents.tiled(vae, wanted=in_tiles):
                    return latents.decode(vae, found, work)
            except Exception as error:
                if not failures.is_out_of_memory(error):
                    raise
            shared.components.drop_unused()
        return None

    return draw
