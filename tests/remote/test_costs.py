"""What services tell that a picture cost is booked in place of what was reserved; where no price is
known, the usual limits let nothing leave until the user has said what it costs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.remote.setup import Setup
from tests.remote.standins.bfl import BlackForestLabs
from tests.remote.standins.openai import OpenAI
from tests.remote.standins.openrouter import OpenRouter

from pentimento.schema.job import JobRequest
from pentimento.schema.task import Result, Task
from pentimento.services import records, told_costs
from pentimento.services.backend import RemoteBackend
from pentimento.services.problems import RemoteProblem
from pentimento.services.records import TokenPrices
from pentimento.services.settings import ServiceChange
from pentimento.services.terms import Remotes

PRICES = TokenPrices(text_input=5, image_input=8, output=30)
USAGE = {
    "input_tokens": 1100,
    "input_tokens_details": {"image_tokens": 1000, "text_tokens": 100},
    "output_tokens": 1756,
    "total_tokens": 2856,
}
COST = (100 * 5 + 1000 * 8 + 1756 * 30) / 1e6
ASKED = {"mode": "txt2img", "prompt": "eine Brücke, 橋 🌉", "width": 96, "height": 64, "seed": 3}


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (USAGE, COST),
        (USAGE | {"input_tokens_details": None}, (1100 * 8 + 1756 * 30) / 1e6),
        (USAGE | {"input_tokens_details": {"text_tokens": 10**7}}, (1100 * 5 + 1756 * 30) / 1e6),
        ({"input_tokens": 0, "output_tokens": 0}, 0.0),
        ({"output_tokens": 5}, None),
        (USAGE | {"output_tokens": True}, None),
        (USAGE | {"output_tokens": -1}, None),
        (USAGE | {"output_tokens": float("nan")}, None),
        (USAGE | {"output_tokens": "1756"}, None),
        (USAGE | {"output_tokens": 10**400}, None),
        (USAGE | {"output_tokens": 10**8}, None),  # $3,000 a picture
        (None, None),
        ([], None),
        ("", None),
    ],
)
def test_a_count_of_tokens_is_a_price_or_nothing(usage: Any, cost: float | None) -> None:
    assert told_costs.of_tokens(usage, PRICES) == (None if cost is None else pytest.approx(cost))
    assert told_costs.of_tokens(usage, None) is None


@pytest.mark.parametrize("told", [None, True, "0.04", -0.01, float("inf"), float("nan"), 1e9, {}])
def test_what_is_no_price_is_none(told: Any) -> None:
    assert told_costs.dollars(told) is None


@pytest.fixture
def openai(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAI]:
    """It stands at OpenAI's own address, as far as the record knows."""
    stand_in = OpenAI()
    known = records.service
    own = known("openai").model_copy(update={"base_url": stand_in.base_url})
    monkeypatch.setattr(records, "service", lambda name: own if name == "openai" else known(name))
    yield stand_in
    stand_in.close()


@pytest.fixture
def remotes(tmp_path: Path, openai: OpenAI) -> Remotes:
    """With OpenAI's key and the user's consent."""
    found = Remotes(tmp_path)
    found.settings.agree(records.service("openai"), agreed=True)
    found.keys.put("openai", found.terms("openai").place, openai.key)
    return found


def painted(remotes: Remotes, folder: Path, **more: Any) -> list[Result]:
    request = JobRequest.model_validate(ASKED | {"backend": "openai", "strength": 1.0} | more)
    heard: list[Any] = []
    folder.mkdir(exist_ok=True)
    asyncio.run(RemoteBackend(remotes).run(Task("a job", request, {}, folder), heard.append))
    return [one for one in heard if isinstance(one, Result)]


def choose(remotes: Remotes, **chosen: Any) -> None:
    change = ServiceChange.model_validate(chosen)
    remotes.settings.change(records.service("openai"), change)


def test_openai_is_paid_by_what_its_answer_counts(
    remotes: Remotes, openai: OpenAI, tmp_path: Path
) -> None:
    assert remotes.terms("openai").price == 0.25
    openai.usage = USAGE
    made = painted(remotes, tmp_path / "Bilder 图", count=3)
    assert [one.facts["cost"] for one in made] == [pytest.approx(COST)] * 3
    assert remotes.spending.today("openai") == pytest.approx(3 * COST, abs=1e-5)
    openai.usage = None  # an answer that counts nothing costs what was reserved
    painted(remotes, tmp_path / "Bilder 图")
    assert remotes.spending.today("openai") == pytest.approx(3 * COST + 0.25, abs=1e-5)


def test_openai_is_within_the_usual_limits(
    remotes: Remotes, openai: OpenAI, tmp_path: Path
) -> None:
    with pytest.raises(RemoteProblem) as caught:
        painted(remotes, tmp_path, count=5)
    assert (caught.value.code, openai.calls) == ("budget_exceeded", [])
    choose(remotes, picture_quality="low")
    assert remotes.terms("openai").price == 0.03
    assert remotes.terms("openai").price_text == "about $0.03 a picture"
    assert len(painted(remotes, tmp_path, count=5)) == 5


def test_another_server_that_speaks_its_api_has_no_price_of_openais(tmp_path: Path) -> None:
    setup, stand_in = Setup(tmp_path / "data 数据"), OpenAI()
    stand_in.usage = USAGE
    setup.use("openai", stand_in)
    try:
        assert setup.entry("openai")["price_per_picture"] is None
        assert "up to whoever runs that server" in setup.entry("openai")["price"]
        job = setup.run(ASKED | {"backend": "openai"})
        assert job["status"] == "succeeded", job["error"]
        assert setup.entry("openai")["spent_today"] == 0
    finally:
        setup.close()


def test_services_that_tell_their_cost_are_believed(setup: Setup) -> None:
    router, labs = OpenRouter(), BlackForestLabs()
    labs.cost = 3.0  # credits
    for name, stand_in, cost in (("openrouter", router, 0.04), ("bfl", labs, 0.03)):
        setup.use(name, stand_in)
        before = setup.entry(name)["spent_today"]
        job = setup.run(ASKED | {"backend": name, "count": 2})
        assert job["status"] == "succeeded", job["error"]
        assert job["images"][0]["facts"]["cost"] == cost
        assert setup.entry(name)["spent_today"] - before == pytest.approx(2 * cost)


@pytest.mark.parametrize("name", ["huggingface", "openrouter", "together"])
def test_where_no_price_is_known_the_usual_limits_hold(setup: Setup, name: str) -> None:
    """Until the user says what it costs, or takes the limits away."""
    stand_in = OpenRouter()
    setup.use(name, stand_in)
    setup.set(name, price=None)
    assert setup.entry(name)["caps"] == {"per_job": 1.0, "per_day": 5.0}
    answer = setup.front.call("POST", "/v1/jobs", ASKED | {"backend": name})
    assert (answer.status, answer.code) == (409, "price_unknown")
    assert stand_in.calls == []
    for agreed in ({"price": 0.05}, {"price": None, "caps": {"per_job": None, "per_day": None}}):
        setup.set(name, **agreed)
        plan = setup.front.call("POST", "/v1/jobs", ASKED | {"backend": name})
        assert plan.status == 202, plan.body
    setup.set(name, caps=None)
