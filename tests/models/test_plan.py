"""Plans and defaults: what is said before a job is what the job then is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.models.folders import write_model

from pentimento.errors import BadInput, NotFound, TooLarge
from pentimento.imaging.geometry import Size
from pentimento.jobs.plan import make_plan, resolve
from pentimento.jobs.record import JobRequest, Plan, PlanRequest
from pentimento.models import Registry

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
            "Touch up the source at 0.2: 1024 × 576 px, 1 of 5 steps, 3 pictures",
        ),
        (
            {"mode": "inpaint", "source": CANVAS, "selection": {"width": 600, "height": 500}},
            "Fill the selection: 816 × 720 px, 20 steps",
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
    assert (box.x, box.y) == (564, 294)
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
        ({"strength": 1}, "fine detail is lost"),
    ],
)
def test_warnings_tell_what_one_would_not_expect(
    registry: Registry, request_: dict[str, Any], word: str
) -> None:
    found = plan(registry, mode="img2img", source=CANVAS, **request_)
    assert any(word in text for text in found.warnings)
    assert [notice.message for notice in found.notices] == found.warnings


def test_notices_have_codes_and_what_their_words_are_made_of(registry: Registry) -> None:
    found = plan(registry, mode="img2img", source=CANVAS, strength=0.2, steps=10)
    told = {notice.code: notice.params for notice in found.notices}
    assert told["few_steps"] == {"steps": 2}
    assert (told["reduced"]["width"], told["reduced"]["height"]) == (
        CANVAS["width"],
        CANVAS["height"],
    )
    assert told["reduced"]["generation_width"] == found.generation.width


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
    found = make_plan(asked, registry, lambda model, size, steps: size.width / 512 * steps)
    assert found.seconds == 60
    assert make_plan(asked, registry).seconds is None


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"mode": "upscale"}, "unsupported_mode"),
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


def test_resolve_refuses_what_no_engine_can(registry: Registry) -> None:
    with pytest.raises(NotFound, match="no VAE called") as caught:
        resolve(JobRequest(vae="a"), registry, None)
    assert caught.value.code == "model_not_found"
    with pytest.raises(TooLarge):
        resolve(JobRequest(width=60_000, height=60_000), registry, None)
