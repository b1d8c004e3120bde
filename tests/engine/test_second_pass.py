"""New content that a model lays out small is painted over again at full size, and only that."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from diffusers import UNet2DConditionModel
from tests.engine.bench import Bench, Outcome, photo

from pentimento.imaging import grain

WIDTH, HEIGHT = 320, 256
EVERY = ("starter", "sd15", "sdxl", "flux", "z-image")


def scene() -> np.ndarray:
    picture = photo(WIDTH, HEIGHT)
    picture[..., 3] = 255
    return picture


def disc() -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(mask, (200, 120), 70, 255, -1, cv2.LINE_AA)
    return mask


def fill(bench: Bench, model: str = "starter", **changes: Any) -> Outcome:
    asked = {"mode": "inpaint", "source": scene(), "mask": disc(), "steps": 4}
    return bench.make(model, **asked | changes)


def detail(picture: np.ndarray, where: np.ndarray) -> float:
    grey = picture[..., :3].astype(np.float32).mean(-1)
    return float(np.abs(cv2.Laplacian(grey, cv2.CV_32F))[where].mean())


@pytest.mark.parametrize("model", EVERY)
def test_a_large_fill_has_two_passes_and_is_exact_outside(bench: Bench, model: str) -> None:
    made = fill(bench, model)
    first, second = made.images[0].facts["passes"]
    assert first["strength"] == 1
    assert second["width"] * second["height"] > first["width"] * first["height"] / 2
    assert 0.2 < second["strength"] < 0.6
    assert (made.pixels()[disc() == 0] == scene()[disc() == 0]).all()
    steps = first["steps"] * first["tiles"] ** 0 + second["steps"]
    whole = [step.step for step in made.steps if step.share == 0]
    assert whole[-1] == made.steps[-1].steps
    assert second["tiles"] > 1 or whole == list(range(1, steps + 1))
    assert len({step.steps for step in made.steps}) == 1, "known before the second pass begins"
    shares = [step.worked for step in made.steps]
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] < 1, "its decode is left"


def test_the_second_pass_adds_detail(bench: Bench) -> None:
    inside = cv2.erode(disc(), np.ones((9, 9), np.uint8)) == 255
    once = fill(bench, second_pass=False)
    twice = fill(bench)
    assert len(once.images[0].facts["passes"]) == 1
    assert detail(twice.pixels(), inside) > 1.2 * detail(once.pixels(), inside)


def test_words_alone_give_the_same_with_and_without_a_source_below(bench: Bench) -> None:
    """Strength 1 is text to image, in both passes."""
    invented = bench.make("starter", width=WIDTH, height=HEIGHT, steps=4)
    over = bench.make("starter", mode="img2img", source=scene(), steps=4)
    assert len(invented.images[0].facts["passes"]) == 2
    assert invented.pixels()[..., :3].tobytes() == over.pixels()[..., :3].tobytes()


def test_edits_and_small_pictures_have_one_pass(bench: Bench) -> None:
    assert len(bench.make("starter", width=64, height=64).images[0].facts["passes"]) == 1
    edit = bench.make("flux2-klein", mode="edit", source=scene(), prompt="more light")
    assert len(edit.images[0].facts["passes"]) == 1


@pytest.mark.parametrize(
    ("intent", "gap", "fade"), [(None, 4, 0.1), ("replace_background", 0, 0.01)]
)
def test_an_automatic_edge_stays_within_its_reach(
    bench: Bench, intent: str | None, gap: int, fade: float
) -> None:
    """Where the background is replaced, what lies beyond is the subject."""
    made = fill(bench, mask_options={"auto": True}, strength=0.8 if gap else 1.0, intent=intent)
    box = 141  # the disc's sides, px
    reach = gap + int(fade * (0.8 if gap else 1.0) * box * 2**0.5)
    far = cv2.dilate(disc(), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) == 0
    assert far.any()
    assert (made.pixels()[far] == scene()[far]).all()
    assert (made.pixels()[(disc() == 0) & ~far] != scene()[(disc() == 0) & ~far]).any()


@pytest.mark.parametrize("model", EVERY)
def test_a_fill_that_says_what_it_is_for_begins_with_its_surroundings(
    bench: Bench, model: str
) -> None:
    """A little below noise alone, which is what a fill without a word of it begins with."""
    asked = {"second_pass": False, "observe": True, "observe_steps": [1]}
    plain, told = fill(bench, model, **asked), fill(bench, model, intent="fill", **asked)
    noises = [made.images[0].facts["start_noise"] for made in (plain, told)]
    assert 0.85 < noises[1] < noises[0]
    stages = [
        [s.name for s in made.events if getattr(s, "kind", "") == "stage"] for made in (plain, told)
    ]
    assert ("prefill" in stages[0], "prefill" in stages[1]) == (False, True)
    assert (told.pixels()[disc() == 0] == scene()[disc() == 0]).all()
    assert (told.pixels() != plain.pixels()).any()


def test_a_fill_on_one_color_takes_that_color(bench: Bench) -> None:
    """Without words there is nothing else to go by."""
    source = scene()
    source[..., :3] = (40, 150, 90)
    source[disc() > 0, :3] = (220, 30, 30)
    asked = {"source": source, "prompt": "", "guidance": 1.0, "steps": 8, "second_pass": False}
    inside = cv2.erode(disc(), np.ones((25, 25), np.uint8)) == 255

    def off(**changes: str) -> float:
        made = fill(bench, **asked, **changes).pixels()[inside][:, :3].astype(float)
        return float(np.abs(made.mean(axis=0) - (40, 150, 90)).mean())

    assert off(intent="remove") < 0.8 * off()


@pytest.mark.parametrize("model", ["starter", "sd15", "sdxl"])
def test_without_words_the_model_is_asked_once_a_step(
    bench: Bench, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guidance from no words to no words changes nothing but the time."""
    asked: list[int] = []
    forward = UNet2DConditionModel.forward

    def counted(unet: UNet2DConditionModel, sample: Any, *rest: Any, **named: Any) -> Any:
        asked.append(len(sample))
        return forward(unet, sample, *rest, **named)

    monkeypatch.setattr(UNet2DConditionModel, "forward", counted)

    def made(prompt: str, guidance: float) -> bytes:
        wanted = {"prompt": prompt, "guidance": guidance, "steps": 3}
        return bench.make(model, width=64, height=64, **wanted).pixels().tobytes()

    wordless = made("  ", 5.0)
    assert set(asked) == {1}
    assert wordless == made("  ", 1.0)
    asked.clear()
    made("a boat", 5.0)
    assert set(asked) == {2}


