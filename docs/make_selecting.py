"""Writes docs/images/select-photographs.jpg: what is selected in photographs without a model, as
it comes, by hints that were set once before any mask was seen.

    python docs/make_selecting.py --photographs FOLDER

The folder is `skimage/data` of scikit-image's wheel; the rocket also lies in examples/.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "server"))

import numpy as np
from PIL import Image, ImageDraw

from pentimento.core.geometry import Box
from pentimento.imaging import cut_out
from pentimento.imaging.object_selection import Click, select

SHEET = REPO / "docs/images/select-photographs.jpg"
HEIGHT, GAP = 190, 6  # px
BEHIND = (150, 150, 150)


@dataclass(frozen=True)
class Photograph:
    """`on` lies on the object and `beside` does not, px."""

    file: str
    box: Box
    on: tuple[int, int]
    beside: tuple[int, int]


PHOTOGRAPHS = (
    Photograph("astronaut.png", Box(12, 8, 498, 504), (150, 300), (410, 120)),
    Photograph("chelsea.png", Box(15, 0, 385, 300), (200, 80), (425, 150)),
    Photograph("coffee.png", Box(70, 10, 415, 380), (120, 220), (110, 60)),
    Photograph("hubble_deep_field.jpg", Box(700, 445, 55, 55), (727, 472), (705, 450)),
    Photograph("motorcycle_left.png", Box(85, 85, 605, 372), (420, 195), (437, 415)),
    Photograph("rocket.jpg", Box(299, 118, 50, 292), (321, 136), (345, 250)),
)


def row(photograph: Photograph, folder: Path) -> list[Image.Image]:
    """The photograph with its hints, and what is cut out without any, in the box, and with the
    clicks."""
    image = Image.open(folder / photograph.file).convert("RGB")
    picture = np.asarray(image)
    clicks = Click(*photograph.on), Click(*photograph.beside, wanted=False)
    found = (
        select(picture),
        select(picture, box=photograph.box),
        select(picture, clicks, photograph.box),
    )
    return [hinted(image, photograph), *(shown(picture, alpha, photograph) for alpha in found)]


def view(photograph: Photograph, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """All of it, or what is around a small box."""
    box = photograph.box
    if box.width * box.height > size[0] * size[1] / 40:
        return 0, 0, *size
    more = 2 * max(box.width, box.height)
    return box.x - more, box.y - more, box.right + more, box.bottom + more


def hinted(image: Image.Image, photograph: Photograph) -> Image.Image:
    drawn, box = image.copy(), photograph.box
    pen = ImageDraw.Draw(drawn)
    pen.rectangle((box.x, box.y, box.right - 1, box.bottom - 1), outline=(255, 240, 0), width=2)
    radius = max(2, min(box.width, box.height) // 50)
    for (x, y), colour in ((photograph.on, (0, 230, 0)), (photograph.beside, (255, 0, 60))):
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return reduced(drawn.crop(view(photograph, image.size)))


def shown(picture: np.ndarray, alpha: np.ndarray, photograph: Photograph) -> Image.Image:
    opaque = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
    cut = Image.fromarray(cut_out.of(opaque, alpha))
    ground = Image.new("RGBA", cut.size, (*BEHIND, 255))
    whole = Image.alpha_composite(ground, cut).convert("RGB")
    return reduced(whole.crop(view(photograph, cut.size)))


def reduced(image: Image.Image) -> Image.Image:
    return image.resize((round(image.width * HEIGHT / image.height), HEIGHT), Image.LANCZOS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=Path, required=True)
    folder = parser.parse_args().photographs
    rows = [row(photograph, folder) for photograph in PHOTOGRAPHS]
    widths = [max(line[place].width for line in rows) for place in range(4)]
    sheet = Image.new("RGB", (sum(widths) + 5 * GAP, len(rows) * (HEIGHT + GAP) + GAP), "white")
    for number, line in enumerate(rows):
        left = GAP
        for width, picture in zip(widths, line, strict=True):
            sheet.paste(picture, (left, GAP + number * (HEIGHT + GAP)))
            left += width + GAP
    sheet.save(SHEET, quality=88)


if __name__ == "__main__":
    main()
