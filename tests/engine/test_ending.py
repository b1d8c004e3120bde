"""A picture that ends before its last step, in tiles, in every kind of model, observed or not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.engine.bench import Bench, Outcome, photo

from pentimento.engine.cancel import StopFlag
from pentimento.schema.task import Event, Step

WIDTH, HEIGHT = 320, 256
SMALL = 128 * 128  # px that are seen as a whole


def made(bench: Bench, model: str, stop_at: int = 0, whole: int = SMALL, **wanted: Any) -> Outcome:
    """A job that is asked to finish in step `stop_at`; 0: it runs as its record says."""
    job = bench.job(model, **wanted)
    assert job.model is not None
    job = replace(job, model=replace(job.model, whole_pixels=whole))
    stop = StopFlag()

    def look(event: Event) -> None:
        if isinstance(event, Step) and stop_at and event.step >= stop_at and not event.share:
            stop.finish()

    return bench.run(job, on_event=look, stop=stop)


def in_tiles(**more: Any) -> dict[str, Any]:
    source = photo(WIDTH, HEIGHT)
    source[..., 3] = 255
    return {"mode": "img2img", "source": source, "strength": 0.5, "steps": 6} | more


@pytest.mark.parametrize("model", ["starter", "sd15", "sdxl", "flux", "z-image", "sd3"])
def test_in_tiles_the_record_gives_the_same(bench: Bench, model: str) -> None:
    """Models that paint tile by tile end in the middle of one; the others stay the source."""
    stop_at = 2 if model in ("starter", "sd15", "sdxl") else 5
    kept = made(bench, model, stop_at, **in_tiles())
    assert kept.images[0].facts["tiles"] > 1
    assert kept.facts["ended"] == {"stopped_at": stop_at}
    again = made(bench, model, **in_tiles(), stopped_at=stop_at)
    assert np.array_equal(again.pixels(), kept.pixels())
    whole = made(bench, model, **in_tiles())
    assert "ended" not in whole.facts
    assert not np.array_equal(whole.pixels(), kept.pixels())
    assert np.isfinite(kept.pixels()).all()


@pytest.mark.parametrize("sampler", ["Euler", "Euler a", "DPM++ 2M Karras", "DDIM", "UniPC", "LCM"])
def test_every_sampler(bench: Bench, sampler: str) -> None:
    wanted: dict[str, Any] = {"sampler": sampler, "width": 64, "height": 64, "steps": 6}
    kept = made(bench, "sd15", 3, **wanted)
    assert kept.facts["ended"] == {"stopped_at": 3}
    again = made(bench, "sd15", **wanted, stopped_at=3)
    assert np.array_equal(again.pixels(), kept.pixels())


def test_who_observes_sees_the_same(bench: Bench) -> None:
    kept = made(bench, "sd15", 2, **in_tiles(observe=True), seed=4)
    again = made(bench, "sd15", **in_tiles(), seed=4, stopped_at=kept.facts["ended"]["stopped_at"])
    assert np.array_equal(again.pixels(), kept.pixels())
    stages = [event for event in kept.events if getattr(event, "kind", "") == "stage"]
    assert stages[-1].name == "result"


def test_the_last_step_is_no_early_end(bench: Bench) -> None:
    wanted: dict[str, Any] = {"width": 64, "height": 64, "steps": 4}
    asked = made(bench, "sd15", 4, **wanted)
    assert "ended" not in asked.facts
    beyond = made(bench, "sd15", **wanted, stopped_at=9)
    whole = made(bench, "sd15", **wanted)
    assert np.array_equal(beyond.pixels(), whole.pixels())
    assert np.array_equal(asked.pixels(), whole.pixels())
