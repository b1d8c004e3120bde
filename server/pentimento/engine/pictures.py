"""The pictures of a job: read, brought to the model's size and back, composited, saved."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pentimento.backends.base import PixelFile, Result, Task
from pentimento.imaging import color_match, composite, masks, pixels, resample
from pentimento.imaging.geometry import Size
from pentimento.jobs.record import Mode, PixelFormat


@dataclass(frozen=True, slots=True)
class Canvas:
    """`size` is the result's, `generation` the one the model works at; both px."""

    size: Size
    generation: Size
    format: PixelFormat  # of the result
    source: np.ndarray | None = None  # (h, w, 4) in its own depth
    mask: np.ndarray | None = None  # (h, w) f32 0..255, the effective one
    fill: str = "surroundings"  # what the model sees where the source is transparent
    opaque: bool = False  # the result loses its source's transparency
    match: bool = False  # take the colour cast off, as far as the surroundings tell

    def seen(self, size: Size | None = None) -> np.ndarray | None:
        """The source as the model gets it: `(h, w, 3)` float32 0..1 at the generation size, or at
        another."""
        if self.source is None:
            return None
        return pixels.model_rgb(self.source, size or self.generation, self.fill)

    def finish(self, made: np.ndarray, *, blend: bool) -> tuple[np.ndarray, dict[str, Any]]:
        """The generated `(h, w, 3)` 0..1 at the result's size, in the source's depth, and facts.

        Colours are matched and soft edges mixed in floating point; the result is rounded once.
        """
        picture = resample.resize(made, self.size)
        if self.source is None:
            return picture, {}
        correction = self._correction(picture)
        facts = {} if correction is None else {"color_match": correction.facts()}
        layered = np.empty((*picture.shape[:2], 4), np.float32)
        layered[..., :3] = picture if correction is None else correction.apply(picture)
        layered[..., 3] = 1 if self.opaque else pixels.to_float(self.source)[..., 3]
        if self.mask is None or not blend:
            return pixels.to_depth(layered, self.source.dtype), facts
        return composite.blend(self.source, layered, self.mask), facts

    def _correction(self, picture: np.ndarray) -> color_match.Correction | None:
        if not self.match or self.source is None or self.mask is None:
            return None
        source = pixels.to_float(self.source)
        where = color_match.surroundings(self.mask, source[..., 3])
        return color_match.measure(picture, source[..., :3], where)


def open_canvas(task: Task, native: int, worked_at: Callable[[Size], Size]) -> Canvas:
    """Reads what the job brings; raises BadInput for pictures that are damaged. `native` is the
    side of a picture without a size, `worked_at` says at which size one is generated; px."""
    if task.request.mode is Mode.TXT2IMG:
        size = Size(task.request.width or native, task.request.height or native)
        return Canvas(size, worked_at(size), PixelFormat.RGB_U8)
    file = _input(task, "source")
    source = pixels.load(file)
    size = Size(source.shape[1], source.shape[0])
    mask = None
    if task.request.mask:
        sent = pixels.load_mask(_input(task, "mask"))
        mask = masks.soft_mask(sent, task.request.mask_options)
    opaque = task.request.alpha == "opaque"
    return Canvas(
        size,
        worked_at(size),
        file.format or _format_for(source, opaque=opaque and mask is None),
        source,
        mask,
        fill=task.request.transparent_fill,
        opaque=opaque,
        match=bool(task.request.color_match),
    )


def save(directory: Path, index: int, canvas: Canvas, picture: np.ndarray) -> PixelFile:
    laid_out = pixels.convert(picture, canvas.format)
    return _write(directory / f"{index}.raw", laid_out, canvas.format)


def save_mask(directory: Path, mask: np.ndarray, seed: int) -> Result:
    file = _write(directory / "mask.raw", masks.rounded(mask)[..., None], PixelFormat.Y_U8)
    return Result(0, file, seed, kind="mask")


def save_stage(
    directory: Path,
    index: int,
    code: str,
    values: np.ndarray,
    format: PixelFormat,
    seed: int,
    facts: dict[str, Any],
) -> Result:
    """`values` are `(h, w, c)` as the format lays them out."""
    file = _write(directory / f"stage-{index}.raw", values, format)
    return Result(index, file, seed, facts, kind="stage", name=code)


def _input(task: Task, name: str) -> PixelFile:
    reference: Any = getattr(task.request, name)
    return task.inputs[reference.blob]


def _format_for(source: np.ndarray, *, opaque: bool) -> PixelFormat:
    """The raw format that keeps what a PNG, JPEG or WebP file held, without an alpha that is
    of no use."""
    if source.dtype == np.uint16:
        return PixelFormat.RGBA_U16
    plain = opaque or source[..., 3].min() == 255
    return PixelFormat.RGB_U8 if plain else PixelFormat.RGBA_U8


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
