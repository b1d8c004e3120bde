"""Models at their true size on a card that is only pretended (see card.py): a job runs from words
to pixels through the engine's own code, and nothing mixes devices or number types."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.engine.bench import Bench, Outcome, photo
from tests.rehearsal import true_size
from tests.rehearsal.card import GIB, NAME, Stage

from pentimento.core.errors import JobFailed
from pentimento.engine.loading.model import LoadedModel
from pentimento.engine.worker import Worker
from pentimento.models.library.registry import Registry

SIDES = {"sd15": 512}
LARGE = 96.0  # GiB, so that nothing has to leave
SMALL = {  # GiB of weights at one time: less than the denoiser, more than each of its blocks
    "sd15": 1.0,
    "sdxl": 2.0,
}
HALF = {"sd15": torch.float16, "sdxl": torch.float16}  # on cards before Ampere
PLAIN_VAES = (
    "sd15",
    "flux2-klein-4b",
    "flux2-klein-9b",
    "flux2-dev",
    "ernie-image",
)  # whose configuration asks for no more than half
REHEARSED = list(true_size.MODELS)


def half(name: str) -> torch.dtype:
    return HALF.get(name, torch.bfloat16)


class Theatre:
    """One model on one card."""

    def __init__(self, name: str, data: Path, stage: Stage) -> None:
        self.name, self.stage = name, stage
        self.side = SIDES.get(name, 1024)
        runs = data.parent / f"runs-{len(list(data.parent.iterdir()))}"
        runs.mkdir()
        self.bench = Bench(Worker(stage.device), Registry(data), runs)

    def play(self, **wanted: Any) -> Outcome:
        asked = {"steps": 1, "guidance": 4.0, "negative_prompt": "blurred"} | wanted
        if asked["mode"] == "txt2img":
            asked = {"width": self.side, "height": self.side} | asked
        job = self.bench.job(self.name, **asked)
        with self.stage.playing():
            return self.bench.run(job)

    def source(self) -> np.ndarray:
        return photo(self.side, self.side)

    def soft(self) -> np.ndarray:
        """A mask that fades from left to right."""
        fade = np.linspace(0, 255, self.side).astype(np.uint8)
        return np.tile(fade, (self.side, 1))

    def check(self, outcome: Outcome) -> None:
        """The picture has its size, and the card multiplied in the types that were planned."""
        assert outcome.pixels().shape == (self.side, self.side, 4)
        config = true_size.MODELS[self.name].parts["vae"][1]
        upcast = config.get("force_upcast", self.name not in PLAIN_VAES)
        planned = {half(self.name)} | ({torch.float32} if upcast else set())
        assert set(self.stage.mode.types) <= planned, self.stage.mode.types
        assert outcome.facts["dtype"] == str(half(self.name)).removeprefix("torch.")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("true size") / "Größe 真"
    for name in REHEARSED:
        true_size.write_all(name, folder)
    return folder


@pytest.fixture(scope="module", params=REHEARSED)
def theatre(request: pytest.FixtureRequest, data: Path) -> Theatre:
    return Theatre(request.param, data, Stage(LARGE, half(request.param)))


def test_text(theatre: Theatre) -> None:
    outcome = theatre.play(mode="txt2img")
    theatre.check(outcome)
    assert outcome.facts["offloaded"] == []


def test_soft_fill(theatre: Theatre) -> None:
    asked = {"strength": 0.7, "steps": 2, "source": theatre.source(), "mask": theatre.soft()}
    theatre.check(theatre.play(mode="inpaint", **asked))


def test_everything_that_steers(theatre: Theatre) -> None:
    """From a picture, with all that the family takes at once."""
    name, side = theatre.name, theatre.side
    asked: dict[str, Any] = {
        "loras": [{"id": name, "weight": 0.8}],
        "regions": [{"mask": theatre.soft(), "prompt": "a blue box"}],
    }
    if name in true_size.NETS:
        net = f"{name}-canny"
        asked["controls"] = [{"type": "canny", "image": photo(side, side), "model": net}]
    if name in ("sd15", "sdxl"):
        asked["references"] = [{"image": photo(90, 60), "model": f"{name}-face"}]
    theatre.check(theatre.play(mode="img2img", strength=1.0, source=theatre.source(), **asked))


@pytest.mark.parametrize("name", REHEARSED)
def test_offloaded_block_by_block(data: Path, name: str) -> None:
    """On a card that is smaller than the denoiser, with a LoRA on it."""
    first = Theatre(name, data, Stage(LARGE, half(name), vram=SMALL.get(name, 3.5)))
    outcome = first.play(mode="txt2img", loras=[{"id": name, "weight": 1.0}])
    first.check(outcome)
    denoiser = "unet" if name in SMALL else "transformer"
    assert denoiser in outcome.facts["offloaded"]
    weights = first.bench.worker._shared.components.account()["parts"]
    largest = max(part["mb"] for part in weights) * 2**20
    assert first.stage.memory.peak[NAME] < largest + 8 * GIB


@pytest.fixture
def small(data: Path) -> Theatre:
    """The smallest model, on a card of its own."""
    return Theatre("sd15", data, Stage(LARGE, torch.float16))


def test_an_encoder_larger_than_the_card_is_brought_block_by_block(data: Path) -> None:
    """Where what it is asked lies in RAM and what it answers on the card."""
    small = Theatre("ovis-image", data, Stage(3.4, torch.bfloat16))
    outcome = small.play(mode="txt2img")
    small.check(outcome)
    assert outcome.facts["offloaded"] == ["text_encoder", "transformer"]


@pytest.mark.parametrize(
    "astray",
    [
        pytest.param(lambda weight: weight.cpu(), id="in RAM"),
        pytest.param(lambda weight: weight.float(), id="in another type"),
    ],
)
def test_what_is_out_of_place_is_noticed(
    small: Theatre, monkeypatch: pytest.MonkeyPatch, astray: Callable[[Any], Any]
) -> None:
    """So that the tests above may be believed: one weight of many, where it must not be."""
    ready = LoadedModel.denoiser

    def denoiser(model: LoadedModel) -> Any:
        unet: Any = ready(model)
        unet.conv_in.weight = torch.nn.Parameter(astray(unet.conv_in.weight), requires_grad=False)
        return unet

    monkeypatch.setattr(LoadedModel, "denoiser", denoiser)
    with pytest.raises(JobFailed, match=r"RuntimeError|FakeTensorDeviceMismatch"):
        small.play(mode="txt2img")


def test_a_card_that_is_full_gets_a_second_attempt_in_less_memory(data: Path) -> None:
    """Its weights would fit beside one another; what is computed does not."""
    tight = Theatre("sd15", data, Stage(1.7, torch.float16, vram=1.7))
    outcome = tight.play(mode="txt2img")
    tight.check(outcome)
    assert outcome.facts["tiled"]
    assert outcome.facts["offloaded"] == ["unet"]
    assert tight.stage.memory.peak[NAME] <= tight.stage.memory.total


def test_what_the_card_holds_is_counted() -> None:
    stage = Stage(1.0, torch.float16)
    with stage.playing():
        first = torch.empty(2**27, dtype=torch.float16, device=stage.device.where)
        view = first[:10]
        assert stage.memory.now[NAME] == 2**28
        del first
        assert stage.memory.now[NAME] == 2**28, "the view holds all of it"
        del view
        assert stage.memory.now[NAME] == 0
        with pytest.raises(torch.OutOfMemoryError):
            torch.empty(2**30, dtype=torch.float16, device=stage.device.where)
    assert stage.memory.peak[NAME] == 2**28


def test_what_a_processors_convolutions_copy_is_counted() -> None:
    stage = Stage(1.0, torch.float32)
    with stage.playing():
        picture, kernel = torch.empty(1, 8, 64, 64), torch.empty(16, 8, 1, 1)
        before = stage.memory.now["cpu"]
        made = torch.nn.functional.conv2d(picture, kernel)
        copied = picture.nbytes + kernel.nbytes + made.nbytes
        assert stage.memory.now["cpu"] == before + made.nbytes
        assert stage.memory.peak["cpu"] == before + made.nbytes + copied
