"""S18 for every family: a full memory at any place of a job, with whatever steers it. The second
attempt, in less memory, ends well with the same picture, and the next job works as ever.

Families, what steers, and places are combined so that each pair of them occurs; SD 1.5 has all
combinations in `test_out_of_memory.py`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.engine.bench import Bench, photo
from tests.engine.test_controls import drawing
from tests.engine.test_out_of_memory import NEAR, Card, full_memory
from tests.models.folders import write_json
from tests.support.tiny_addons import write_ip_adapter

from pentimento.engine.worker import Worker
from pentimento.models.library.registry import Registry

SIDE = 64
PLACES = {  # part, what of it, and at which call
    "encode": ("vae", "encoder", 1),
    "first step": ("denoiser", "", 1),
    "a later step": ("denoiser", "", 3),
    "decode": ("vae", "decoder", 1),
}
NETS = {  # family -> one of its ControlNets and what it is for
    "sdxl": ("sdxl-canny", "canny"),
    "sd3": ("sd3-canny", "canny"),
    "flux": ("flux-canny", "canny"),
    "qwen-image": ("qwen-canny", "canny"),
    "z-image": ("z-image-union", "canny"),
}
FAMILIES = ("sdxl", "sd3", "flux", "flux2-klein", "z-image", "qwen-image", "chroma")
# whose tiny autoencoder makes tiles of 4 x 4 latents, which change the picture; real ones 128 x 128
MODELS = {"flux2-klein": "flux2-klein-of-larger-tiles"}


def steering_of(family: str) -> list[str]:
    found = ["nothing", "LoRA", "regions"]
    found += ["ControlNet"] if family in NETS else []
    return found + (["IP-Adapter"] if family == "sdxl" else [])


def cases() -> list[tuple[str, str, str]]:
    """Each place and each way to steer occurs in each family, and the two meet somewhere."""
    found = []
    for row, family in enumerate(FAMILIES):
        ways = steering_of(family)
        for column in range(max(len(ways), len(PLACES))):
            place = [*PLACES][column % len(PLACES)]
            found.append((family, ways[(column + row) % len(ways)], place))
    met = {(way, place) for _, way, place in found}
    for row, way in enumerate(("nothing", "LoRA", "regions", "ControlNet")):
        able = [family for family in FAMILIES if way in steering_of(family)]
        for column, place in enumerate(PLACES):
            if (way, place) not in met:
                found.append((able[(row + column) % len(able)], way, place))
    return found


CASES = cases()


@pytest.fixture(scope="module")
def card(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    data = tmp_path_factory.mktemp("data") / "own"  # others count what lies in theirs
    shutil.copytree(data_dir, data)
    write_ip_adapter(data / "models" / "sdxl", data / "ip_adapters" / "sdxl-oom")
    klein = data / "models" / MODELS["flux2-klein"]
    shutil.copytree(data / "models" / "flux2-klein", klein)
    config = json.loads((klein / "vae" / "config.json").read_text())
    write_json(klein / "vae" / "config.json", config | {"sample_size": SIDE})
    worker = Worker(Card(torch.device("cpu"), torch.float32, "card"))
    return Bench(worker, Registry(data), tmp_path_factory.mktemp("families"))


def wanted(family: str, way: str) -> dict[str, Any]:
    """Fresh for each job: pictures are stored away from it."""
    asked: dict[str, Any] = {"mode": "img2img", "strength": 0.75, "steps": 4, "guidance": 3.5}
    asked["source"] = photo(SIDE, SIDE)
    match way:
        case "IP-Adapter":
            asked["references"] = [{"image": photo(90, 60), "model": "sdxl-oom"}]
        case "ControlNet":
            model, kind = NETS[family]
            asked["controls"] = [{"type": kind, "image": drawing(SIDE, SIDE), "model": model}]
        case "LoRA":
            asked["loras"] = [{"id": f"{family}-1", "weight": 1.0}]
        case "regions":
            right = np.zeros((SIDE, SIDE), np.uint8)
            right[:, SIDE // 2 :] = 255
            asked["regions"] = [{"mask": right, "prompt": "a blue box"}]
    return asked


def module_of(bench: Bench, place: str) -> Any:
    name, inside, _ = PLACES[place]
    names = ("unet", "transformer") if name == "denoiser" else (name,)
    parts = [*bench.worker._shared.components._parts.values()][::-1]  # the newest first
    module = next(part.value for part in parts if part.name in names)
    return module.get_submodule(inside) if inside else module


@pytest.mark.parametrize(("family", "way", "place"), CASES, ids=["-".join(case) for case in CASES])
def test_s18_every_family_paints_the_same_in_less_memory(
    card: Bench, family: str, way: str, place: str
) -> None:
    model = MODELS.get(family, family)
    plain = card.make(model, **wanted(family, way))
    assert plain.facts["offloaded"] == []
    call = PLACES[place][2]
    if place == "encode":  # whose result is kept for the next job on the same source
        card.worker._shared.sources.clear()
    with full_memory(module_of(card, place), call) as calls:
        made = card.make(model, **wanted(family, way))
    assert calls[0] > call, "memory was never full, or nothing was tried again"
    difference = np.abs(made.pixels().astype(float) - plain.pixels()).mean()
    assert difference < NEAR
    after = card.make(model, **wanted(family, way))
    assert (after.facts["offloaded"], after.facts["tiled"]) == ([], False)
    assert after.pixels().tobytes() == plain.pixels().tobytes()


def test_each_pair_of_family_steering_and_place_occurs() -> None:
    assert {(family, place) for family, _, place in CASES} == {
        (family, place) for family in FAMILIES for place in PLACES
    }
    assert {(family, way) for family, way, _ in CASES} == {
        (family, way) for family in FAMILIES for way in steering_of(family)
    }
    ways = {way for family in FAMILIES for way in steering_of(family)} - {"IP-Adapter"}
    met = {(way, place) for _, way, place in CASES}
    assert {(way, place) for way in ways for place in PLACES} <= met
