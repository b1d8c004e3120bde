"""What GIMP, the plug-in and the server cost on top of the model: the whole Image to Image action
in real GIMP against a bare diffusers call with the same model, size, sampler, steps and guidance.

    python benchmarks/overhead.py [--gimp 3.2] [--sizes 512,1024] [--steps 10] [--repeats 5]

Needs a private GIMP (tools/gimp-root.sh make sid). All processes are warm, and the two ways take
turns, so that whatever else the machine does hits both alike.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO / "server"), str(REPO)]
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch: for both ways alike

import torch
from diffusers import DDIMScheduler, StableDiffusionImg2ImgPipeline
from PIL import Image
from tests.gimp.companion import Companion
from tests.gimp.harness import SUITES, HeadlessGimp

from pentimento.engine import quiet
from pentimento.engine.memory.device import use_threads
from pentimento.models.library.registry import Registry

PHOTO = REPO / "examples" / "photo.jpg"
IN_GIMP = Path(__file__).with_name("overhead_in_gimp.py")
PROMPT = "a red house on a green meadow, oil painting"
STRENGTH = 0.6
SEED = 7
WARM_UPS = 2
TABLE = "{:12} {:13} {:20} {:20} {:20} {:>5} {:>9}"
COLUMNS = ("whole action", "engine's part", "bare call")


class GimpAction:
    """A running GIMP that repaints a square of the photograph and tells its own stopwatch."""

    def __init__(self, version: str, work: Path, companion: Companion) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(120)
        headless = HeadlessGimp(version, work)
        headless.point_to(companion.url, companion.token)
        shutil.copy(IN_GIMP, work / "inside")
        self._work = work
        self._process = headless.started(IN_GIMP.name, {"port": self._listener.getsockname()[1]})
        self._connection, _ = self._listener.accept()
        self._connection.settimeout(300)
        self._lines = self._connection.makefile("rw", encoding="utf-8")

    def seconds(self, side: int, options: dict[str, object]) -> tuple[float, float]:
        """Of the whole action, and what the engine took of it."""
        pixels = self._work / f"{side}.rgba"
        if not pixels.exists():
            pixels.write_bytes(square(side).convert("RGBA").tobytes())
        self._lines.write(json.dumps({"side": side, "file": str(pixels), **options}) + "\n")
        self._lines.flush()
        answer = json.loads(self._lines.readline())
        if "error" in answer:
            raise SystemExit(f"GIMP: {answer['error']}")
        return answer["seconds"], answer["engine"]

    def close(self) -> None:
        self._lines.close()
        self._connection.close()
        self._listener.close()
        self._process.communicate(timeout=60)


class BareCall:
    """diffusers alone: a picture of the size the model works at in, one of that size out."""

    def __init__(self, folder: Path, guidance: float) -> None:
        self._pipe = StableDiffusionImg2ImgPipeline.from_pretrained(
            folder, safety_checker=None, requires_safety_checker=False, dtype=torch.float32
        )
        self._pipe.scheduler = DDIMScheduler.from_config(self._pipe.scheduler.config)
        self._pipe.set_progress_bar_config(disable=True)
        self._guidance = guidance

    def seconds(self, width: int, height: int, steps: int) -> tuple[float]:
        picture = square(max(width, height)).resize((width, height))
        started = time.perf_counter()
        self._pipe(
            PROMPT,
            image=picture,
            strength=STRENGTH,
            num_inference_steps=steps,
            guidance_scale=self._guidance,
            generator=torch.Generator().manual_seed(SEED),
        )
        return (time.perf_counter() - started,)


def square(side: int) -> Image.Image:
    """The middle of the photograph."""
    photo = Image.open(PHOTO).convert("RGB")
    left = (photo.width - photo.height) // 2
    return photo.crop((left, 0, left + photo.height, photo.height)).resize((side, side))


def generation(companion: Companion, side: int) -> tuple[int, int]:
    """The size at which the server lets the model work."""
    rect = {"x": 0, "y": 0, "width": side, "height": side}
    plan = companion.ask(
        "/v1/plan", "POST", {"mode": "img2img", "canvas": rect, "source": rect, "strength": 0.6}
    )
    return plan["generation"]["width"], plan["generation"]["height"]


def alternate(ways: list[Callable[[], tuple[float, ...]]], repeats: int) -> list[list[float]]:
    """Columns of seconds of all ways, taking turns; the first rounds do not count."""
    rounds = [[spent for way in ways for spent in way()] for _ in range(WARM_UPS + repeats)]
    return [list(column) for column in zip(*rounds[WARM_UPS:], strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gimp", choices=SUITES, default="3.2")
    parser.add_argument("--sizes", default="512,1024")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    quiet.silence()
    threads = use_threads()
    with tempfile.TemporaryDirectory() as folder, Companion(Path(folder, "server")) as companion:
        registry = Registry(Path(folder, "server"))
        model = registry.get(registry.default_id)
        bare = BareCall(model.path, model.default_guidance)
        options = {
            "prompt": PROMPT,
            "strength": STRENGTH,
            "steps": asked.steps,
            "guidance": model.default_guidance,
            "sampler": "ddim",
            "random_seed": False,
            "seed": SEED,
        }
        (work := Path(folder, "gimp")).mkdir()
        gimp = GimpAction(asked.gimp, work, companion)
        print(f"{model.title}, GIMP {asked.gimp}, {threads} threads, DDIM, strength {STRENGTH}")
        print(f"{asked.steps} steps asked for, median of {asked.repeats} (least to most) in s")
        print(TABLE.format("picture", "worked on at", *COLUMNS, "ratio", "overhead"))
        for side in map(int, asked.sizes.split(",")):
            size = generation(companion, side)
            columns = alternate(
                [
                    lambda side=side: gimp.seconds(side, options),
                    lambda size=size: bare.seconds(*size, asked.steps),
                ],
                asked.repeats,
            )
            print(row(side, size, columns), flush=True)
        gimp.close()


def row(side: int, size: tuple[int, int], columns: list[list[float]]) -> str:
    whole, _engine, alone = columns
    difference = statistics.median(w - a for w, a in zip(whole, alone, strict=True))
    ratio = statistics.median(whole) / statistics.median(alone)
    return TABLE.format(
        f"{side} x {side}",
        f"{size[0]} x {size[1]}",
        *map(spread, columns),
        f"{ratio:.2f}",
        f"{difference:+.2f}",
    )


def spread(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})"


if __name__ == "__main__":
    main()
