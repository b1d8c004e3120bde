"""ControlNets: what steers, and that the starter's one works. That they leave no trace when off is
in test_family_matrix.py."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from tests.engine.bench import Bench, photo

from pentimento.core.errors import BadInput
from pentimento.imaging import control_maps


def drawing(width: int = 64, height: int = 64) -> np.ndarray:
    """`(h, w, 4)` u8: a white circle and a line on black."""
    picture = np.zeros((height, width, 4), np.uint8)
    picture[..., 3] = 255
    cv2.circle(picture, (width // 2, height // 2), min(width, height) // 3, (255,) * 4, 2)
    return picture


def control(**fields: Any) -> dict[str, Any]:
    return {"type": "canny", "image": drawing()} | fields


def test_the_picture_that_steers_matters(bench: Bench) -> None:
    one = bench.make(mode="txt2img", width=64, height=64, controls=[control()]).pixels()
    mirrored = np.ascontiguousarray(drawing()[:, ::-1] // 2)
    other = bench.make(
        mode="txt2img", width=64, height=64, controls=[control(image=mirrored)]
    ).pixels()
    assert one.tobytes() != other.tobytes()


def test_two_controls_add_up_and_keep_their_own_range(bench: Bench) -> None:
    size = {"mode": "txt2img", "width": 64, "height": 64}
    one = bench.make(controls=[control()], **size).pixels()
    two = bench.make(controls=[control(), control(weight=0.5)], **size).pixels()
    late = bench.make(controls=[control(), control(weight=0.5, start=0.5)], **size).pixels()
    assert len({one.tobytes(), two.tobytes(), late.tobytes()}) == 3


def test_a_source_steers_by_its_own_edges(bench: Bench) -> None:
    """Without a picture of its own a control sees the same as with the edges sent along."""
    source = photo()
    drawn = np.zeros_like(source)
    drawn[..., :3] = control_maps.canny(source[..., :3])[..., None]
    drawn[..., 3] = 255
    asked = {"mode": "img2img", "source": source, "strength": 1.0}
    source[..., 3] = 255
    made = bench.make(controls=[{"type": "canny"}], **asked).pixels()
    sent = bench.make(controls=[control(image=drawn)], **asked).pixels()
    prepared = bench.make(controls=[control(image=source, preprocess=True)], **asked).pixels()
    assert made.tobytes() == sent.tobytes() == prepared.tobytes()


def test_a_fill_under_control_keeps_what_is_not_selected(bench: Bench) -> None:
    source, mask = photo(), np.zeros((64, 64), np.uint8)
    mask[:, 32:] = 255
    made = bench.make(mode="inpaint", source=source, mask=mask, controls=[control()]).pixels()
    assert made[:, :32].tobytes() == source[:, :32].tobytes()
    assert made[:, 32:].tobytes() != source[:, 32:].tobytes()


def test_the_starters_controlnet_draws_along_the_edges(bench: Bench) -> None:
    """A house's outline: the edges of what is painted lie on it far more often than without."""
    outline = np.zeros((128, 128, 4), np.uint8)
    outline[..., 3] = 255
    house = np.array([[24, 112], [24, 60], [64, 24], [104, 60], [104, 112]])
    cv2.polylines(outline, [house], True, (255,) * 4, 1)
    asked = {"mode": "txt2img", "width": 128, "height": 128, "prompt": "a red house", "steps": 6}
    near = cv2.dilate(outline[..., 0], np.ones((5, 5), np.uint8)) > 0
    spec_free = [bench.make("starter", seed=seed, **asked) for seed in range(2)]
    steered = [
        bench.make("starter", seed=seed, controls=[control(image=outline)], **asked)
        for seed in range(2)
    ]

    def on_the_line(results: list[Any]) -> float:
        found = [control_maps.canny(np.ascontiguousarray(r.pixels()[..., :3])) > 0 for r in results]
        return float(np.mean([(edge & near).sum() / near.sum() for edge in found]))

    assert on_the_line(steered) > 1.5 * on_the_line(spec_free)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"type": "depth", "image": None}, "cannot be made"),
        ({"type": "depth"}, "no depth ControlNet"),
        ({"image": None}, "needs a picture"),
        ({"start": 0.8, "end": 0.2}, "end after it starts"),
        ({"model": "sdxl-canny"}, "not made for models like"),
    ],
)
def test_what_cannot_steer_is_refused(bench: Bench, fields: dict[str, Any], sentence: str) -> None:
    wanted = control(**fields)
    if wanted["image"] is None:
        del wanted["image"]
    with pytest.raises(BadInput, match=sentence):
        bench.job(mode="txt2img", width=64, height=64, controls=[wanted])
