"""What context, the second pass, the automatic edge, the surroundings' colours below and the
given-back detail are worth: the starter model on photographs, each added alone and all together,
as Markdown and a sheet of pictures.

    python benchmarks/selection.py --photographs FOLDER --sheet sheet.png [--only copied]

A fill at full strength of an ellipse in each photograph, its seam, colour error and time; and each
photograph refined at 0.2 and 0.5, with how much of its gradient is kept.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "server"))
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch

import cv2
import numpy as np

from pentimento.core.geometry import Box, Size
from pentimento.engine import quiet
from pentimento.engine.cancel import StopFlag
from pentimento.engine.worker import Worker
from pentimento.engine_ipc.messages import EngineJob, ModelSpec
from pentimento.imaging import context_box, decode, masks, pixels
from pentimento.models.library.registry import Registry
from pentimento.schema.job import JobRequest, PixelFormat
from pentimento.schema.task import Event, PixelFile, Result, Task

PROMPT = "a photograph"
SOURCE, MASK = "a" * 64, "b" * 64
THUMB = 120  # px of a picture's height on the sheet


@dataclass(frozen=True)
class Variant:
    """A way to fill. `context` is the strength by which the surroundings are chosen."""

    name: str
    context: float = 0.0
    twice: bool = False
    auto: bool = False
    intent: str | None = None
    filled_by: str | None = None
    refined: float = 0.0  # strength at which the model paints over what was copied


VARIANTS = (
    Variant("as before"),
    Variant("context", context=1.0),
    Variant("second pass", twice=True),
    Variant("automatic edge", auto=True),
    Variant("surroundings below", intent="fill"),
    Variant("all", context=1.0, twice=True, auto=True, intent="fill"),
    Variant("copied", context=1.0, auto=True, intent="fill", filled_by="surroundings"),
    Variant("copied, refined", context=1.0, auto=True, filled_by="surroundings", refined=0.15),
)


class Studio:
    """Runs one job after the other in this process."""

    def __init__(self, folder: Path, steps: int) -> None:
        self._folder, self._steps, self._number = folder, steps, 0
        self._worker = Worker()
        self.model = ModelSpec.of(Registry(folder).get("starter"))

    def make(
        self, source: np.ndarray, mask: np.ndarray | None = None, **wanted: Any
    ) -> tuple[np.ndarray, dict[str, Any], float]:
        """`(h, w, 4)` u8, the result's facts and the seconds it took."""
        self._number += 1
        where = self._folder / str(self._number)
        inputs = {SOURCE: self._kept(source, PixelFormat.RGBA_U8, where)}
        fields: dict[str, Any] = {"mode": "img2img", "source": {"blob": SOURCE}}
        if mask is not None:
            inputs[MASK] = self._kept(mask[..., None], PixelFormat.Y_U8, where)
            fields |= {"mode": "inpaint", "mask": {"blob": MASK}, "color_match": True}
        fields |= {"prompt": PROMPT, "steps": self._steps, "sampler": "DDIM", "guidance": 3.5}
        fields |= {"model": "starter", "seed": 1, "preview": False}
        request = JobRequest.model_validate(fields | wanted)
        made: list[Result] = []

        def emit(event: Event) -> None:
            if isinstance(event, Result) and event.kind == "image":
                made.append(event)

        job = EngineJob(Task(str(self._number), request, inputs, where / "out"), self.model)
        started = time.monotonic()
        self._worker.run(job, emit, StopFlag())
        return decode.load(made[0].file), made[0].facts, time.monotonic() - started

    def _kept(self, picture: np.ndarray, format: PixelFormat, folder: Path) -> PixelFile:
        folder.mkdir(exist_ok=True)
        path = folder / f"{format}.raw"
        pixels.store(picture, format, path)
        return PixelFile(path, picture.shape[1], picture.shape[0], format)


