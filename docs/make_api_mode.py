#!/usr/bin/env python3
"""Makes docs/images/api-substitute.png: what a service without image-to-image is sent, and what
becomes of it. The starter model and its ControlNet stand in for the service:

    python docs/make_api_mode.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "server"))

from pentimento.services.routing import substitute_weight

TARGET = REPO / "docs" / "images" / "api-substitute.png"
SCENE = "a large red balloon over snow at day"
PROMPT = "a large yellow balloon over a green meadow at sunset"
STRENGTH = 0.6
SIDE = 128  # px, what the starter model works at
SHOWN = 256  # px of one picture on the page
GAP, CAPTION = 8, 44


def run(folder: Path, *arguments: str) -> None:
    """One call of the command, with a data folder that is thrown away."""
    command = [sys.executable, "-m", "pentimento", *arguments]
    subprocess.run(command, cwd=folder, check=True, env={"PYTHONPATH": str(REPO / "server")})


def paint(folder: Path, name: str, prompt: str, *arguments: str) -> Image.Image:
    job = ("run", "--local", "--data-dir", "data", "--prompt", prompt, "--seed", "3")
    run(folder, *job, "--steps", "20", "--output", name, *arguments)
    return Image.open(folder / name).convert("RGB")


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        size = ("--width", str(SIDE), "--height", str(SIDE), "--mode", "txt2img")
        source = paint(folder, "source.png", SCENE, *size)
        run(folder, "preprocess", "--type", "canny", "source.png", "map.png")
        weight = substitute_weight(STRENGTH)
        control = ("--control", f"canny=map.png:{weight}")
        steered = paint(folder, "steered.png", PROMPT, *size, *control)
        own = ("--input", "source.png", "--strength", str(STRENGTH))
        pictures = [
            ("the source", source),
            (
                "its lines (Canny 100/200),\nthe only thing that is sent",
                Image.open(folder / "map.png"),
            ),
            (f"a new picture, steered by\nthem with weight {weight:g}", steered),
            (
                f"image to image, strength {STRENGTH:g},\nwhere a service has it",
                paint(folder, "own.png", PROMPT, *own),
            ),
        ]
        sheet(pictures).save(TARGET)


def sheet(pictures: list[tuple[str, Image.Image]]) -> Image.Image:
    """Side by side with captions below."""
    width = len(pictures) * (SHOWN + GAP) - GAP
    page = Image.new("RGB", (width, SHOWN + CAPTION), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(14)
    for number, (caption, picture) in enumerate(pictures):
        left = number * (SHOWN + GAP)
        page.paste(picture.convert("RGB").resize((SHOWN, SHOWN)), (left, 0))
        draw.text((left + 4, SHOWN + 4), caption, "black", font)
    return page


if __name__ == "__main__":
    main()
