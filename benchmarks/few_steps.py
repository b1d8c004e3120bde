"""What the starter's LoRA for few steps costs in likeness, and what it saves: image to image of
256 x 256 px, held against the whole model's 20 steps with guidance from the same noise.

    python benchmarks/few_steps.py [--lora FILE_OR_FOLDER] [--sheet sheet.png]

The sources are drawn scenes and cuts of the photographs in `examples`, each with a stroke over it.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from measuring import REPO, processor_seconds, server, spread, table
from training.scenes import make_scene

from pentimento.models.library.parts.controlnet_lora import STARTER

SIDE, SCENES, SEED = 256, 8, 900
STRENGTHS = (0.3, 0.6)
PHOTOGRAPHS = {"photo.jpg": "a green meadow, a sunny day", "coffee.jpg": "a red ball"}
LORA, WEIGHTS = "tried", "pytorch_lora_weights.safetensors"
Picture = np.ndarray  # (256, 256, 3) uint8


def sources() -> list[tuple[Picture, str]]:
    """Pictures with a stroke, and words: every second one has those of another picture."""
    scenes = []
    for number in range(SCENES):
        picture, words, _facts = make_scene(np.random.default_rng(SEED + number), SIDE, SIDE)
        scenes.append((picture, words))
    found = [
        (picture, scenes[(number + number % 2) % SCENES][1])
        for number, (picture, _words) in enumerate(scenes)
    ]
    for name, words in PHOTOGRAPHS.items():
        whole = cv2.cvtColor(cv2.imread(str(REPO / "examples" / name)), cv2.COLOR_BGR2RGB)
        side = min(whole.shape[:2])
        for left in (0, whole.shape[1] - side):
            cut = whole[:side, left : left + side]
            found.append((cv2.resize(cut, (SIDE, SIDE), interpolation=cv2.INTER_AREA), words))
    return [(stroked(picture, number), words) for number, (picture, words) in enumerate(found)]


def stroked(picture: Picture, number: int) -> Picture:
    rng = np.random.default_rng(SEED + 100 + number)
    places = rng.integers(30, SIDE - 30, (3, 2), np.int32)
    colour = tuple(int(one) for one in rng.integers(0, 256, 3))
    return cv2.polylines(picture.copy(), [places], False, colour, 20, cv2.LINE_AA)


def grey_gradient(picture: Picture) -> np.ndarray:
    """(2, 256, 256): Sobel's, of the mean of the channels, 0..255 a px."""
    grey = np.float32(picture).mean(-1)
    return np.stack([cv2.Sobel(grey, cv2.CV_32F, dx, 1 - dx, ksize=3) / 8 for dx in (1, 0)])


def likeness(picture: Picture, whole: Picture) -> tuple[float, float, float, float]:
    """Mean absolute difference, that of the gradients, correlation, and how much gradient there is
    for each of the whole model's (below 1 is softer)."""
    a, b = np.float32(picture), np.float32(whole)
    ga, gb = grey_gradient(picture), grey_gradient(whole)
    return (
        float(np.abs(a - b).mean()),
        float(np.abs(ga - gb).mean()),
        float(np.corrcoef(a.ravel(), b.ravel())[0, 1]),
        float(np.abs(ga).mean() / np.abs(gb).mean()),
    )


def ways(steps: int) -> dict[str, dict[str, Any]]:
    """The first is what the others are held against."""
    lora = {"loras": [{"id": LORA, "weight": 1.0}], "guidance": 1.0}
    return {
        "20 steps, guidance 3.5": {"steps": 20},
        "12 steps, guidance 3.5": {"steps": 12},
        f"{steps} steps with the LoRA": {"steps": steps, **lora},
        f"{steps} steps without, guidance 1": {"steps": steps, "guidance": 1.0},
        f"{steps} steps without, guidance 3.5": {"steps": steps},
    }


def painted(
    front: Any, picture: Picture, words: str, asked: dict[str, Any]
) -> tuple[Picture, float]:
    """The result, and the engine's seconds of processor for it."""
    source = front.blob(picture.tobytes(), SIDE, SIDE, "rgb-u8")
    request = {"mode": "img2img", "model": "starter", "prompt": words, "source": source, "seed": 5}
    began = engine_seconds(front)
    told = front.finished(front.start(request | {"preview": False} | asked), 300)
    spent = engine_seconds(front) - began
    assert told["status"] == "succeeded", told
    raw = {"Accept": "application/x-pixels"}
    body = front.call("GET", told["images"][0]["url"], headers=raw).body
    return np.frombuffer(body, np.uint8).reshape(SIDE, SIDE, -1)[..., :3], spent


def engine_seconds(front: Any) -> float:
    pid = front.call("GET", "/v1/status").json["engine"]["pid"]
    return processor_seconds(pid) if pid else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lora", type=Path, default=STARTER / "quick")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    file = options.lora / WEIGHTS if options.lora.is_dir() else options.lora
    pictures, rows = sources(), []
    with server() as front:
        folder = front.data / "loras"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / f"{LORA}.safetensors")
        for asked in ways(options.steps).values():
            painted(front, *pictures[0], asked | {"strength": 0.5})
        for strength in STRENGTHS:
            rows += measured(front, pictures, strength, options)
    print(
        table(
            ("strength", "way", "difference", "of gradients", "correlation", "gradient", "s"), *rows
        )
    )


def measured(
    front: Any, pictures: list[tuple[Picture, str]], strength: float, options: argparse.Namespace
) -> list[tuple[str, ...]]:
    found: dict[str, list[tuple[float, ...]]] = {}
    sheet = []
    for picture, words in pictures:
        line, whole = [picture], None
        for name, asked in ways(options.steps).items():
            made, seconds = painted(front, picture, words, asked | {"strength": strength})
            whole = made if whole is None else whole
            found.setdefault(name, []).append((*likeness(made, whole), seconds))
            line.append(made)
        sheet.append(np.concatenate(line, 1))
    if options.sheet:
        place = options.sheet.with_stem(f"{options.sheet.stem}-{round(strength * 100)}")
        cv2.imwrite(str(place), cv2.cvtColor(np.concatenate(sheet), cv2.COLOR_RGB2BGR))
    rows = []
    for name, values in found.items():
        columns = np.array(values).T
        told = [f"{column.mean():.3f}" for column in columns[:-1]]
        rows.append((str(strength), name, *told, spread(list(columns[-1]))))
    return rows


if __name__ == "__main__":
    main()
