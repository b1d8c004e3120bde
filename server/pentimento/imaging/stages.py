"""The stages of a picture: how near they are to the source, which steps count, and their sheet.

- `psnr(picture, source, weight) -> float`
- `chosen_steps(count, wanted) -> list[int]`
- `draw(frames, title) -> bytes`: all stages on one PNG, each with its caption
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw

from pentimento.imaging import pixels
from pentimento.imaging.lettering import write

EQUAL = 100.0  # dB; what equal pictures, and those that differ by next to nothing, count as
NO_LEVEL: dict[str, Any] = {"signal": None, "noise": None, "sigma": None, "timestep": None}
SHOWN = 6  # steps where none are asked for


def psnr(picture: np.ndarray, source: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Peak signal-to-noise ratio in dB of two `(h, w, 3)` float pictures 0..1, at most EQUAL.
    `weight` `(h, w)` says how much a pixel counts: colours under transparency say nothing."""
    error = np.square(picture.astype(np.float32) - source.astype(np.float32)).mean(axis=2)
    if weight is not None and weight.any():
        mean = float(np.average(error, weights=weight))
    else:
        mean = float(error.mean(dtype=np.float64))
    return EQUAL if mean == 0 else round(min(EQUAL, -10 * math.log10(mean)), 2)


def chosen_steps(count: int, wanted: Sequence[int] = ()) -> list[int]:
    """Which of `count` steps are shown, 0-based and rising: those `wanted` (1-based) that run, else
    at most SHOWN spread evenly, the first and the last among them."""
    if wanted:
        return sorted({step - 1 for step in wanted if 1 <= step <= count})
    shown = min(SHOWN, count)
    if shown < 2:
        return list(range(shown))
    return sorted({round(index * (count - 1) / (shown - 1)) for index in range(shown)})


CELL = 256  # px, the long side of a picture on the sheet
GAP = 16
NAME_SIZE, FACTS_SIZE, TITLE_SIZE = 15, 13, 17  # px of the letters
LINE = 19
COLUMNS = 4
PAPER, INK, PALE = (255, 255, 255), (24, 24, 24), (96, 96, 96)
CHECKS = (204, 153)  # the two grays under transparency, as GIMP has them
CHECK = 8  # px


@dataclass(frozen=True, slots=True)
class Frame:
    """A stage: `load` gives its pixels `(h, w, c)`, so that only one is in memory at a time."""

    code: str
    name: str
    facts: dict[str, Any]
    load: Callable[[], np.ndarray]


def draw_sheet(frames: Sequence[Frame], title: str) -> bytes:
    """From left to right and from top to bottom, in the order of the frames."""
    columns = min(COLUMNS, len(frames))
    thumbnails = [thumbnail(frame.load()) for frame in frames]
    rows = [thumbnails[start : start + columns] for start in range(0, len(thumbnails), columns)]
    heights = [max(picture.height for picture in row) for row in rows]
    words = 3 * LINE
    width = GAP + columns * (CELL + GAP)
    height = GAP + LINE + GAP + sum(high + words + GAP for high in heights)
    sheet = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(sheet)
    write(pen, (GAP, GAP), title, TITLE_SIZE, INK, width - 2 * GAP)
    top = GAP + LINE + GAP
    for number, (row, high) in enumerate(zip(rows, heights, strict=True)):
        for column, picture in enumerate(row):
            left = GAP + column * (CELL + GAP)
            sheet.paste(picture, (left, top + high - picture.height))
            index = number * columns + column
            _caption(pen, (left, top + high + 4), index, frames[index])
        top += high + words + GAP
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def facts_in_words(facts: dict[str, Any]) -> list[str]:
    """What is known of a stage: its noise, how near it is to the source, when it was reached."""
    parts = []
    if facts.get("noise") is not None:
        parts.append(f"noise {facts['noise']:.1%}, sigma {facts['sigma']:.3g}")
    near = facts.get("psnr")
    if near is not None:
        parts.append("equals the source" if near >= EQUAL else f"PSNR {near:.1f} dB")
    parts.append(f"{facts['seconds']:.1f} s")
    return parts


def _caption(pen: ImageDraw.ImageDraw, place: tuple[int, int], index: int, frame: Frame) -> None:
    x, y = place
    write(pen, (x, y), f"{index + 1}  {frame.name}", NAME_SIZE, INK, CELL)
    noise, *rest = ["", *facts_in_words(frame.facts)][-3:]
    second = noise if len(rest) == 2 else ""
    write(pen, (x, y + LINE), second or " · ".join(rest), FACTS_SIZE, PALE, CELL)
    if second:
        write(pen, (x, y + 2 * LINE - 2), " · ".join(rest), FACTS_SIZE, PALE, CELL)


def thumbnail(picture: np.ndarray, side: int = CELL) -> Image.Image:
    """As large as fits into a square of `side` px."""
    height, width = picture.shape[:2]
    values = pixels.to_depth(picture, np.uint8)
    shown = _on_checks(values) if values.shape[2] == 4 else values
    shown = np.repeat(shown, 3, axis=2) if shown.shape[2] == 1 else shown
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return Image.fromarray(cv2.resize(np.ascontiguousarray(shown), size, interpolation=kind))


def _on_checks(picture: np.ndarray) -> np.ndarray:
    """`(h, w, 4)` u8 over the pattern that stands for transparency, `(h, w, 3)`."""
    height, width = picture.shape[:2]
    y, x = np.ogrid[:height, :width]
    below = np.where((x // CHECK + y // CHECK) % 2, *CHECKS)[..., None]
    alpha = picture[..., 3:] / 255.0
    return np.rint(picture[..., :3] * alpha + below * (1 - alpha)).astype(np.uint8)
