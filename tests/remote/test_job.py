"""A job that a service makes goes the way of all jobs, and its pixels end where they belong."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from tests.remote.setup import Setup
from tests.remote.standins.openai import OpenAI

WIDTH, HEIGHT = 150, 90
Start = Callable[..., OpenAI]


def photograph(width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    picture = np.random.default_rng(1).integers(0, 256, (height, width, 4), np.uint8)
    picture[..., 3] = 255
    return picture


def selection() -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[20:70, 30:110] = 255
    mask[20:70, 30] = 128
    return mask


def inpaint(setup: Setup, **more: object) -> dict:
    return {
        "mode": "inpaint",
        "backend": "openai",
        "prompt": "ein “Boot” 船 ⛵",
        "source": setup.source(photograph()),
        "mask": setup.source(selection()),
        "color_match": False,
        **more,
    }


def test_pixels_land_at_their_place_and_outside_the_mask_nothing_changes(
    setup: Setup, openai: Start
) -> None:
    stand_in = openai()
    job = setup.run(inpaint(setup))
    assert job["status"] == "succeeded", job["error"]
    made, mask = setup.pixels(job), selection()
    assert (made[mask == 0] == photograph()[mask == 0]).all()
    # the stand-in's red and green tell where a pixel lies in the 1328 x 800 px that were sent
    rows, columns = np.nonzero(mask == 255)
    red = 255 * ((columns + 0.5) * 1328 / WIDTH - 0.5) / 1327
    green = 255 * ((rows + 0.5) * 800 / HEIGHT - 0.5) / 799
    inside = made[mask == 255].astype(float)
    assert np.abs(inside[:, 0] - red).max() < 1.5
    assert np.abs(inside[:, 1] - green).max() < 1.5
    assert stand_in.accepted == 1


def test_soft_values_are_mixed_once(setup: Setup, openai: Start) -> None:
    openai()
    made = setup.pixels(setup.run(inpaint(setup)))
    edge = made[20:70, 30].astype(float)
    below = photograph()[20:70, 30].astype(float)
    expected = below + (200 - below) * 128 / 255
    assert np.abs(edge[:, 2] - expected[:, 2]).max() < 1


def test_what_is_sent_is_the_box_and_its_mask(setup: Setup, openai: Start) -> None:
    stand_in = openai()
    setup.run(inpaint(setup))
    form = stand_in.calls[-1].form
    sent = Image.open(io.BytesIO(form["image"]))
    assert (sent.size, sent.mode) == ((1328, 800), "RGB")
    shrunk = np.asarray(sent.resize((WIDTH, HEIGHT), Image.Resampling.BOX))
    assert np.corrcoef(shrunk.ravel(), photograph()[..., :3].ravel())[0, 1] > 0.97
    mask = np.asarray(Image.open(io.BytesIO(form["mask"])))
    assert mask.shape == (800, 1328, 4)
    assert set(np.unique(mask[..., 3])) == {0, 255}
    rows, columns = np.nonzero(mask[..., 3] == 0)
    assert [rows.min(), rows.max()] == pytest.approx([178, 622], abs=2)
    assert [columns.min(), columns.max()] == pytest.approx([266, 974], abs=2)


def test_the_record_keeps_the_route(setup: Setup, openai: Start) -> None:
    openai()
    job = setup.run(inpaint(setup, steps=30, negative_prompt="rain"))
    record = job["record"]
    assert record["request"]["backend"] == "openai"
    assert "model" not in record["request"]
    assert record["facts"]["route"]["kind"] == "native"
    assert record["facts"]["ignored"] == ["negative_prompt", "steps", "seed"]
    assert job["mask"]["width"] == WIDTH


def test_text_to_image_has_the_size_that_was_asked_for(setup: Setup, openai: Start) -> None:
    stand_in = openai()
    request = {
        "backend": "openai",
        "prompt": "ein Hügel, 丘",
        "width": 300,
        "height": 200,
        "count": 2,
    }
    job = setup.run(request)
    assert [image["width"] for image in job["images"]] == [300, 300]
    assert stand_in.accepted == 2
    width, height = (int(side) for side in stand_in.calls[-1].json["size"].split("x"))
    assert width / height == pytest.approx(1.5, abs=0.03)


@pytest.mark.parametrize(("width", "height"), [(300, 20), (20, 300), (2000, 600), (64, 64)])
def test_strips_are_sent_within_what_the_service_takes(
    setup: Setup, openai: Start, width: int, height: int
) -> None:
    """Borders around a strip are part of the size that is taken, and paid."""
    stand_in = openai()
    request = {"backend": "openai", "prompt": "a hill", "width": width, "height": height}
    job = setup.run(request)
    assert job["status"] == "succeeded", job["error"]
    assert job["images"][0]["width"] == width
    sent = [int(side) for side in stand_in.calls[-1].json["size"].split("x")]
    assert sent[0] * sent[1] <= 1572864


def test_each_picture_is_asked_for_with_its_own_words(setup: Setup, openai: Start) -> None:
    stand_in = openai()
    request = {"backend": "openai", "prompt": "a {red|blue|green|gray} hill", "count": 4, "seed": 1}
    job = setup.run(request)
    told = [image["facts"]["prompt"] for image in job["images"]]
    assert len(set(told)) > 1
    sent = [call.json["prompt"] for call in stand_in.calls if call.method == "POST"]
    assert all(words in prompt for words, prompt in zip(told, sent, strict=True))
    assert job["record"]["request"]["prompt"] == request["prompt"]


@pytest.mark.parametrize("prompt", ["a hill <lora:blueprint>", "a hill {<lora:blueprint>|}"])
def test_a_lora_in_the_prompt_is_refused(setup: Setup, openai: Start, prompt: str) -> None:
    stand_in = openai()
    request = {"backend": "openai", "prompt": prompt, "count": 8, "seed": 1}
    answer = setup.front.call("POST", "/v1/jobs", request)
    assert (answer.status, answer.code) == (400, "unsupported")
    assert stand_in.accepted == 0


def test_strength_0_sends_nothing(setup: Setup, openai: Start) -> None:
    stand_in = openai()
    request = inpaint(setup, strength=0)
    job = setup.run(request)
    assert job["status"] == "succeeded"
    assert (setup.pixels(job) == photograph()).all()
    assert stand_in.calls == []
