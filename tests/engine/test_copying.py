"""Selections that are filled with pixels of their surroundings: exact outside, at every depth."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from tests.engine.bench import Bench, Outcome

from pentimento.core.errors import Cancelled
from pentimento.engine.cancel import StopFlag
from pentimento.schema.task import Event, Result, Step

WIDTH, HEIGHT = 97, 83
DEPTHS = {"u8": (np.uint8, 255), "u16": (np.uint16, 65535), "f32": (np.float32, 1)}


def scene(depth: str = "u8", *, clear: bool = False) -> np.ndarray:
    """Stripes of 8 px with a red disc on them; `clear`: transparent to the right of 80 px."""
    kind, full = DEPTHS[depth]
    picture = np.zeros((HEIGHT, WIDTH, 4), np.float32)
    picture[..., :3] = np.where(np.arange(WIDTH) // 4 % 2, 0.7001, 0.3003)[:, None]
    cv2.circle(picture, (45, 40), 14, (1.0, 0.0, 0.0, 0.0), -1)
    picture[..., 3] = 1
    if clear:
        picture[:, 80:] = (1.0, 0.0, 0.0, 0.0)
    return (picture * full + (0.5 if full > 1 else 0)).astype(kind)


def disc(radius: int = 17, *, soft: float = 0) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(mask, (45, 40), radius, 255, -1)
    return cv2.GaussianBlur(mask, (0, 0), soft) if soft else mask


def filled(bench: Bench, **changes: Any) -> Outcome:
    asked = {"mode": "inpaint", "strength": 1.0, "intent": "remove", "filled_by": "surroundings"}
    asked |= {"source": scene(), "mask": disc(), "prompt": ""}
    return bench.make("starter", **asked | changes)


@pytest.mark.parametrize("depth", DEPTHS)
def test_stripes_go_on_and_all_else_stays(bench: Bench, depth: str) -> None:
    """In the source's own numbers: no value of 16 bits is rounded to 8."""
    source = scene(depth)
    made = filled(bench, source=source)
    result, outside = made.pixels(), disc() == 0
    assert result.dtype == source.dtype
    assert (result[outside] == source[outside]).all()
    near = np.abs(result.astype(float) - scene(depth)[:1].astype(float)) / DEPTHS[depth][1]
    assert (near[~outside].max(axis=1) < 0.02).mean() > 0.97
    assert made.facts["loaded"] == []
    facts = made.images[0].facts
    assert (facts["filled_by"], facts["way"], facts["steps_run"]) == ("surroundings", "copied", 0)
    assert facts["seam"] < 1.5


def test_a_soft_mask_is_followed_value_by_value(bench: Bench) -> None:
    mask = disc(10, soft=4)
    result = filled(bench, mask=mask).pixels()[..., :3].astype(float)
    before = scene()[..., :3].astype(float)
    whole = filled(bench, mask=np.where(mask > 0, 255, 0).astype(np.uint8)).pixels()[..., :3]
    share = mask[..., None] / 255
    np.testing.assert_allclose(result, before + (whole - before) * share, atol=1.01)


def test_nothing_is_copied_from_where_it_is_transparent(bench: Bench) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[20:60, 55:85] = 255
    result = filled(bench, source=scene(clear=True), mask=mask, alpha="source").pixels()
    assert (result[20:60, 62:78, 1] > 40).mean() > 0.97
    assert (result[..., 3] == scene(clear=True)[..., 3]).all()


def test_where_nothing_is_left_to_copy_the_colours_go_on(bench: Bench) -> None:
    mask = np.full((HEIGHT, WIDTH), 255, np.uint8)
    mask[:4] = 0
    made = filled(bench, mask=mask)
    assert made.images[0].facts["way"] == "border"
    assert (made.pixels()[:4] == scene()[:4]).all()


def test_where_all_is_selected_the_model_paints(bench: Bench) -> None:
    made = filled(bench, mask=np.full((HEIGHT, WIDTH), 255, np.uint8), steps=2)
    assert "way" not in made.images[0].facts
    assert (made.pixels() != scene()).mean() > 0.5


def test_the_same_record_gives_the_same_bytes(bench: Bench) -> None:
    once, again = (filled(bench, seed=5, count=2) for _ in range(2))
    for number in range(2):
        assert (once.pixels(number) == again.pixels(number)).all()
    assert [image.seed for image in once.images] == [5, 6]


def test_it_says_how_far_it_is_and_stops_when_told(bench: Bench) -> None:
    stop = StopFlag()
    heard: list[int] = []

    def stopping(event: Event) -> None:
        if isinstance(event, Step):
            heard.append(event.step)
            stop.set()

    asked = {"mode": "inpaint", "strength": 1.0, "filled_by": "surroundings"}
    job = bench.job("starter", source=scene(), mask=disc(), **asked)
    with pytest.raises(Cancelled):
        bench.run(job, on_event=stopping, stop=stop)
    assert len(heard) == 1
    steps = [step.step for step in filled(bench).steps]
    assert steps == sorted(steps)
    assert steps[-1] == 20


def test_what_was_put_under_the_selection_is_a_stage(bench: Bench) -> None:
    plain, seen = filled(bench), filled(bench, observe=True)
    assert (plain.pixels() == seen.pixels()).all()
    codes = [found.name for found in seen.of(Result) if found.kind == "stage"]
    assert codes == ["source", "mask", "prefill", "composite"]


def test_stop_and_keep_gives_the_picture_at_hand_and_no_further_one(bench: Bench) -> None:
    """Whole, and the same bytes as without; the record says how many there are, and repeats it."""
    stop = StopFlag()

    def look(event: Event) -> None:
        if isinstance(event, Step) and event.image == 1:
            stop.finish()

    asked = {"mode": "inpaint", "strength": 1.0, "intent": "remove", "filled_by": "surroundings"}
    asked |= {"source": scene(), "mask": disc(), "prompt": ""}
    kept = bench.run(bench.job("starter", **asked, count=4), on_event=look, stop=stop)
    assert kept.facts["ended"] == {"count": 2}
    again = filled(bench, count=2)
    assert "ended" not in again.facts
    for number in (0, 1):
        assert kept.pixels(number).tobytes() == again.pixels(number).tobytes()
    assert len(kept.images) == len(again.images) == 2
