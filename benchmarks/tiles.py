"""What refining in tiles takes and leaves behind: the engine's memory for large pictures, how soon
a job ends that is cancelled, and whether edges of tiles show.

    python benchmarks/tiles.py memory [--sides 2048 4096 8192] [--without-unet | --tiles 3]
    python benchmarks/tiles.py cancel
    python benchmarks/tiles.py edges [--sides 2048]
    python benchmarks/tiles.py lines --photographs FOLDER [--strength 0.2]

Memory: the starter, image to image at strength 0.2 without guidance, one step, each side in a
process of its own. "before" is after a small job, "peak" the kernel's VmHWM, "arrays" what is
held of the picture by its known sizes (`arrays_mb`), "rest" the peak beyond both.
`--without-unet`: the UNet answers nothing and takes no time, what it takes of memory for a tile is
in "before" of a job with it. `--tiles n`: encoder, UNet and decoder work on the first n tiles of a
pass, the others get an answer of the right size at once; what attention keeps of a picture is there
from the beginning, all of it. That shows what a picture's size takes of memory, not what many tiles
may leave scattered behind. Edges: the change from one pixel to the next where a tile ends, over
the same 2 to 8 px beside it, as a multiple of the
source's own; the starter, and tiny transformers with random weights. Lines: the same, but as a
multiple of what the starter paints there of the same photograph, seed and size when it sees all of
it at once. What a picture itself has at such a line, as the side of a tower, is in both.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO / "server"), str(REPO)]
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch

import cv2
import numpy as np
import torch

from pentimento.core.errors import Cancelled
from pentimento.engine import quiet
from pentimento.engine.cancel import StopFlag
from pentimento.engine.job.autoencoding import LARGE
from pentimento.engine.sampling import latents
from pentimento.engine.sampling.surroundings import Cells
from pentimento.engine.worker import Worker
from pentimento.engine_ipc.messages import EngineJob, ModelSpec
from pentimento.imaging import decode
from pentimento.models.library.registry import Registry
from pentimento.schema.job import JobRequest, PixelFormat
from pentimento.schema.task import Event, PixelFile, Result, Step, Task

PHOTO = REPO / "examples" / "photo.jpg"
SOURCE = "a" * 64
SMALL = 640  # px, of the job that loads everything
BESIDE = (*range(-8, -1), *range(2, 9))  # px from an edge
TRANSFORMERS = ("flux", "z-image", "sd3")
TILE = 256  # px of a tiny transformer's tile


def scene(side: int) -> np.ndarray:
    """`(side, side, 4)` u8: the photograph, enlarged without an edge of its own, with grain."""
    photo = cv2.cvtColor(cv2.imread(str(PHOTO)), cv2.COLOR_BGR2RGBA)
    picture = cv2.resize(photo, (side, side), interpolation=cv2.INTER_CUBIC)
    grain = np.random.default_rng(0).integers(-6, 7, (side, side, 1), np.int8)
    picture[..., :3] = np.clip(picture[..., :3].astype(np.int16) + grain, 0, 255)
    return picture


class Workbench:
    """Runs jobs in this process."""

    def __init__(self, folder: Path, models: Path | None = None) -> None:
        self._folder, self._number, self._worker = folder, 0, Worker()
        self._registry = Registry(models or folder)

    def refine(
        self,
        file: PixelFile,
        model: str = "starter",
        whole_pixels: int | None = None,
        on_event: Any = None,
        stop: StopFlag | None = None,
        **wanted: Any,
    ) -> Result:
        self._number += 1
        entry = self._registry.get(model)
        spec = ModelSpec.of(entry)
        if whole_pixels:
            spec = replace(spec, whole_pixels=whole_pixels, max_pixels=whole_pixels)
        fields: dict[str, Any] = {"mode": "img2img", "source": {"blob": SOURCE}, "steps": 5}
        fields |= {"strength": 0.2, "sampler": "Euler", "guidance": 1.0, "seed": 1}
        fields |= {"model": model, "preview": False, "prompt": "a photograph"}
        request = JobRequest.model_validate(fields | wanted)
        made: list[Result] = []

        def emit(event: Event) -> None:
            if isinstance(event, Result) and event.kind == "image":
                made.append(event)
            if on_event:
                on_event(event)

        out = self._folder / f"out{self._number}"
        self._worker.run(
            EngineJob(Task(str(self._number), request, {SOURCE: file}, out), spec),
            emit,
            stop or StopFlag(),
        )
        return made[0]


def stored(side: int, folder: Path) -> PixelFile:
    path = folder / f"source{side}.raw"
    scene(side).tofile(path)
    return PixelFile(path, side, side, PixelFormat.RGBA_U8)


def status_mb(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(name + ":"))) // 1024


def answer_nothing() -> None:
    from diffusers import UNet2DConditionModel

    UNet2DConditionModel.forward = lambda _, sample, *__, **___: (sample * 0,)


def answer_first(tiles: int) -> None:
    """All of a pass's tiles after the first few are answered without the networks."""
    from diffusers import UNet2DConditionModel

    seen = 0
    unet = UNet2DConditionModel.forward
    encoded, decoded = latents._encoded, latents._decoded
    encode, decode_all = latents.encode, latents.decode

    def is_over() -> bool:
        nonlocal seen
        seen += 1
        return seen > tiles

    def anew(work: Any) -> Any:
        def begun(*positional: Any) -> Any:
            nonlocal seen
            seen = 0
            found = work(*positional)
            seen = 0
            return found

        return begun

    def predict(self: Any, sample: Any, *more: Any, **named: Any) -> Any:
        return (sample * 0,) if is_over() else unet(self, sample, *more, **named)

    def encode_tile(vae: Any, picture: np.ndarray) -> Any:
        if not is_over():
            return encoded(vae, picture)
        factor = latents.factor(vae.config)
        height, width = (side // factor for side in picture.shape[:2])
        return torch.zeros(1, vae.config["latent_channels"], height, width)

    def decode_tile(vae: Any, found: Any) -> np.ndarray:
        if not is_over():
            return decoded(vae, found)
        factor = latents.factor(vae.config)
        height, width = (side * factor for side in found.shape[2:])
        return np.full((height, width, 3), 0.5, np.float32)

    def all_known(self: Cells, *positional: Any) -> None:
        begin(self, *positional)
        self._cells.fill_(0)  # memory is not there before it is written to
        self._weight.fill_(0)

    begin = Cells.__init__
    Cells.__init__ = all_known
    UNet2DConditionModel.forward = predict
    latents._encoded, latents._decoded = encode_tile, decode_tile
    latents.encode, latents.decode = anew(encode), anew(decode_all)


def arrays_mb(side: int) -> int:
    """What a job that gives drift and detail back holds of a picture at once, by known sizes: bytes
    for a pixel, where it is most. Latents are 4 x 4 bytes for 64 px: of the source, the noise, the
    start, what is found and what is predicted."""
    source, result, painted, seen, returned, latents = 4, 4, 12, 12, 12, 5 * 16 / 64
    kept = returned if side * side <= LARGE else returned / 2
    drift = source + seen + returned
    end = source + kept + painted + result
    return round((max(drift, end) + latents) * side * side / 2**20)


def measure(side: int, folder: Path, *, with_unet: bool, tiles: int | None) -> None:
    """In a process of its own, which has made no large picture before."""
    large = PixelFile(folder / f"source{side}.raw", side, side, PixelFormat.RGBA_U8)
    bench = Workbench(folder)
    bench.refine(stored(SMALL, folder))
    if not with_unet:
        answer_nothing()
    if tiles:
        answer_first(tiles)
    before = status_mb("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    started = time.monotonic()
    made = bench.refine(large)
    seconds = time.monotonic() - started
    peak, pixels = status_mb("VmHWM"), side * side
    each, arrays = (peak - before) * 2**20 / pixels, arrays_mb(side)
    print(
        f"{side:5} {made.facts['tiles']:6} {before:7} MB {peak:6} MB {arrays:6} MB "
        f"{peak - before - arrays:6} MB {each:8.1f} {seconds:8.0f} s",
        flush=True,
    )


def memory(sides: list[int], *more: str) -> None:
    print(" side  tiles     before      peak    arrays      rest  bytes/px       time")
    for side in sides:
        with tempfile.TemporaryDirectory() as name:
            stored(side, Path(name))
            command = [
                sys.executable,
                __file__,
                "measure",
                "--sides",
                str(side),
                "--work",
                name,
                *more,
            ]
            subprocess.run(command, check=True)


def cancel(side: int = 2048) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench, source = Workbench(folder), stored(side, folder)
        bench.refine(stored(SMALL, folder))
        for after in (1, 7):
            cancel_one(bench, source, after)


def cancel_one(bench: Workbench, source: PixelFile, after: int) -> None:
    """Stopped when so many tiles are seen: how many more are seen, and the time to the end."""
    stop = StopFlag()
    seen: list[float] = []

    def look(event: Event) -> None:
        if isinstance(event, Step) and event.share:
            seen.append(time.monotonic())
            if len(seen) == after:
                stop.set()

    try:
        bench.refine(source, on_event=look, stop=stop)
    except Cancelled:
        spent = time.monotonic() - seen[after - 1]
        each = f"{(seen[-1] - seen[0]) / (len(seen) - 1):.2f} s" if len(seen) > 1 else "?"
        more = len(seen) - after
        print(f"after {after} tiles: {more} more seen, ended in {spent:.3f} s; each took {each}")


def edges(side: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = stored(side, folder)
        bench = Workbench(folder)
        for strength in (0.2, 0.5):
            made = bench.refine(source, strength=strength, steps=10, detail_correction=False)
            tell(f"starter, {strength}", made, source, 512)
        from tests.support.tiny_flow_models import WRITERS

        small = stored(1024, folder)
        for model in TRANSFORMERS:
            WRITERS[model](folder / "models" / model)
        tiny = Workbench(folder, folder)
        for model in TRANSFORMERS:
            made = tiny.refine(small, model, TILE * TILE, strength=0.3, detail_correction=False)
            tell(f"{model}, random weights, 0.3", made, small, TILE)


def tell(name: str, made: Result, source: PixelFile, tile: int) -> None:
    picture, plain = (decode.load(file)[..., :3].astype(np.float32) for file in (made.file, source))
    places = tile_ends(picture.shape[0], tile)
    ratios = []
    for axis in (0, 1):
        change = np.abs(np.diff(picture, axis=axis)).mean((1 - axis, 2))
        own = np.abs(np.diff(plain, axis=axis)).mean((1 - axis, 2))
        at = np.array([place - 1 for place in places])
        near = np.array([place - 1 + step for place in places for step in BESIDE])
        ratios.append(
            (change[at].mean() / change[near].mean()) / (own[at].mean() / own[near].mean())
        )
    tiles = made.facts["tiles"]
    print(f"{name:32} {tiles:3} tiles: down {ratios[0]:.3f}, across {ratios[1]:.3f}", flush=True)


LINES = 448  # px of a square picture that is small enough to be seen at once
BESIDE_TILE = 256  # px of the tiles it is cut into all the same


def lines(photographs: Path, strength: float) -> None:
    print(f"strength {strength}, {LINES} px in tiles of {BESIDE_TILE} px: tiled over whole")
    found, plain = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench = Workbench(folder)
        for number, path in enumerate(sorted(photographs.iterdir())):
            square = _square(cv2.imread(str(path)))
            file = folder / f"{number}.raw"
            square.tofile(file)
            source = PixelFile(file, LINES, LINES, PixelFormat.RGBA_U8)
            made = {
                tile: bench.refine(
                    source,
                    whole_pixels=tile * tile,
                    strength=strength,
                    seed=number,
                    detail_correction=False,
                )
                for tile in (LINES, BESIDE_TILE)
            }
            tiled, whole = (_at_ends(decode.load(made[n].file)) for n in (BESIDE_TILE, LINES))
            found.append(tiled / whole)
            plain.append(tiled / _at_ends(square))
            print(f"{path.name:24} over the whole {_both(found[-1])}, over the source", end=" ")
            print(_both(plain[-1]), flush=True)
    for title, several in (("over the whole", found), ("over the source", plain)):
        values = np.array(several)
        print(f"{title}: mean {_both(values.mean(0))}, deviation {_both(values.std(0))}")


def _both(values: np.ndarray) -> str:
    return f"down {values[0]:.3f}, across {values[1]:.3f}"


def _square(photo: np.ndarray) -> np.ndarray:
    """`(LINES, LINES, 4)` u8 of its middle."""
    side = min(photo.shape[:2])
    top, left = (photo.shape[0] - side) // 2, (photo.shape[1] - side) // 2
    middle = photo[top : top + side, left : left + side]
    small = cv2.resize(middle, (LINES, LINES), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_BGR2RGBA)


def _at_ends(picture: np.ndarray) -> np.ndarray:
    """Down and across: the step at the ends of tiles over that beside them."""
    picture = picture[..., :3].astype(np.float32)
    at = np.array([place - 1 for place in tile_ends(LINES, BESIDE_TILE)])
    near = np.array([place + step for place in at for step in BESIDE])
    ratios = []
    for axis in (0, 1):
        change = np.abs(np.diff(picture, axis=axis)).mean((1 - axis, 2))
        ratios.append(change[at].mean() / change[near].mean())
    return np.array(ratios)


def tile_ends(side: int, tile: int) -> list[int]:
    """Where tiles begin and end inside of a square picture."""
    from pentimento.core.geometry import Size, Work

    boxes = Work(Size(side, side), Size(side, side), Size(tile, tile), 64).tiles
    found = {box.x for box in boxes} | {box.right for box in boxes}
    return sorted(found - {0, side})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("memory", "cancel", "edges", "lines", "measure"))
    parser.add_argument("--sides", nargs="*", type=int, default=[2048, 4096, 8192])
    parser.add_argument("--work", type=Path)
    parser.add_argument("--photographs", type=Path, default=REPO / "examples")
    parser.add_argument("--strength", type=float, default=0.2)
    left_out = parser.add_mutually_exclusive_group()
    left_out.add_argument("--without-unet", action="store_true")
    left_out.add_argument("--tiles", type=int)
    asked = parser.parse_args()
    quiet.silence()
    match asked.what:
        case "memory":
            more = ["--without-unet"] if asked.without_unet else []
            memory(asked.sides, *more, *(["--tiles", str(asked.tiles)] if asked.tiles else []))
        case "measure":
            with_unet = not asked.without_unet
            measure(asked.sides[0], asked.work, with_unet=with_unet, tiles=asked.tiles)
        case "cancel":
            cancel()
        case "lines":
            lines(asked.photographs, asked.strength)
        case "edges":
            edges(asked.sides[0])


if __name__ == "__main__":
    main()
