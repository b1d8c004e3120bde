#!/usr/bin/env python3
"""Makes the pictures of docs/expand.md, docs/upscale.md and the sheet of docs/changing-results.md
that come from the shell, with a real server and the starter model:

    python docs/make_growing.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO))

from tests.gimp.companion import Companion

IMAGES = REPO / "docs" / "images"
PHOTO, CUP = (REPO / "examples" / name for name in ("photo.jpg", "coffee.jpg"))
GAP = 12  # px between pictures
PART = 290, 190, 440, 340  # px of the cup's photograph: the spoon and the edge of the cup
ZOOM = 2  # of that, to be seen
WORDS = "a dark blue sky at night"


def command(server: Companion, *arguments: object) -> None:
    subprocess.run(
        [sys.executable, "-m", "pentimento", *map(str, arguments)],
        env=server.environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def beside(pictures: list[Image.Image], name: str) -> None:
    """Pictures in a row, their lower edges in one line, in as many colours as make a small file."""
    height = max(picture.height for picture in pictures)
    width = sum(picture.width for picture in pictures) + GAP * (len(pictures) - 1)
    sheet, left = Image.new("RGB", (width, height), "white"), 0
    for picture in pictures:
        sheet.paste(picture, (left, height - picture.height))
        left += picture.width + GAP
    small(sheet, name)


def small(picture: Image.Image, name: str) -> None:
    picture.convert("RGB").quantize(256).save(IMAGES / f"{name}.png", optimize=True)


def expanded(server: Companion, folder: Path) -> None:
    """The photograph, and the same continued at two sides and the corner between them."""
    photo, wide = folder / "photo.png", folder / "wide.png"
    opened(PHOTO).resize((480, 320), Image.Resampling.LANCZOS).save(photo)
    sides = ("--left", "25%", "--top", "20%", "--feather", 12)
    command(server, "expand", photo, *sides, "--prompt", WORDS, "--seed", 3, "-o", wide)
    beside([opened(photo), opened(wide)], "expanded")


def enlarged(server: Companion, folder: Path) -> None:
    """A part of a photograph that was reduced to half its size: enlarged again without and with a
    network, and the photograph itself."""
    whole, reduced = opened(CUP), folder / "reduced.png"
    size = whole.width // 2, whole.height // 2
    whole.resize(size, Image.Resampling.BICUBIC).save(reduced)
    shown = []
    for method in ("plain", "compact-photo"):
        large = folder / f"{method}.png"
        command(server, "upscale", reduced, "--scale", 2, "--method", method, "-o", large)
        shown.append(opened(large))
    side = (PART[2] - PART[0]) * ZOOM
    beside(
        [
            picture.crop(PART).resize((side, side), Image.Resampling.NEAREST)
            for picture in (*shown, whole)
        ],
        "upscaled",
    )


def plotted(server: Companion, folder: Path) -> None:
    sheet = folder / "sheet.png"
    job = ("--input", PHOTO, "--prompt", "a harbor, oil painting", "--seed", 7)
    axes = ("--x", "strength=0.3,0.5,0.7", "--y", "steps=2,4,8")
    command(server, "run", *job, *axes, "--output", sheet)
    small(opened(sheet), "xy-plot-sheet")


def opened(file: Path) -> Image.Image:
    return Image.open(file).convert("RGB")


def main() -> None:
    with tempfile.TemporaryDirectory() as name, Companion(Path(name) / "data") as server:
        for part in (expanded, enlarged, plotted):
            part(server, Path(name))


if __name__ == "__main__":
    main()
