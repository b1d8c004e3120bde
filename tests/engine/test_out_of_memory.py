"""S18: a full memory at any place of a job. The second attempt, in less memory, succeeds with the
same picture, and the next job works at full speed again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.engine.bench import Bench, photo
from tests.engine.test_controls import control
from tests.support.tiny_addons import write_ip_adapter

from pentimento.core.errors import JobFailed
from pentimento.engine.memory.device import Device
from pentimento.engine.worker import Worker
from pentimento.models.library.registry import Registry

NEAR = 12.0  # of 255, mean over the picture: decoding in tiles differs by the tiles' edges
ASKED: dict[str, Any] = {"mode": "img2img", "strength": 0.75, "steps": 4}
PLACES = {"encode": "vae.encoder", "step": "unet", "decode": "vae.decoder"}


class Card(Device):
    """Goes the ways of a device with memory of its own, and computes on the processor."""

    @property
    def is_cpu(self) -> bool:
        return False


@pytest.fixture(scope="module")
def card(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    write_ip_adapter(data_dir / "models" / "sd15", data_dir / "ip_adapters" / "sd15-oom")
    worker = Worker(Card(torch.device("cpu"), torch.float32, "card"))
    return Bench(worker, Registry(data_dir), tmp_path_factory.mktemp("card"))


def wanted(case: str) -> dict[str, Any]:
    """Fresh for each job: pictures are stored away from it."""
    asked = ASKED | {"source": photo()}
    match case:
        case "IP-Adapter":
            asked["references"] = [{"image": photo(90, 60), "model": "sd15-oom"}]
        case "ControlNet":
            asked["controls"] = [control()]
        case "LoRA":
            asked["loras"] = [{"id": "sd15-1", "weight": 1.0}]
        case "all":
            asked |= {key: value for other in CASES[1:4] for key, value in wanted(other).items()}
    return asked


CASES = ("plain", "IP-Adapter", "ControlNet", "LoRA", "all")


def module_of(bench: Bench, place: str) -> Any:
    part, _, inside = PLACES[place].partition(".")
    parts = bench.worker._shared.components._parts.values()
    module = next(one.value for one in parts if one.name == part)
    return module.get_submodule(inside) if inside else module


@contextmanager
def full_memory(module: Any, call: int, times: int = 1) -> Iterator[list[int]]:
    """The device has no room at that call, and the `times - 1` that follow."""
    calls = [0]

    def refuse(*_: Any) -> None:
        calls[0] += 1
        if call <= calls[0] < call + times:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    hook = module.register_forward_pre_hook(refuse)
    try:
        yield calls
    finally:
        hook.remove()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    ("place", "call"), [("encode", 1), ("step", 1), ("step", 3), ("decode", 1)]
)
def test_s18_a_second_attempt_in_less_memory_paints_the_same_picture(
    card: Bench, case: str, place: str, call: int
) -> None:
    """With a reference it was a TypeError."""
    plain = card.make(**wanted(case))
    assert plain.facts["offloaded"] == []
    with full_memory(module_of(card, place), call) as calls:
        made = card.make(**wanted(case))
    assert calls[0] > call
    difference = np.abs(made.pixels().astype(float) - plain.pixels()).mean()
    assert difference < NEAR
    after = card.make(**wanted(case))
    assert (after.facts["offloaded"], after.facts["tiled"]) == ([], False)
    assert after.pixels().tobytes() == plain.pixels().tobytes()


@pytest.mark.parametrize("case", ["plain", "IP-Adapter"])
def test_s18_the_second_attempt_works_from_main_memory_and_the_next_does_not(
    card: Bench, case: str
) -> None:
    """The model stayed in main memory for good."""
    card.make(**wanted(case))
    unet = module_of(card, "step")
    with full_memory(unet, 2):
        made = card.make(**wanted(case))
    assert "unet" in made.facts["offloaded"]
    card.make(**wanted(case))
    assert module_of(card, "step") is unet
    assert not any(
        getattr(one, "_diffusers_hook", None) and one._diffusers_hook.hooks
        for one in unet.modules()
    )


def test_s18_memory_that_stays_full_is_an_error_with_what_was_tried(card: Bench) -> None:
    card.make(**wanted("IP-Adapter"))
    with full_memory(module_of(card, "step"), 1, times=99), pytest.raises(JobFailed) as failed:
        card.make(**wanted("IP-Adapter"))
    assert failed.value.code == "out_of_memory"
    plain = card.make(**wanted("plain"))
    assert plain.facts["offloaded"] == []
