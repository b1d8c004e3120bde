"""Tiny models on the pretended card, computed with real numbers (tests/rehearsal/numbers.py): the
picture is that of the processor, and whatever lies in the wrong place is noticed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.engine.bench import Bench, photo
from tests.rehearsal.numbers import Held, Numbers
from tests.support.tiny_flow_models import WRITERS

from pentimento.core.errors import JobFailed
from pentimento.engine.loading.model import LoadedModel
from pentimento.engine.worker import Worker
from pentimento.models.library.registry import Registry

SIDE = 64
FAMILIES = ("sd15", "sdxl", *WRITERS)


@pytest.fixture
def card(registry: Registry, tmp_path: Path) -> tuple[Numbers, Bench]:
    numbers = Numbers(torch.float32)
    (tmp_path / "card").mkdir()
    return numbers, Bench(Worker(numbers.device), registry, tmp_path / "card")


def asked(mode: str) -> dict[str, Any]:
    common = {"mode": mode, "steps": 2, "negative_prompt": "blurred"}
    if mode == "txt2img":
        return common | {"width": SIDE, "height": SIDE}
    fade = np.tile(np.linspace(0, 255, SIDE).astype(np.uint8), (SIDE, 1))
    return common | {"strength": 0.7, "source": photo(SIDE, SIDE), "mask": fade}


@pytest.mark.parametrize(
    ("family", "more"),
    [
        *((family, {}) for family in FAMILIES),
        ("sd15", {"loras": [{"id": "sd15-1", "weight": 0.8}], "controls": True, "count": 2}),
        ("flux", {"loras": [{"id": "flux-1", "weight": 0.8}], "controls": True}),
    ],
)
def test_the_picture_is_that_of_the_processor(
    bench: Bench, card: tuple[Numbers, Bench], family: str, more: dict[str, Any]
) -> None:
    """Each family from words or as a soft fill, by turns."""
    mode = ("txt2img", "inpaint")[(FAMILIES.index(family) + len(more)) % 2]

    def wanted() -> dict[str, Any]:
        steered = {"type": "canny", "image": photo(SIDE, SIDE), "model": f"{family}-canny"}
        return asked(mode) | more | ({"controls": [steered]} if "controls" in more else {})

    here = bench.make(family, **wanted()).pixels().astype(int)
    numbers, there = card
    job = there.job(family, **wanted())
    with numbers.playing():
        found = there.run(job)
    assert np.abs(found.pixels().astype(int) - here).max() <= 1
    assert numbers.mode.operators["aten.convolution.default"] > 0  # the card computed it


def test_one_weight_in_ram_is_noticed(
    card: tuple[Numbers, Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = LoadedModel.denoiser

    def denoiser(model: LoadedModel) -> Any:
        unet: Any = ready(model)
        astray = unet.conv_in.weight.cpu()
        unet.conv_in.weight = torch.nn.Parameter(astray, requires_grad=False)
        return unet

    monkeypatch.setattr(LoadedModel, "denoiser", denoiser)
    numbers, there = card
    job = there.job("sd15", **asked("txt2img"))
    with numbers.playing(), pytest.raises(JobFailed, match="RuntimeError"):
        there.run(job)


def test_tensors_there_compute_and_refuse_those_in_ram() -> None:
    numbers = Numbers(torch.float32)
    with numbers.playing():
        there = torch.arange(6.0).reshape(2, 3).to(numbers.device.where)
        assert isinstance(there, Held)
        assert there.device == numbers.device.where
        twice = there + there
        twice[0].mul_(10)  # a view of it
        assert twice.cpu().tolist() == [[0.0, 20.0, 40.0], [6.0, 8.0, 10.0]]
        assert (there @ there.T).sum().item() == 83.0
        with pytest.raises(RuntimeError, match="same device"):
            there + torch.ones(2, 3)
        with pytest.raises(TypeError):
            there.numpy()
        with pytest.raises(RuntimeError, match="same dtype"):
            there.half() @ there.T
