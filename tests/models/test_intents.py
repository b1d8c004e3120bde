"""What a selection is for: as asked, or chosen by strength, words and borders, and recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.models.test_plan import CANVAS, inpaint, registry

from pentimento.core.geometry import Size
from pentimento.jobs.plan import make_plan, resolve
from pentimento.models.library.registry import Registry
from pentimento.schema.job import FilledBy, Intent, JobRequest
from pentimento.schema.plan import Plan, PlanRequest

__all__ = ["registry"]  # the fixture
LEFT = {"x": 0, "width": 200, "height": CANVAS["height"]}


def recorded(registry: Registry, **wanted: Any) -> Intent | None:
    asked = {"mode": "inpaint", "source": {"blob": "a" * 64}, "mask": {"blob": "b" * 64}}
    found = resolve(JobRequest.model_validate(asked | wanted), registry, Size(100, 80)).intent
    assert found is None or isinstance(found, Intent)
    return found


@pytest.mark.parametrize(
    ("wanted", "intent"),
    [
        ({}, Intent.FILL),
        ({"prompt": " \n"}, Intent.FILL),
        ({"prompt": "ein Schloß"}, Intent.ADD),
        ({"prompt": "城堡", "strength": 0.99}, Intent.REFINE),
        ({"strength": 0.2}, Intent.REFINE),
    ],
)
def test_what_is_left_to_the_server_is_chosen_and_recorded(
    registry: Registry, wanted: dict[str, Any], intent: Intent
) -> None:
    assert recorded(registry, intent="auto", **wanted) is intent
    assert inpaint(registry, intent="auto", **wanted).intent is intent


@pytest.mark.parametrize("intent", list(Intent))
def test_what_is_asked_for_stays(registry: Registry, intent: Intent) -> None:
    assert recorded(registry, intent=intent.value, prompt="a tree") is intent


def test_where_nothing_is_said_strength_1_stays_noise_alone(registry: Registry) -> None:
    assert recorded(registry) is None
    assert begins(inpaint(registry)) is False


def begins(plan: Plan) -> bool:
    return "begins_with_surroundings" in {one.code for one in plan.notices}


def test_the_plan_says_when_a_fill_begins_with_its_surroundings(registry: Registry) -> None:
    assert begins(inpaint(registry, intent="auto"))
    assert begins(inpaint(registry, intent="auto", selection=LEFT))
    assert inpaint(registry, intent="auto", selection=LEFT).button.code == "expand_left"
    assert not begins(inpaint(registry, intent="auto", prompt="a tree"))
    assert not begins(inpaint(registry, intent="auto", strength=0.5))


def test_a_second_pass_can_be_left_out(registry: Registry) -> None:
    large = {"x": 300, "y": 100, "width": 1200, "height": 800}
    assert len(inpaint(registry, selection=large).passes) == 2
    assert len(inpaint(registry, selection=large, second_pass=False).passes) == 1


STARTER = Registry(Path("/nonexistent"))
GOES_ON = ({"intent": "remove"}, {"intent": "remove", "prompt": "a tower"}, {"intent": "auto"})
SOMETHING_NEW = (
    {},
    {"intent": "add"},
    {"intent": "auto", "prompt": "ein Schloß"},
    {"intent": "fill", "prompt": "城堡"},
    {"intent": "remove", "strength": 0.5},
)


def filled_by(registry: Registry, **wanted: Any) -> FilledBy | None:
    """The same in the record and in the plan."""
    asked = {"mode": "inpaint", "source": {"blob": "a" * 64}, "mask": {"blob": "b" * 64}}
    request = JobRequest.model_validate(asked | wanted)
    found = resolve(request, registry, Size(100, 80)).filled_by
    assert inpaint(registry, **wanted).filled_by is found
    return found


@pytest.mark.parametrize("wanted", GOES_ON)
def test_what_goes_on_is_copied_where_the_model_does_not_know_how(
    registry: Registry, wanted: dict[str, Any]
) -> None:
    assert filled_by(STARTER, **wanted) is FilledBy.SURROUNDINGS
    assert filled_by(registry, **wanted) is FilledBy.MODEL
    for asked in (FilledBy.MODEL, FilledBy.SURROUNDINGS):
        for each in (STARTER, registry):
            assert filled_by(each, **wanted, filled_by=asked) is asked
    assert filled_by(STARTER, **wanted, filled_by="auto") is FilledBy.SURROUNDINGS


@pytest.mark.parametrize("wanted", SOMETHING_NEW)
@pytest.mark.parametrize("asked", [None, "auto", "surroundings"])
def test_what_is_new_is_painted(wanted: dict[str, Any], asked: str | None) -> None:
    assert filled_by(STARTER, **wanted, filled_by=asked) is None


def test_a_model_that_is_steered_paints() -> None:
    assert filled_by(STARTER, intent="auto", controls=[{"type": "canny"}]) is FilledBy.MODEL


def test_the_plan_says_that_no_model_is_asked() -> None:
    plan = inpaint(STARTER, intent="remove", mask_options={"auto": True})
    assert [one.code for one in plan.notices] == ["filled_from_surroundings"]
    assert (plan.passes, plan.steps_run, plan.button.code) == ([], 0, "remove")
    assert "without a model" in plan.sentence
    assert plan.generation.width == plan.box.width
    assert plan.reach > 4


def test_a_record_is_resolved_to_itself() -> None:
    """So that what is made again is the same."""
    asked = {"mode": "inpaint", "source": {"blob": "a" * 64}, "mask": {"blob": "b" * 64}}
    once = resolve(JobRequest.model_validate(asked | {"intent": "auto"}), STARTER, Size(90, 80))
    again = resolve(JobRequest.model_validate(once.model_dump()), STARTER, Size(90, 80))
    assert again == once


def test_where_all_is_selected_nothing_is_around_that_could_be_copied() -> None:
    everything = {"x": 0, "y": 0, "width": 97, "height": 83}
    for side, filler in ((97, FilledBy.MODEL), (96, FilledBy.SURROUNDINGS)):
        request = PlanRequest.model_validate(
            {"mode": "inpaint", "intent": "fill", "canvas": everything, "source": everything}
            | {"selection": everything | {"width": side}}
        )
        assert make_plan(request, STARTER).filled_by is filler
