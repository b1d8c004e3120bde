"""The sheet of an X/Y plot: a picture for each pair of values, with the values as its labels."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from pentimento.imaging.lettering import fitted, width_of, write
from pentimento.imaging.stages import GAP, INK, PALE, PAPER, thumbnail

CELL = 320  # px, the long side of a picture on the sheet
TITLE, LABEL = 17, 15  # px of the letters
LINE = 24
MOST_LABEL = 200  # px that the labels at the left are wide at most


def draw_plot(
    pictures: Sequence[Sequence[np.ndarray]],
    across: Sequence[str],
    down: Sequence[str],
    title: str = "",
) -> bytes:
    """A PNG. `pictures` `(h, w, c)` are row by row; `across` are the labels of the columns, `down`
    those of the rows."""
    small = [[thumbnail(picture, CELL) for picture in row] for row in pictures]
    width = max(one.width for row in small for one in row)
    heights = [max(one.height for one in row) for row in small]
    left = round(min(MOST_LABEL, max(width_of(label, LABEL) for label in down))) + 2 * GAP
    top = GAP + (LINE + GAP if title else 0) + LINE
    size = (
        left + len(across) * (width + GAP),
        top + sum(heights) + GAP * len(heights),
    )
    sheet = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(sheet)
    if title:
        write(pen, (GAP, GAP), title, TITLE, INK, size[0] - 2 * GAP)
    for number, label in enumerate(across):
        _middle(pen, (left + number * (width + GAP), top - LINE), label, width)
    for label, row, high in zip(down, small, heights, strict=True):
        write(pen, (GAP, top + (high - LABEL) // 2), label, LABEL, PALE, left - 2 * GAP)
        for number, one in enumerate(row):
            sheet.paste(one, (left + number * (width + GAP), top))
        top += high + GAP
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _middle(pen: ImageDraw.ImageDraw, place: tuple[int, int], text: str, width: int) -> None:
    """A label over the middle of its column."""
    shown = fitted(text, LABEL, width)
    shift = round((width - width_of(shown, LABEL)) / 2)
    write(pen, (place[0] + shift, place[1]), shown, LABEL, PALE, width)
