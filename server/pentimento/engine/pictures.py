"""The pictures of a job: read, brought to the model's size and back, composited, saved."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pentimento.backends.base import PixelFile, Result, Task
from pentimento.engine.messages import EngineJob
from pentimento.imaging import composite, masks, pixels, resample
from pentimento.imaging.geometry import Size
from pentimento.imaging.sizing import generation_size
from pentimento.jobs.record import Mode, PixelFormat


@dataclass(frozen=True, slots=True)
class Canvas:
    """`size` is the result's, `generation` the one the model works at; both px."""

    size: Size
    generation: Size
    format: PixelFormat  # of the result
    source: np.ndarray | None = None  # (h, w, 4) in its own depth
    mask: np.ndarray | None = None  # (h, w) u8, the effective one

    def finish(self, made: np.ndarray, *, blend: bool) -> np.ndarray:
        """The generated `(h, w, 3)` 0..1 at the result's size, in the source's depth and alpha."""
        picture = resample.resize(made, self.size)
        if self.source is None:
            return picture
        result = pixels.from_model(picture, self.source)
        if self.mask is None or not blend:
            return result
        return composite.blend(self.source, result, self.mask)


def open_canvas(job: EngineJob) -> Canvas:
    """Reads what the job brings; raises BadInput for pictures that are damaged."""
    task = job.task
    if task.request.mode is Mode.TXT2IMG:
        native = job.model.native_size
        size = Size(task.request.width or native, task.request.height or native)
        return Canvas(size, generation_size(size, job.model), PixelFormat.RGB_U8)
    file = _input(task, "source")
    source = pixels.load(file)
    size = Size(source.shape[1], source.shape[0])
    mask = None
    if task.request.mode is Mode.INPAINT:
        sent = pixels.load_mask(_input(task, "mask"))
        mask = masks.effective_mask(sent, task.request.mask_options)
    return Canvas(
        size, generation_size(size, job.model), file.format or _format_for(source), source, mask
    )


def save(directory: Path, index: int, canvas: Canvas, picture: np.ndarray) -> PixelFile:
    laid_out = pixels.convert(picture, canvas.format)
    return _write(directory / f"{index}.raw", laid_out, canvas.format)


def save_mask(directory: Path, mask: np.ndarray, seed: int) -> Result:
    file = _write(directory / "mask.raw", mask[..., None], PixelFormat.Y_U8)
    return Result(0, file, seed, kind="mask")


def _input(task: Task, name: str) -> PixelFile:
    reference: Any = getattr(task.request, name)
    return task.inputs[reference.blob]


def _format_for(source: np.ndarray) -> PixelFormat:
    """The raw format that keeps what a PNG, JPEG or WebP file held."""
    if source.dtype == np.uint16:
        return PixelFormat.RGBA_U16
    opaque = source[..., 3].min() == 255
    return PixelFormat.RGB_U8 if opaque else PixelFormat.RGBA_U8


def _write(path: Path, values: np.ndarray, format: PixelFormat) -> PixelFile:
    """The file has its final name only once it is whole and on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as stream:
            stream.write(np.ascontiguousarray(values).data)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    return PixelFile(path, values.shape[1], values.shape[0], format)
