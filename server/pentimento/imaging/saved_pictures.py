"""A job's pictures as files in its folder: results, masks and stages, as raw pixels that appear
when they are complete. The server keeps them with their records (`jobs/results.py`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pentimento.core import files
from pentimento.imaging import masks, pixels
from pentimento.imaging.canvas import Canvas
from pentimento.schema.job import PixelFormat
from pentimento.schema.task import PixelFile, Result


def save(directory: Path, index: int, canvas: Canvas, picture: np.ndarray) -> PixelFile:
    path = directory / f"{index}.raw"
    if canvas.profile is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels.profile_file(path).write_bytes(canvas.profile.data)
    return _write(path, picture, canvas.format)


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


def _write(path: Path, values: np.ndarray, format: PixelFormat) -> PixelFile:
    """The file has its final name only once it is whole and on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.whole(path, lasting=True) as stream:
        pixels.write(values, format, stream)
    return PixelFile(path, values.shape[1], values.shape[0], format)
