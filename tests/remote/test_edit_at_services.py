"""Edit by Instruction through services: the source and its references are sent with the words, the
result comes back to its place, and the models that edit are those of the record."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.remote.setup import Setup
from tests.remote.test_job import photograph, selection
from tests.remote.test_services import HEIGHT, WIDTH, Service
from tests.support import awkward

from pentimento.services import records
from pentimento.services.records import Operation

EDITORS = [one.id for one in records.all_services().values() if one.capabilities.edit]
OTHERS = [one.id for one in records.all_services().values() if not one.capabilities.edit]
MODELS = [
    (one.id, model.name)
    for one in records.all_services().values()
    for model in one.models_for(Operation.EDIT)
]
WORDS = "mach es Winter, 冬, “leise” ❄"


def edit(service: Service, **more: Any) -> dict[str, Any]:
    request = service.request("img2img") | {"mode": "edit", "prompt": WORDS}
    return {name: value for name, value in request.items() if name != "strength"} | more


@pytest.fixture(params=EDITORS)
def service(request: pytest.FixtureRequest, setup: Setup) -> Service:
    return Service(request.param, setup)


def test_the_picture_and_the_words_are_sent_and_the_result_is_at_its_place(
    service: Service,
) -> None:
    job = service.setup.run(edit(service))
    assert job["status"] == "succeeded", job["error"]
    assert service.asked.prompt == WORDS
    assert service.asked.image is not None
    assert service.asked.mask is None
    made = service.setup.pixels(job).astype(float)
    assert made.shape[:2] == (HEIGHT, WIDTH)
    assert np.corrcoef(made[..., 0].mean(0), np.arange(WIDTH))[0, 1] > 0.999
    assert job["record"]["facts"]["route"]["code"] == "edits_source"
    assert service.stand_in.accepted == 1


def test_outside_the_selection_nothing_changes(service: Service) -> None:
    job = service.setup.run(edit(service, mask=service.setup.source(selection())))
    assert job["status"] == "succeeded", job["error"]
    made, kept = service.setup.pixels(job), selection() == 0
    assert (made[kept] == photograph()[kept]).all()
    assert (made[selection() == 255] != photograph()[selection() == 255]).any()
    assert job["record"]["facts"]["route"]["code"] == "edits_selection"


def test_references_are_sent_where_they_are_read_and_refused_elsewhere(service: Service) -> None:
    other = np.full((40, 70, 4), (10, 200, 30, 255), np.uint8)
    references = [{"image": service.setup.source(other)}]
    if not service.able.references:
        answer = service.setup.front.call("POST", "/v1/jobs", edit(service, references=references))
        assert (answer.status, answer.code) == (400, "unsupported")
        assert service.stand_in.accepted == 0
        return
    job = service.setup.run(edit(service, references=references))
    assert job["status"] == "succeeded", job["error"]
    (sent,) = service.asked.references
    assert sent.size == (70, 40)
    assert sent.getpixel((5, 5)) == (10, 200, 30)
    assert service.asked.image is not None
    assert service.asked.image.size != sent.size


@pytest.mark.parametrize("name", OTHERS)
def test_a_place_that_cannot_edit_says_so_before_anything_is_sent(setup: Setup, name: str) -> None:
    service = Service(name, setup)
    answer = setup.front.call("POST", "/v1/jobs", edit(service))
    assert (answer.status, answer.code) == (400, "unsupported_mode")
    assert service.stand_in.accepted == 0


@pytest.mark.parametrize(("name", "model"), MODELS)
def test_every_model_of_the_records_understands_an_edit(
    setup: Setup, name: str, model: str
) -> None:
    service = Service(name, setup)
    setup.set(name, caps={"per_job": 5, "per_day": 100})
    before = setup.entry(name)["spent_today"]
    job = setup.run(edit(service, model=model))
    assert job["status"] == "succeeded", job["error"]
    assert any(model in call.path for call in service.stand_in.calls)
    price = records.service(name).record_of(model).price or 0.0
    assert setup.entry(name)["spent_today"] - before == pytest.approx(price)


def test_a_model_that_only_paints_is_not_asked_to_edit(setup: Setup) -> None:
    service = Service("fal", setup)
    job = setup.run(edit(service, model="fal-ai/flux/dev"))
    assert job["status"] == "succeeded", job["error"]
    assert job["record"]["request"]["model"] == "fal-ai/flux-2-pro/edit"


def test_the_plan_tells_model_price_and_what_is_sent(setup: Setup) -> None:
    Service("fal", setup)
    rect = {"x": 0, "y": 0, "width": WIDTH, "height": HEIGHT}
    request = {"mode": "edit", "backend": "fal", "canvas": rect, "source": rect, "prompt": WORDS}
    request["model"] = "fal-ai/nano-banana-pro/edit"
    plan = setup.front.call("POST", "/v1/plan", request).json
    assert plan["model"] == "fal-ai/nano-banana-pro/edit"
    assert plan["route"]["price"] == "about $0.15 a picture"
    assert plan["route"]["sends"]["width"] > 0
    assert plan["route"]["code"] == "edits_source"


def test_the_limit_counts_the_price_of_the_model(setup: Setup) -> None:
    service = Service("fal", setup)
    setup.set("fal", caps={"per_job": 0.1, "per_day": 100})
    answer = setup.front.call(
        "POST", "/v1/jobs", edit(service, model="fal-ai/nano-banana-pro/edit")
    )
    assert (answer.status, answer.code) == (409, "budget_exceeded")
    assert service.stand_in.accepted == 0


def test_what_the_edit_does_not_change_is_kept(setup: Setup) -> None:
    """As on this machine: only what differs is new."""
    service = Service("openai", setup)
    flat = np.full((HEIGHT, WIDTH, 4), 255, np.uint8)
    job = setup.run(edit(service, source=setup.source(flat), only_changes=True))
    assert job["status"] == "succeeded", job["error"]
    assert "changes" in job["images"][0]["facts"]


@pytest.mark.parametrize("words", awkward.FEW.values(), ids=awkward.FEW)
def test_instructions_arrive_as_they_were_typed(setup: Setup, words: str) -> None:
    service = Service("bfl", setup)
    job = setup.run(edit(service, prompt=words))
    assert job["status"] == "succeeded", job["error"]
    assert service.asked.prompt == words
