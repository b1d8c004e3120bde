"""Regions: an area has its own prompt. That each family takes them is in test_family_matrix.py."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from tests.engine.bench import Bench, photo
from tests.engine.test_controls import control

SIDE = 64
ASKED: dict[str, Any] = {
    "mode": "txt2img",
    "width": SIDE,
    "height": SIDE,
    "prompt": "a red ball, 红球 “🔴”",
    "steps": 2,
}
OTHER = "snow at night, and much more of it"


def right_half(value: int = 255) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:, SIDE // 2 :] = value
    return mask


def whole() -> np.ndarray:
    return np.full((SIDE, SIDE), 255, np.uint8)


def region(mask: np.ndarray, prompt: str = OTHER, **fields: Any) -> dict[str, Any]:
    return {"mask": mask, "prompt": prompt, **fields}


def difference(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one.astype(int) - other).max())


@pytest.mark.parametrize("model", ["sd15", "flux"])
def test_a_region_with_the_same_prompt_or_without_a_place_changes_nothing(
    bench: Bench, model: str
) -> None:
    plain = bench.make(model, **ASKED).pixels()
    same = bench.make(model, **ASKED, regions=[region(right_half(), ASKED["prompt"])]).pixels()
    empty = bench.make(model, **ASKED, regions=[region(right_half(0))]).pixels()
    assert difference(same, plain) <= 1
    assert plain.tobytes() == empty.tobytes()


@pytest.mark.parametrize("model", ["sd15", "sd3", "flux", "flux2-klein"])
def test_the_first_step_changes_only_the_region(bench: Bench, model: str) -> None:
    """Seen in the preview, which is the estimate of that step without the VAE."""
    asked = ASKED | {"steps": 1, "preview": True}
    plain = estimate(bench.make(model, **asked))
    mask = right_half()
    mask[:, : -SIDE // 4] = 0
    made = estimate(bench.make(model, **asked, regions=[region(mask)]))
    free = SIDE // 8  # the preview's pixels, and JPEG's blocks, reach into their neighbours
    assert difference(made[:, :free], plain[:, :free]) == 0
    assert difference(made[:, -free:], plain[:, -free:]) > 0


def estimate(outcome: Any) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(outcome.previews[-1].jpeg)))


@pytest.mark.parametrize("sampler", ["Euler", "Euler a", "DPM++ 2M Karras", "DDIM", "UniPC", "LCM"])
def test_every_sampler_takes_regions(bench: Bench, sampler: str) -> None:
    asked = ASKED | {"sampler": sampler}
    other = bench.make(**asked | {"prompt": OTHER}).pixels()
    covered = bench.make(**asked, regions=[region(whole())]).pixels()
    assert difference(covered, other) <= 1


def test_regions_that_overlap_share_the_place(bench: Bench) -> None:
    twice = bench.make(**ASKED, regions=[region(whole()), region(whole())]).pixels()
    once = bench.make(**ASKED, regions=[region(whole())]).pixels()
    mixed = bench.make(**ASKED, regions=[region(whole()), region(whole(), "b")]).pixels()
    assert difference(twice, once) <= 1
    assert difference(mixed, once) > 1


@pytest.mark.parametrize("span", [{"end": 0.5}, {"start": 0.5}])
def test_a_control_steers_regions_as_well_and_keeps_its_range(
    bench: Bench, span: dict[str, float]
) -> None:
    other = bench.make(**ASKED | {"prompt": OTHER}, controls=[control(**span)]).pixels()
    covered = bench.make(**ASKED, controls=[control(**span)], regions=[region(whole())]).pixels()
    assert difference(covered, other) <= 1


def test_a_fill_with_a_region_keeps_what_is_not_selected(bench: Bench) -> None:
    source = photo()
    asked = {"mode": "inpaint", "source": source, "mask": right_half(), "prompt": "x"}
    plain = bench.make(**dict(asked)).pixels()
    made = bench.make(**dict(asked), regions=[region(whole())]).pixels()
    assert made[:, : SIDE // 2].tobytes() == source[:, : SIDE // 2].tobytes()
    assert difference(made, plain) > 0


def test_the_starter_paints_each_half_as_it_is_told(bench: Bench) -> None:
    """Night is darker than snow."""
    size = 128
    left = np.zeros((size, size), np.uint8)
    left[:, : size // 2] = 255
    asked = {"mode": "txt2img", "width": size, "height": size, "steps": 6, "guidance": 4.0}

    regions = [region(left, "a dark night"), region(255 - left, "snow, winter, bright day")]
    made = bench.make("starter", prompt="a landscape", regions=regions, **asked).pixels()
    grey = cv2.cvtColor(made[..., :3], cv2.COLOR_RGB2GRAY)
    assert grey[:, size // 2 :].mean() > grey[:, : size // 2].mean() + 30
