"""Observed jobs: every stage there, in order, with true figures, and the result as without it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.engine.bench import Bench, Outcome, photo

from pentimento.core.errors import Cancelled
from pentimento.engine.cancel import StopFlag
from pentimento.engine.job.generate import Generation
from pentimento.imaging import decode, stages
from pentimento.schema.job import SAMPLERS, PixelFormat
from pentimento.schema.task import Event, Result

STEPS = 8


def told(outcome: Outcome) -> list[Result]:
    return [result for result in outcome.of(Result) if result.kind == "stage"]


def codes(outcome: Outcome) -> list[str]:
    return [stage.name for stage in told(outcome)]


def by_code(outcome: Outcome, code: str) -> list[Result]:
    return [stage for stage in told(outcome) if stage.name == code]


def array(stage: Result) -> np.ndarray:
    return decode.read(stage.file)


def soft_mask() -> np.ndarray:
    mask = np.zeros((64, 96), np.uint8)
    mask[:, 32:64], mask[:, 64:] = 128, 255
    return mask


def jobs() -> dict[str, dict[str, Any]]:
    return {
        "txt2img": {"mode": "txt2img", "width": 64, "height": 64},
        "img2img": {"mode": "img2img", "source": photo(96, 64), "strength": 0.6},
        "inpaint": {
            "mode": "inpaint",
            "source": photo(96, 64),
            "mask": soft_mask(),
            "strength": 0.8,
            "color_match": True,
        },
    }


@pytest.mark.parametrize("mode", ["img2img", "inpaint"])
@pytest.mark.parametrize("model", ["sd15", "flux"])
def test_observing_does_not_change_a_byte(bench: Bench, model: str, mode: str) -> None:
    plain = bench.make(model, **jobs()[mode])
    seen = bench.make(model, **jobs()[mode], observe=True)
    assert codes(seen)
    assert codes(plain) == []
    files = [outcome.images[0].file.path.read_bytes() for outcome in (plain, seen)]
    assert files[0] == files[1]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_nor_with_any_sampler_and_several_pictures(bench: Bench, sampler: str) -> None:
    wanted = {"count": 2, "sampler": sampler, "preview": True, "steps": 2}
    plain, seen = bench.make(**wanted), bench.make(**wanted, observe=True)
    for index in range(2):
        assert plain.pixels(index).tobytes() == seen.pixels(index).tobytes()
    assert codes(seen) == ["noised_start", *["estimate"] * 2, "decode", "result"]


def test_the_stages_come_in_order_with_their_sizes(bench: Bench) -> None:
    made = bench.make(**jobs()["inpaint"], steps=STEPS, observe=True, composite=False)
    start = ["source", "mask", "round_trip", "noised_start"]
    end = ["decode", "drift_correction", "detail_correction", "color_match", "composite"]
    assert codes(made) == [*start, *["estimate"] * 6, *end]
    assert [stage.index for stage in told(made)] == list(range(15))
    generation = made.images[0].facts["generation"]
    for stage in told(made):
        final = stage.name in ("color_match", "composite")
        size = (96, 64) if final else (generation["width"], generation["height"])
        assert (stage.file.width, stage.file.height) == size
        height, width = array(stage).shape[:2]
        assert (width, height) == size
    assert by_code(made, "mask")[0].file.format is PixelFormat.Y_U8
    seconds = [stage.facts["seconds"] for stage in told(made) if stage.name == "estimate"]
    assert seconds == sorted(seconds)


@pytest.mark.parametrize("model", ["sd15", "flux"])
def test_noise_falls_from_stage_to_stage_by_the_models_own_formula(
    bench: Bench, model: str
) -> None:
    made = bench.make(model, **jobs()["img2img"], steps=STEPS, observe=True)
    noisy = [stage for stage in told(made) if stage.name in ("noised_start", "estimate")]
    noise = [stage.facts["noise"] for stage in noisy]
    assert noise[0] == noise[1] == made.images[0].facts["start_noise"]
    assert noise[1:] == sorted(noise[1:], reverse=True)
    assert len(set(noise[1:])) == len(noise[1:])
    for stage in noisy:
        signal, share = stage.facts["signal"], stage.facts["noise"]
        whole = signal + share if model == "flux" else signal**2 + share**2
        assert whole == pytest.approx(1)
        sigma = share if model == "flux" else share / signal
        assert stage.facts["sigma"] == pytest.approx(sigma)


def test_the_figures_are_those_of_the_pictures(bench: Bench) -> None:
    made = bench.make("starter", **jobs()["img2img"], observe=True)
    source = array(by_code(made, "source")[0]) / 255.0
    for stage in told(made)[:-1]:
        error = np.mean((array(stage) / 255.0 - source) ** 2)
        known = stages.EQUAL if error == 0 else -10 * np.log10(error)
        assert stage.facts["psnr"] == pytest.approx(known, abs=0.01)
    figures = {stage.name: stage.facts["psnr"] for stage in told(made)}
    assert figures["source"] == stages.EQUAL
    assert figures["round_trip"] > figures["decode"] > figures["noised_start"]


def test_the_last_stage_is_the_result_itself(bench: Bench) -> None:
    for mode, last in (("img2img", "result"), ("inpaint", "composite"), ("txt2img", "result")):
        made = bench.make(**jobs()[mode], observe=True)
        assert codes(made)[-1] == last
        final = told(made)[-1].file
        assert final.format == made.images[0].file.format
        assert final.path.read_bytes() == made.images[0].file.path.read_bytes()


def test_held_places_of_a_fill_show_the_source_in_every_estimate(bench: Bench) -> None:
    made = bench.make("starter", **jobs()["inpaint"], observe=True)
    round_trip = array(by_code(made, "round_trip")[0]).astype(int)
    kept = round_trip.shape[1] // 6  # well within the third that is not selected
    for stage in by_code(made, "estimate"):
        change = np.abs(array(stage) - round_trip).mean(axis=(0, 2))
        assert change[:kept].mean() < 3 < change[-kept:].mean()


def test_text_to_image_has_no_source_to_be_compared_with(bench: Bench) -> None:
    made = bench.make(**jobs()["txt2img"], observe=True)
    assert {stage.facts["psnr"] for stage in told(made)} == {None}


def test_a_control_map_is_a_stage_unless_it_has_no_weight(bench: Bench) -> None:
    controls = [
        {"type": "canny", "preprocess": True, "weight": 0},
        {"type": "canny", "preprocess": True, "weight": 0.5},
    ]
    made = bench.make(**jobs()["img2img"], controls=controls, observe=True)
    (map,) = by_code(made, "control")
    assert map.facts["control"] == "canny"
    assert set(np.unique(array(map))) <= {0, 255}


def test_the_steps_can_be_chosen(bench: Bench) -> None:
    made = bench.make(steps=STEPS, observe=True, observe_steps=[3, 1, 3, 99])
    assert [stage.facts["step"] for stage in by_code(made, "estimate")] == [1, 3]


def test_a_second_try_with_less_memory_shows_the_same_stages(bench: Bench) -> None:
    """As the worker runs a job again whose memory was full: decoded in tiles."""
    whole = bench.make("starter", **jobs()["img2img"], observe=True)
    job, events = bench.job("starter", **jobs()["img2img"], observe=True), Outcome()
    shared = bench.worker._shared
    facts = Generation(shared, job, events.events.append, StopFlag(), low_memory=True).run()
    assert facts["tiled"]
    assert codes(events) == codes(whole)
    for one, other in zip(told(events), told(whole), strict=True):
        assert np.abs(array(one).astype(int) - array(other)).mean() < 8
    assert told(events)[-1].file.path.read_bytes() == events.images[0].file.path.read_bytes()


def test_cancelling_leaves_the_stages_that_were_there(bench: Bench) -> None:
    stop, seen = StopFlag(), []

    def stop_at_the_first_estimate(event: Event) -> None:
        if isinstance(event, Result):
            seen.append(event.name)
            if event.name == "estimate":
                stop.set()

    job = bench.job(**jobs()["img2img"], observe=True)
    with pytest.raises(Cancelled):
        bench.run(job, on_event=stop_at_the_first_estimate, stop=stop)
    assert seen == ["source", "round_trip", "noised_start", "estimate"]
    left = sorted(file.name for file in job.task.output_dir.iterdir())
    assert left == [f"stage-{index}.raw" for index in range(4)]
