"""Jobs whose selection is filled with pixels of its surroundings: no model is asked."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from pentimento.core.geometry import Size, Work
from pentimento.engine.cancel import StopFlag
from pentimento.engine.job.stop_and_keep import Ending
from pentimento.engine_ipc.messages import EngineJob
from pentimento.imaging import canvas as pictures
from pentimento.imaging import exemplar, pixels, prefill, saved_pictures, stages
from pentimento.imaging.canvas import Canvas
from pentimento.imaging.stages import NO_LEVEL
from pentimento.schema.job import FilledBy, PixelFormat
from pentimento.schema.task import Emit, Loading, Result, Step

PARTS = 20  # of a picture, which progress is told in


class NothingAround(Exception):
    """All of the picture is selected."""


class Copying:
    """The run of one such job. It has no steps that a picture could end after: who asks for what
    there is gets the picture that is being filled, whole, and no further one."""

    def __init__(self, job: EngineJob, emit: Emit, stop: StopFlag) -> None:
        self._job, self._emit, self._stop = job, emit, stop
        self._request = job.task.request
        self._started = time.monotonic()
        self.size = Size(1, 1)  # of the result, px

    def run(self) -> dict[str, Any]:
        """Saves and emits every picture; answers the facts of the whole job. Raises NothingAround,
        before anything is made."""
        self._emit(Loading("Preparing"))
        native = self._job.model.native_size if self._job.model else 0
        canvas = replace(pictures.open_canvas(self._job.task, native, Work.whole), match=False)
        self.size = canvas.size
        assert canvas.mask is not None, "what is filled is selected"
        if canvas.mask.all():
            raise NothingAround
        seed, directory = int(self._request.seed or 0), self._job.task.output_dir
        self._emit(saved_pictures.save_mask(directory, canvas.mask, seed))
        ending = Ending(self._stop, self._request)
        for image in range(self._request.count):
            self._picture(canvas, image)
            if ending.after(image + 1):
                break
        told: dict[str, Any] = {"model": self._request.model, "loaded": []}
        return told | {"filled_by": FilledBy.SURROUNDINGS} | ending.facts()

    def _picture(self, canvas: Canvas, image: int) -> None:
        started = time.monotonic()
        seed = int(self._request.seed or 0) + image
        seen, mask = canvas.seen(), canvas.mask
        assert seen is not None, "what is filled has a source"
        assert mask is not None, "and a selection"
        way, picture = self._filled(canvas, seen, mask, seed, image)
        result, facts = canvas.finish(picture, blend=self._request.composite)
        if self._request.observe and image == 0:
            self._observed(seen, mask, picture)
        file = saved_pictures.save(self._job.task.output_dir, image, canvas, result)
        facts |= {
            "strength": 1.0,
            "steps_run": 0,
            "filled_by": FilledBy.SURROUNDINGS,
            "way": way,
            "generation": {"width": canvas.size.width, "height": canvas.size.height},
            "tiles": 1,
            "passes": [],
            "seconds": round(time.monotonic() - started, 3),
        }
        self._emit(Result(image, file, seed, facts))

    def _filled(
        self, canvas: Canvas, seen: np.ndarray, mask: np.ndarray, seed: int, image: int
    ) -> tuple[str, np.ndarray]:
        """How it was filled, and the picture `(h, w, 3)`. Where nothing can be copied, the colours
        of the border go on."""
        told = 0

        def done(share: float) -> None:
            nonlocal told
            self._stop.check()
            if round(share * PARTS) > told:
                told = round(share * PARTS)
                self._emit(Step(told, PARTS, image, self._request.count))

        done(0.0)
        try:
            usable = canvas.opaque_at_work()
            return prefill.COPIED, exemplar.fill(seen, mask > 0, usable, seed=seed, told=done)
        except exemplar.NothingToCopy:
            done(1.0)
            return "border", prefill.under(seen, mask, "border")

    def _observed(self, seen: np.ndarray, mask: np.ndarray, picture: np.ndarray) -> None:
        """The stages: what was there, what is selected, what was put under it, and the result."""
        share = (mask / np.float32(255))[..., None]
        made = {"source": seen, "mask": share, "prefill": picture}
        made["composite"] = seen + (picture - seen) * share
        for number, (code, values) in enumerate(made.items()):
            told = NO_LEVEL | {"seconds": round(time.monotonic() - self._started, 3)}
            told["psnr"] = None if code == "mask" else stages.psnr(values, seen)
            kind = PixelFormat.Y_U8 if code == "mask" else PixelFormat.RGB_U8
            laid_out, seed = pixels.to_depth(values, np.uint8), int(self._request.seed or 0)
            where = self._job.task.output_dir
            self._emit(saved_pictures.save_stage(where, number, code, laid_out, kind, seed, told))
