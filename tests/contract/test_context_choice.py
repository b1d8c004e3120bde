"""What a dialog asks for around a selection is what the server's plan takes."""

from __future__ import annotations

import pytest

import choices
import options
import procedures
import wire
from pentimento.schema import job, plan

CANVAS, SELECTION = wire.Box(0, 0, 900, 600), wire.Box(400, 300, 80, 60)
LAYER = wire.Box(-9, 5, 500, 400)


def defaults(**changed):
    action = procedures.BY_KEY["regenerate_selection"]
    values = {option.name: option.default for option in action.options}
    return values | {name.replace("_", "-"): value for name, value in changed.items()}


def planned(**changed):
    values = defaults(**changed)
    body = wire.plan_request(wire.INPAINT, values, CANVAS, CANVAS, SELECTION, LAYER)
    return plan.PlanRequest.model_validate(body)


@pytest.mark.parametrize("choice", choices.CONTEXTS, ids=lambda choice: choice.nick)
def test_every_context_is_understood(choice):
    found = planned(context=choice.nick).context
    if choice.nick == choices.LAYER_BOUNDS:
        assert found == job.Rect(**LAYER.rect())
    else:
        assert found is job.Context(choice.value)


def test_the_contexts_are_all_there_are():
    offered = {choice.value for choice in choices.CONTEXTS} - {None}
    assert offered == {context.value for context in job.Context}


@pytest.mark.parametrize("choice", choices.INTENTS, ids=lambda choice: choice.nick)
def test_every_purpose_is_understood(choice):
    assert planned(intent=choice.nick).intent == choice.value
    body = wire.job_request(wire.INPAINT, defaults(intent=choice.nick), 1)
    assert body["intent"] == choice.value


def test_an_automatic_edge_is_asked_for_and_the_exact_one_wins():
    chosen = planned(auto_edge=True, grow=7, blend=3).mask_options
    assert chosen == job.MaskOptions(auto=True, blend=3)
    assert planned(auto_edge=True, exact_edge=True).mask_options == job.MaskOptions()
    assert options.mask_options_of(defaults()) == {}
