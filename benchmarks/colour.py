"""What colour match and drift correction are worth: the starter model on photographs, with each of
them switched on and off, as Markdown.

    python benchmarks/colour.py [--seeds 3] [--steps 8]

Colours are sRGB-encoded, all figures in steps of 8 bits (1/255), means over pictures and seeds.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "server"))
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch

import cv2
import numpy as np

from pentimento.engine import quiet
from pentimento.engine.cancel import StopFlag
from pentimento.engine.worker import Worker
from pentimento.engine_ipc.messages import EngineJob, ModelSpec
from pentimento.imaging import decode, pixels
from pentimento.models.library.registry import Registry
from pentimento.schema.job import JobRequest, PixelFormat
from pentimento.schema.task import Event, PixelFile, Result, Task

SIDE = 128  # px, the starter model's own size
CUT = 256  # px of a photograph that become one picture
PLACES = ((0, 0), (120, 120), (330, 100))
RADIUS = 36  # px of the masked disc
RING = 4  # px on each side of its edge that are compared
SECTORS = 24
PROMPT = "a still life"
SOURCE, MASK = "a" * 64, "b" * 64


@dataclass
class Studio:
    """Runs one job after the other in this process."""

    folder: Path
    steps: int
    number: int = 0

    def __post_init__(self) -> None:
        self.worker = Worker()
        self.model = ModelSpec.of(Registry(self.folder).get("starter"))

    def make(self, source: np.ndarray, mask: np.ndarray | None = None, **wanted: Any) -> np.ndarray:
        """`(SIDE, SIDE, 3)` float, 0..255; 16 bits in and out, so that nothing is rounded away."""
        self.number += 1
        where = self.folder / str(self.number)
        inputs = {SOURCE: self._kept(source, PixelFormat.RGBA_U16, where)}
        fields = {"mode": "img2img", "source": {"blob": SOURCE}, "model": "starter"}
        if mask is not None:
            inputs[MASK] = self._kept(mask[..., None], PixelFormat.Y_U8, where)
            fields |= {"mode": "inpaint", "mask": {"blob": MASK}}
        fields |= {"prompt": PROMPT, "steps": self.steps, "sampler": "DDIM", "guidance": 3.5}
        request = JobRequest.model_validate(fields | {"preview": False} | wanted)
        made: list[Result] = []

        def emit(event: Event) -> None:
            if isinstance(event, Result) and event.kind == "image":
                made.append(event)

        job = EngineJob(Task(str(self.number), request, inputs, where / "out"), self.model)
        self.worker.run(job, emit, StopFlag())
        return pixels.to_float(decode.load(made[0].file))[..., :3] * 255

    def _kept(self, picture: np.ndarray, format: PixelFormat, folder: Path) -> PixelFile:
        folder.mkdir(exist_ok=True)
        path = folder / f"{format}.raw"
        pixels.store(picture, format, path)
        return PixelFile(path, picture.shape[1], picture.shape[0], format)


def photographs() -> Iterator[np.ndarray]:
    for name in ("photo", "coffee"):
        whole = cv2.cvtColor(cv2.imread(str(REPO / f"examples/{name}.jpg")), cv2.COLOR_BGR2RGB)
        for x, y in PLACES:
            part = np.float32(whole[y : y + CUT, x : x + CUT]) / 255
            small = cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
            yield pixels.with_alpha(pixels.to_depth(small, np.uint16))


def disc() -> np.ndarray:
    return np.where(_distance() < RADIUS, 255, 0).astype(np.uint8)


def seam(picture: np.ndarray) -> float:
    """How much the mean colours just inside and just outside the disc's edge differ, by sectors:
    a picture without an edge there has a small one too."""
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2 + 0.5
    sector = ((np.arctan2(y, x) / np.pi + 1) / 2 * SECTORS).astype(int) % SECTORS
    depth = _distance() - RADIUS
    inside, outside = (depth < 0) & (depth > -RING), (depth >= 0) & (depth < RING)
    gaps = [
        picture[inside & (sector == number)].mean(axis=0)
        - picture[outside & (sector == number)].mean(axis=0)
        for number in range(SECTORS)
    ]
    return float(np.abs(gaps).mean())


def cast(picture: np.ndarray, source: np.ndarray, where: np.ndarray | None = None) -> float:
    """How much the mean colours differ, here or everywhere."""
    chosen = np.ones((SIDE, SIDE), bool) if where is None else where
    return float(np.abs((picture - source)[chosen].mean(axis=0)).mean())


def slow(picture: np.ndarray, source: np.ndarray) -> float:
    """The colour error that is left after blurring by an eighth of the side."""
    blurred = cv2.GaussianBlur((picture - source).astype(np.float32), (0, 0), SIDE / 8)
    return float(np.abs(blurred).mean())


def _distance() -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2 + 0.5
    return np.hypot(x, y)


def drift_table(studio: Studio, seeds: range) -> Iterator[str]:
    yield "| strength | mean colour error without | with | slow colour error without | with |"
    yield "|---|---|---|---|---|"
    for strength in (0.1, 0.2, 0.3, 0.4):
        rows = []
        for source, seed in itertools.product(photographs(), seeds):
            shown = pixels.to_float(source)[..., :3] * 255
            wanted = {"strength": strength, "seed": seed}
            pair = [studio.make(source, drift_correction=on, **wanted) for on in (False, True)]
            rows.append([f(made, shown) for f in (cast, slow) for made in pair])
        yield _line([f"{strength:g}", *_means(rows)])


def match_table(studio: Studio, seeds: range) -> Iterator[str]:
    yield "| strength | seam without | with | smaller in | cast in the band without | with |"
    yield "|---|---|---|---|---|---|"
    mask, band = disc(), (_distance() >= RADIUS) & (_distance() < RADIUS + 8)
    for strength in (0.3, 0.5, 0.75, 1.0):
        rows = []
        for source, seed in itertools.product(photographs(), seeds):
            shown = pixels.to_float(source)[..., :3] * 255
            wanted = {"strength": strength, "seed": seed, "drift_correction": False}
            whole = [
                studio.make(source, mask, color_match=on, composite=False, **wanted)
                for on in (False, True)
            ]
            inside = (mask > 0)[..., None]
            seams = [seam(np.where(inside, made, shown)) for made in whole]
            own = seam(shown)
            casts = [cast(made, shown, band) for made in whole]
            rows.append([seams[0] - own, seams[1] - own, *casts])
        better = sum(row[1] < row[0] for row in rows)
        without, with_it, *casts = _means(rows)
        share = f"{better} of {len(rows)}"
        yield _line([f"{strength:g}", without, with_it, share, *casts])


def _means(rows: list[list[float]]) -> list[str]:
    return [f"{statistics.mean(column):.2f}" for column in zip(*rows, strict=True)]


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8)
    options = parser.parse_args()
    quiet.silence()
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(Path(folder), options.steps)
        for table in (drift_table, match_table):
            for line in table(studio, range(options.seeds)):
                print(line, flush=True)
            print()


if __name__ == "__main__":
    main()