def fill(
    studio: Studio, photograph: np.ndarray, variant: Variant
) -> tuple[np.ndarray, dict[str, Any], float]:
    """The photograph with an ellipse in it painted anew."""
    height, width = photograph.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    axes = (width // 5, height // 5)
    cv2.ellipse(mask, (width // 2, height * 9 // 20), axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
    selection = masks.bounds(mask)
    assert selection is not None
    if variant.auto:
        edge = context_box.automatic_edge(selection.size, 1.0, studio.model.native_size)
        selection = selection.pad(edge.reach)
    whole = Box(0, 0, width, height)
    box = context_box.context_box(selection, whole, studio.model, variant.context)
    rows, columns = slice(box.y, box.bottom), slice(box.x, box.right)
    cut = np.ascontiguousarray(photograph[rows, columns])
    made, facts, spent = studio.make(
        cut,
        np.ascontiguousarray(mask[rows, columns]),
        strength=1.0,
        second_pass=variant.twice,
        mask_options={"auto": variant.auto},
        intent=variant.intent,
        filled_by=variant.filled_by,
    )
    if variant.refined:
        soft = np.ascontiguousarray(mask[rows, columns])
        made, facts, more = studio.make(made, soft, strength=variant.refined)
        spent += more
    result = photograph.copy()
    result[rows, columns] = made
    facts["gradient"] = fineness(result, mask)
    size = (facts["passes"] or [facts["generation"]])[-1]
    facts["painted"] = f"{size['width']} × {size['height']}"
    return result, facts, spent


def fineness(picture: np.ndarray, mask: np.ndarray) -> float:
    """The mean step from pixel to pixel inside, as a multiple of that in a band around."""
    grey = (picture[..., :3].astype(float) @ pixels.LUMA).astype(np.float32)
    steps = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    inside = cv2.erode(mask, np.ones((9, 9))) == 255
    far, near = (cv2.dilate(mask, np.ones((side, side))) > 0 for side in (61, 9))
    return float(steps[inside].mean() / steps[far & ~near].mean())


def gradient(picture: np.ndarray) -> float:
    """The mean step of brightness from pixel to pixel."""
    grey = picture[..., :3].astype(float) @ pixels.LUMA
    return float(np.mean([np.abs(np.diff(grey, axis=axis)).mean() for axis in (0, 1)]))


def fills(
    studio: Studio, photographs: list[np.ndarray], names: list[str]
) -> list[list[np.ndarray]]:
    print("| a fill at 1.0 | seam | band color error | gradient | clipped | painted at | seconds |")
    print("|---|---|---|---|---|---|---|")
    sheet = [[photograph] for photograph in photographs]
    for variant in [one for one in VARIANTS if not names or one.name in names]:
        found = [fill(studio, photograph, variant) for photograph in photographs]
        for row, (picture, _, _) in zip(sheet, found, strict=True):
            row.append(picture)
        facts = [told for _, told, _ in found]
        means = [
            statistics.mean(told[name] for told in facts)
            for name in ("seam", "band_color_error", "gradient", "clipped")
        ]
        seconds = statistics.mean(spent for _, _, spent in found)
        print(
            f"| {variant.name} | {means[0]:.2f} | {means[1]:.4f} | {means[2]:.2f} "
            f"| {means[3]:.4f} | {facts[0]['painted']} | {seconds:.1f} |",
            flush=True,
        )
    return sheet


def refined(studio: Studio, photographs: list[np.ndarray], sheet: list[list[np.ndarray]]) -> None:
    print("\n| refined at | gradient kept, plain | with detail given back | PSNR plain | with |")
    print("|---|---|---|---|---|")
    for strength in (0.2, 0.5):
        kept: dict[bool, list[float]] = {False: [], True: []}
        near: dict[bool, list[float]] = {False: [], True: []}
        for photograph, row in zip(photographs, sheet, strict=True):
            for on in (False, True):
                asked = {"strength": strength, "detail_correction": on}
                picture, _, _ = studio.make(photograph, **asked)
                kept[on].append(gradient(picture) / gradient(photograph))
                error = (picture[..., :3].astype(float) - photograph[..., :3]) / 255
                near[on].append(-10 * np.log10((error**2).mean()))
                if strength < 0.3:
                    row.append(picture)
        columns = [statistics.mean(values) for values in (*kept.values(), *near.values())]
        print(
            f"| {strength} | {columns[0]:.2f} | {columns[1]:.2f} "
            f"| {columns[2]:.1f} dB | {columns[3]:.1f} dB |",
            flush=True,
        )


def read(folder: Path) -> list[np.ndarray]:
    """Photographs `(h, w, 4)` u8, at most 640 px wide."""
    found = []
    for path in sorted(folder.iterdir()):
        picture = cv2.imread(str(path))
        if picture is None:
            continue
        height, width = picture.shape[:2]
        size = Size(width, height).scaled(min(640 / width, 1))
        small = cv2.resize(picture, (size.width, size.height), interpolation=cv2.INTER_AREA)
        found.append(pixels.with_alpha(cv2.cvtColor(small, cv2.COLOR_BGR2RGB)))
    return found


def save(sheet: list[list[np.ndarray]], path: Path) -> None:
    rows = []
    for pictures in sheet:
        height, width = pictures[0].shape[:2]
        size = (width * THUMB // height, THUMB)
        small = [cv2.resize(p[..., :3], size, interpolation=cv2.INTER_AREA) for p in pictures]
        rows.append(np.hstack(small))
    widest = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, 4), (0, widest - row.shape[1]), (0, 0))) for row in rows]
    cv2.imwrite(str(path), np.vstack(padded)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--photographs", type=Path, default=REPO / "examples")
    options.add_argument("--sheet", type=Path)
    options.add_argument("--steps", type=int, default=8)
    options.add_argument("--only", action="append", default=[], help="a way to fill, by its name")
    chosen = options.parse_args()
    quiet.silence()
    photographs = read(chosen.photographs)
    with tempfile.TemporaryDirectory(prefix="pentimento-") as folder:
        studio = Studio(Path(folder), chosen.steps)
        sheet = fills(studio, photographs, chosen.only)
        if not chosen.only:
            refined(studio, photographs, sheet)
    if chosen.sheet:
        save(sheet, chosen.sheet)


if __name__ == "__main__":
    main()