def test_a_fill_gets_the_grain_of_its_surroundings_if_that_is_wanted(bench: Bench) -> None:
    """In the image's depth, and never outside of the selection."""
    noise = np.random.default_rng(1).normal(0, 6, (*scene().shape[:2], 3))
    source = scene().astype(np.uint16) * 257
    source[..., :3] = np.clip(source[..., :3] + noise * 257, 0, 65535)
    made = [fill(bench, source=source, second_pass=False, grain_match=on) for on in (False, True)]
    plain, grainy = (one.pixels() for one in made)
    assert grainy.dtype == np.uint16
    assert (grainy[disc() == 0] == source[disc() == 0]).all()
    inside = cv2.erode(disc(), np.ones((9, 9), np.uint8)) == 255
    around = cv2.dilate(disc(), np.ones((9, 9), np.uint8)) == 0
    spreads = [measured(picture, inside) for picture in (plain, grainy)]
    assert spreads[0] < 0.5 * spreads[1]
    assert spreads[1] == pytest.approx(measured(source, around), rel=0.35)
    assert "grain_added" not in made[0].images[0].facts
    assert made[1].images[0].facts["grain_added"] > 0.005


def measured(picture: np.ndarray, where: np.ndarray) -> float:
    found = grain.measure(picture[..., :3].astype(np.float32) / 65535, where)
    assert found is not None
    return float(np.median(found.spread))
