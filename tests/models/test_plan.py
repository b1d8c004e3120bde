"""Plans and defaults: what is said before a job is what the job then is."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
from tests.models.folders import write_model

from pentimento.core.errors import BadInput, NotFound, TooLarge
from pentimento.core.geometry import Size
from pentimento.jobs.plan import make_plan, resolve
from pentimento.models.library.registry import Registry
from pentimento.schema.job import JobRequest
from pentimento.schema.plan import Plan, PlanRequest

CANVAS = {"width": 1920, "height": 1080}
BLOB = {"blob": "0" * 64}


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    write_model(tmp_path / "models" / "mine")
    return Registry(tmp_path, starter=tmp_path / "none")


def plan(registry: Registry, **request: Any) -> Plan:
    return make_plan(PlanRequest(**request), registry)


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"mode": "txt2img"}, "Paint a new picture: 512 × 512 px, 20 steps"),
        (
            {"mode": "img2img", "source": {"width": 768, "height": 512}, "strength": 0.75},
            "Repaint the source at 0.75: 768 × 512 px, 15 of 20 steps",
        ),
        (
            {"mode": "img2img", "source": CANVAS, "strength": 0.2, "steps": 5, "count": 3},
            "Touch up the source at 0.2: 1920 × 1080 px in 6 tiles, 1 of 5 steps, 3 pictures",
        ),
        (
            {"mode": "inpaint", "source": CANVAS, "selection": {"width": 600, "height": 500}},
            "Fill the selection: 864 × 656 px, 20 steps, then 728 × 628 px, 7 of 20 steps",
        ),
        ({"mode": "img2img", "source": CANVAS, "strength": 0}, "Keep the source as it is"),
    ],
)
def test_the_sentence_says_the_job(
    registry: Registry, request_: dict[str, Any], sentence: str
) -> None:
    assert plan(registry, **request_).sentence == sentence


def test_inpaint_reads_the_selection_with_context_inside_the_canvas(registry: Registry) -> None:
    found = plan(
        registry,
        mode="inpaint",
        canvas=CANVAS,
        source={"x": -50, "y": -50, "width": 800, "height": 600},
        selection={"x": 700, "y": 400, "width": 200, "height": 100},
    )
    box = found.box
    assert (box.x, box.y) == (436, 182)
    assert (box.x + box.width, box.y + box.height) == (900, 550)
    assert any("beyond the layer" in text for text in found.warnings)


def test_mask_options_widen_the_box(registry: Registry) -> None:
    request = {
        "mode": "inpaint",
        "source": CANVAS,
        "selection": {"x": 900, "y": 500, "width": 50, "height": 50},
    }
    plain = plan(registry, **request).box
    grown = plan(registry, **request, mask_options={"grow": 200, "feather": 50, "blend": 10}).box
    assert grown.width >= plain.width + 200


@pytest.mark.parametrize(
    ("request_", "word"),
    [
        ({"strength": 0}, "exactly as it is"),
        ({"strength": 0.1, "steps": 10}, "Only 1 step"),
        ({"strength": 1, "source": {"width": 900, "height": 720}}, "so it will be soft"),
    ],
)
def test_warnings_tell_what_one_would_not_expect(
    registry: Registry, request_: dict[str, Any], word: str
) -> None:
    found = plan(registry, **{"mode": "img2img", "source": CANVAS} | request_)
    assert any(word in text for text in found.warnings)
    assert [notice.message for notice in found.notices] == found.warnings


def test_notices_have_codes_and_what_their_words_are_made_of(registry: Registry) -> None:
    few = plan(registry, mode="img2img", source=CANVAS, strength=0.2, steps=10)
    assert {notice.code: notice.params for notice in few.notices} == {"few_steps": {"steps": 2}}
    source = {"width": 900, "height": 720}
    found = plan(registry, mode="img2img", source=source, strength=1)
    told = {notice.code: notice.params for notice in found.notices}
    assert (told["reduced"]["width"], told["reduced"]["height"]) == (900, 720)
    assert told["reduced"]["generation_width"] == found.generation.width


def inpaint(registry: Registry, **changes: Any) -> Plan:
    request: dict[str, Any] = {"mode": "inpaint", "canvas": CANVAS, "source": CANVAS}
    request["selection"] = {"x": 800, "y": 400, "width": 300, "height": 200}
    return plan(registry, **request | changes)


def test_the_more_is_new_the_more_of_the_surroundings_is_read(registry: Registry) -> None:
    areas = [
        inpaint(registry, strength=strength).box.width for strength in (0.3, 0.6, 0.8, 0.95, 1.0)
    ]
    assert areas == sorted(areas)
    assert areas[0] == areas[1] < areas[2] < areas[3]


def test_context_is_what_one_asks_for(registry: Registry) -> None:
    chosen = {name: inpaint(registry, context=name).box for name in ("tight", "auto", "wide")}
    assert chosen["tight"].width < chosen["auto"].width < chosen["wide"].width
    whole = inpaint(registry, context="whole").box
    assert whole.model_dump() == {"x": 0, "y": 0} | CANVAS
    asked = {"x": 700, "y": 350, "width": 300, "height": 300}
    box = inpaint(registry, context=asked).box
    assert (box.x, box.y, box.width, box.height) == (700, 350, 400, 300)  # the selection is in it


def test_an_automatic_edge_reaches_as_far_as_the_plan_says(registry: Registry) -> None:
    assert inpaint(registry).reach == 0
    weak, full = (
        inpaint(registry, strength=strength, mask_options={"auto": True}) for strength in (0.5, 1)
    )
    assert 4 < weak.reach < full.reach
    assert full.reach == pytest.approx(4 + 0.1 * 360, abs=2)
    behind = inpaint(registry, intent="replace_background", mask_options={"auto": True})
    assert 0 < behind.reach <= 0.01 * 360  # beyond is the subject


def test_a_fill_that_says_what_it_is_for_begins_a_little_below_noise(registry: Registry) -> None:
    plain, told = inpaint(registry), inpaint(registry, intent="remove")
    assert 0.99 < told.start_noise < plain.start_noise
    snr = (1 - told.start_noise**2) / told.start_noise**2
    assert snr == pytest.approx(0.0075, rel=0.2)
    assert [one.code for one in told.notices] == ["begins_with_surroundings"]
    for request in ({"intent": "add"}, {"intent": "fill", "strength": 0.5}):
        assert "begins_with_surroundings" not in {
            one.code for one in inpaint(registry, **request).notices
        }


def test_new_content_that_was_laid_out_small_is_painted_again_in_full(registry: Registry) -> None:
    large = {"x": 300, "y": 100, "width": 1200, "height": 800}
    first, second = inpaint(registry, selection=large, steps=20).passes
    assert first.width * first.height < 600_000
    assert (second.width, second.height) == (1200 + 128, 800 + 128)
    assert second.tiles > 1
    assert 0.3 * 20 <= second.steps <= 0.4 * 20
    assert len(inpaint(registry, selection=large, strength=0.9).passes) == 1
    assert len(inpaint(registry, context="tight").passes) == 1
    two = plan(registry, mode="txt2img", width=1600, height=1200).passes
    assert [(one.width, one.height) for one in two][1:] == [(1600, 1200)]


@pytest.mark.parametrize(
    ("request_", "code", "params"),
    [
        ({}, "fill", {}),
        ({"intent": "remove"}, "remove", {}),
        ({"strength": 0.4}, "refine", {"percent": 40}),
        ({"strength": 0}, "keep", {}),
        ({"selection": {"x": 0, "width": 200, "height": 1080}}, "expand_left", {}),
        ({"selection": CANVAS}, "fill", {}),
        ({"mode": "txt2img"}, "paint", {}),
        ({"mode": "img2img", "strength": 0.25}, "refine", {"percent": 25}),
        ({"mode": "img2img", "strength": 1}, "repaint", {}),
    ],
)
def test_the_button_says_what_happens(
    registry: Registry, request_: dict[str, Any], code: str, params: dict[str, int]
) -> None:
    button = inpaint(registry, **request_).button
    assert (button.code, button.params) == (code, params)


def test_the_estimate_of_memory_grows_with_what_is_sent(registry: Registry) -> None:
    """Though the model works on no more than it can see: 12 bytes for each pixel more."""
    small, large = (
        plan(
            registry,
            mode="img2img",
            source={"width": side, "height": side},
            strength=1,
            second_pass=False,
        ).memory_mb
        or 0
        for side in (2048, 8192)
    )
    assert abs(large - small - 12 * (8192**2 - 2048**2) / 2**20) <= 2


def test_strength_zero_costs_nothing(registry: Registry) -> None:
    found = plan(registry, mode="img2img", source=CANVAS, strength=0)
    assert (found.steps_run, found.start_noise, found.memory_mb) == (0, 0.0, 0)


@pytest.mark.parametrize("steps", [4, 8, 20])
def test_start_noise_rises_with_strength(registry: Registry, steps: int) -> None:
    noises = [
        plan(registry, mode="img2img", source=CANVAS, strength=step / 20, steps=steps).start_noise
        for step in range(21)
    ]
    assert noises == sorted(set(noises))
    assert noises[0] == 0.0


def test_times_come_from_what_was_measured(registry: Registry) -> None:
    asked = PlanRequest(mode="txt2img", count=3)
    found = make_plan(asked, registry, lambda model, seen, steps: seen / 512**2 * steps)
    assert found.seconds == 60
    assert make_plan(asked, registry).seconds is None


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"mode": "select"}, "unsupported_mode"),
        ({"mode": "img2img"}, "bad_request"),
        ({"mode": "inpaint", "source": CANVAS}, "bad_request"),
        (
            {
                "mode": "inpaint",
                "canvas": CANVAS,
                "source": CANVAS,
                "selection": {"x": 5000, "width": 9, "height": 9},
            },
            "bad_request",
        ),
        ({"mode": "txt2img", "width": 65_000, "height": 65_000}, "too_many_pixels"),
    ],
)
def test_plans_that_cannot_be_are_refused(
    registry: Registry, request_: dict[str, Any], code: str
) -> None:
    with pytest.raises(BadInput) as caught:
        plan(registry, **request_)
    assert caught.value.code == code


def test_unknown_models_are_not_found(registry: Registry) -> None:
    with pytest.raises(NotFound):
        plan(registry, mode="txt2img", model="nope")


def test_resolve_leaves_nothing_open(registry: Registry) -> None:
    request = resolve(JobRequest(prompt="x"), registry, None)
    assert request.model == "mine"
    assert (request.strength, request.steps, request.guidance) == (1.0, 20, 7.0)
    assert (request.width, request.height, request.sampler) == (512, 512, "DPM++ 2M Karras")
    assert request.seed is not None
    assert resolve(JobRequest(prompt="x"), registry, None).seed != request.seed
    again = JobRequest(**request.compact())
    assert resolve(again, registry, None) == request


def test_resolve_keeps_what_was_asked(registry: Registry) -> None:
    asked = JobRequest(
        mode="img2img", source=BLOB, strength=0, steps=1, guidance=0, seed=0, sampler="LCM"
    )
    request = resolve(asked, registry, Size(30, 40))
    assert (request.strength, request.steps, request.guidance, request.seed) == (0, 1, 0, 0)
    assert (request.sampler, request.width, request.height) == ("LCM", None, None)


@pytest.mark.parametrize(("mode", "strength"), [("img2img", 0.6), ("inpaint", 1.0)])
def test_default_strengths(registry: Registry, mode: str, strength: float) -> None:
    mask = BLOB if mode == "inpaint" else None
    request = resolve(JobRequest(mode=mode, source=BLOB, mask=mask), registry, Size(9, 9))
    assert request.strength == strength


def test_a_default_of_the_model_is_written_like_a_sampler_that_was_asked_for(
    tmp_path: Path,
) -> None:
    """The starter's comes from its data sheet, as text."""
    asked = JobRequest(prompt="naïve 风景 🎨", width=64, height=64)
    request = resolve(asked, Registry(tmp_path / "数据"), None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # pydantic warns of what it writes and would not read
        told = request.compact()
    again = JobRequest.model_validate(told)
    assert (again.sampler, again.compact()) == (request.sampler, told)


def test_resolve_refuses_what_no_engine_can(registry: Registry) -> None:
    with pytest.raises(NotFound, match="no VAE called") as caught:
        resolve(JobRequest(vae="a"), registry, None)
    assert caught.value.code == "model_not_found"
    with pytest.raises(TooLarge):
        resolve(JobRequest(width=60_000, height=60_000), registry, None)
