#!/usr/bin/env python3
"""Observes two jobs of the starter model and writes what there was to see into the docs:

    python docs/make_observe.py

The contact sheets go to docs/images, the table between the marks of docs/how-it-works.md. Seconds
are not the same on every machine, so the table has none; the sheets do.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

REPO = Path(__file__).resolve().parents[1]
PAGE = REPO / "docs" / "how-it-works.md"
IMAGES = REPO / "docs" / "images"
PHOTO = REPO / "examples" / "photo.jpg"
BEGIN, END = "<!-- stages: begin -->\n", "<!-- stages: end -->"
HEAD = (
    "| stage | signal | noise | sigma | timestep | PSNR to the source |",
    "|---|---|---|---|---|---|",
)
JOB = ("--input", str(PHOTO), "--prompt", "a lake in autumn", "--steps", "20", "--seed", "7")
EQUAL = 100  # dB


def observe(folder: Path, name: str, *options: str) -> list[dict[str, Any]]:
    """Runs a job, writes its contact sheet to docs/images/NAME.png and answers its stages."""
    stages = folder / name
    command = [sys.executable, "-m", "pentimento", "run", "--local", "--data-dir", str(folder)]
    files = ("--output", str(folder / f"{name}.png"), "--stages", str(stages))
    sheet = ("--contact-sheet", str(IMAGES / f"{name}.png"))
    subprocess.run([*command, *JOB, *options, *files, *sheet], check=True)
    found: list[dict[str, Any]] = json.loads((stages / "stages.json").read_text())
    return found


def round_mask(path: Path) -> Path:
    """A soft disc over the rocket in the photograph."""
    height, width = cv2.imread(str(PHOTO)).shape[:2]
    mask = np.zeros((height, width), np.uint8)
    cv2.circle(mask, (width // 2, round(height * 0.6)), height // 4, 255, -1)
    cv2.imwrite(str(path), cv2.GaussianBlur(mask, (0, 0), height / 40))
    return path


def line(stage: dict[str, Any]) -> str:
    facts = stage["facts"]
    cells = [stage["name"]]
    for name, digits in (("signal", 3), ("noise", 3), ("sigma", 2), ("timestep", 0)):
        value = facts[name]
        cells.append("" if value is None else f"{value:.{digits}f}")
    near = facts["psnr"]
    cells.append("" if near is None else "equal" if near >= EQUAL else f"{near:.1f} dB")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stages = observe(folder, "observed-image-to-image", "--strength", "0.6")
        mask = round_mask(folder / "mask.png")
        observe(folder, "observed-selection", "--mask", str(mask), "--strength", "0.9")
    page = PAGE.read_text()
    head, rest = page.split(BEGIN)
    _old, tail = rest.split(END)
    PAGE.write_text(head + BEGIN + "\n".join([*HEAD, *map(line, stages)]) + "\n" + END + tail)


if __name__ == "__main__":
    main()
