"""The run of a job of the mode `outpaint`: section after section is filled on a larger canvas."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pentimento.core.geometry import Box, Size
from pentimento.engine.job.composed import ComposedJob, keep_profile
from pentimento.engine_ipc.messages import EngineJob
from pentimento.imaging import decode, expansion, pixels
from pentimento.imaging.expansion import Section, Sides
from pentimento.schema.job import (
    MAX_SEED,
    BlobRef,
    Context,
    Intent,
    JobRequest,
    MaskOptions,
    Mode,
    PixelFormat,
)
from pentimento.schema.task import Event, Loading, PixelFile, Result, Step

BETWEEN = 6  # of the native side is the fading between two sections this part
SEEDS_APART = 7_919  # sections of one picture begin with noises that are no neighbours'
SOURCE, MASK = "0" * 64, "1" * 64  # blobs of a section


class Expansion(ComposedJob):
    """Continues the source of one job beyond its borders."""

    def run(self) -> dict[str, Any]:
        own = self._source()
        task, request = self._job.task, self._job.task.request
        assert request.expand is not None
        assert self._job.model is not None
        size = Size(own.picture.shape[1], own.picture.shape[0])
        sides = Sides.of(request.expand)
        self.size = sides.around(size)
        parts = expansion.sections(size, sides, self._job.model.native_size)
        format = pixels.RGBA_OF[own.picture.dtype]
        facts: dict[str, Any] = {}
        for image in range(request.count):
            started = time.monotonic()
            canvas = np.zeros((self.size.height, self.size.width, 4), own.picture.dtype)
            old = sides.old(size)
            canvas[old.y : old.bottom, old.x : old.right] = own.picture
            seams = []
            for number, section in enumerate(parts):
                facts, told = self._paint(canvas, section, old, image, number, len(parts))
                seams.append(told)
            path = task.output_dir / f"{image}.raw"
            keep_profile(own, path)
            pixels.store(canvas, format, path)
            self._emit(
                Result(
                    image,
                    PixelFile(path, self.size.width, self.size.height, format),
                    int(request.seed or 0) + image,
                    {
                        "sections": len(parts),
                        "strength": request.strength,
                        "seconds": round(time.monotonic() - started, 3),
                        **_worst(seams),
                    },
                )
            )
        return facts

    def _paint(
        self, canvas: np.ndarray, section: Section, old: Box, image: int, number: int, count: int
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Fills a section of the canvas in place: facts of the job and of the picture."""
        box = section.box
        rows, columns = slice(box.y, box.bottom), slice(box.x, box.right)
        folder = self._job.task.output_dir / f".section-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        try:
            job = self._section_job(canvas[rows, columns], section, old, image, number, folder)
            made: list[Result] = []
            before = number, count, image
            facts = self._generate(job, lambda event: self._pass_on(event, before, made))
            canvas[rows, columns] = decode.load(made[0].file)
            return facts, made[0].facts
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _section_job(
        self,
        seen: np.ndarray,
        section: Section,
        old: Box,
        image: int,
        number: int,
        folder: Path,
    ) -> EngineJob:
        assert self._job.model is not None
        request = self._job.task.request
        native = self._job.model.native_size
        mask = expansion.fading(
            section, old, request.mask_options.feather, native // BETWEEN if number else 0
        )
        size = section.box.size
        files = {
            SOURCE: PixelFile(folder / "s", size.width, size.height, pixels.RGBA_OF[seen.dtype]),
            MASK: PixelFile(folder / "m", size.width, size.height, PixelFormat.Y_U8),
        }
        pixels.store(seen, pixels.RGBA_OF[seen.dtype], files[SOURCE].path)
        pixels.store(mask[..., None], PixelFormat.Y_U8, files[MASK].path)
        files |= self._job.task.inputs
        fields = {
            "mode": Mode.INPAINT,
            "source": BlobRef(blob=SOURCE),
            "mask": BlobRef(blob=MASK),
            "mask_options": MaskOptions(),
            "expand": None,
            "count": 1,
            "seed": (int(request.seed or 0) + image + SEEDS_APART * number) % MAX_SEED,
            "intent": Intent.EXPAND,
            "context": Context.WHOLE,
            "alpha": "opaque",
            "color_match": True if request.color_match is None else request.color_match,
            "composite": True,
        }
        own: JobRequest = request.model_copy(update=fields)
        words = (self._job.task.words_of(image),)
        task = replace(
            self._job.task, request=own, inputs=files, output_dir=folder / "out", words=words
        )
        return replace(self._job, task=task)

    def _pass_on(self, event: Event, before: tuple[int, int, int], made: list[Result]) -> None:
        """Steps count over all sections; the sections' own results are nobody's."""
        number, count, image = before
        match event:
            case Step():
                steps, worked = event.steps, event.worked
                if worked is not None:
                    worked = (number + worked) / count
                self._emit(
                    Step(
                        number * steps + event.step,
                        count * steps,
                        image,
                        self._job.task.request.count,
                        event.share,
                        worked,
                    )
                )
            case Result(kind="image"):
                made.append(event)
            case Loading():
                self._emit(event)
            case _:
                pass


def _worst(told: list[dict[str, Any]]) -> dict[str, Any]:
    """The seam that shows most, for the record."""
    found: dict[str, Any] = {}
    for name in ("seam", "band_color_error", "clipped"):
        values = [facts[name] for facts in told if name in facts]
        if values:
            found[name] = max(values)
    return found
