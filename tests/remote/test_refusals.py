"""Each error body that a service documents gives a sentence and a remedy of its own, and none says
only that the service could not do it. The bodies are in `refusals.py`, with where they are from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.remote.refusals import FAILED_ORDERS, REFUSALS
from tests.remote.standins.all import STAND_INS
from tests.remote.standins.base import Call, Reply, StandIn, json_reply
from tests.remote.test_faults import PROMPT, Service, line_to
from tests.support import awkward

from pentimento.services import records, session
from pentimento.services.problems import PROBLEMS

KEY = "sk-right-key"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(session, "PAUSES", (0.01, 0.01, 0.01))
    monkeypatch.setattr(session, "FIRST_PAUSE", 0.01)
    started: list[StandIn] = []

    def start(name: str) -> Service:
        stand_in = STAND_INS[name]()
        started.append(stand_in)
        return Service(name, stand_in, line_to(name, stand_in))

    yield start
    for one in started:
        one.close()


def refuse_orders(stand_in: StandIn, reply: Reply) -> None:
    """Whatever is ordered; questions are answered as ever."""
    stand_in.fault = "500"
    stand_in.refusal = lambda status: reply  # type: ignore[method-assign]


def answer_questions(stand_in: StandIn, of: str, reply: Reply) -> None:
    """Questions after an order whose path has `of` in it."""
    usual = stand_in.answer

    def answer(call: Call) -> Reply:
        asked = stand_in.accepted and not stand_in.is_order(call) and of in call.path
        return reply if asked else usual(call)

    stand_in.answer = answer  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("name", "status", "body", "code"), REFUSALS, ids=lambda value: str(value)[:60]
)
def test_a_documented_refusal_has_words_of_its_own(
    service: Callable[[str], Service], name: str, status: int, body: Any, code: str
) -> None:
    asked = service(name)
    reply = json_reply(status, body) if not isinstance(body, bytes) else (status, {}, body)
    refuse_orders(asked.stand_in, reply)
    error = asked.fails()
    assert (error.code, error.details["status"]) == (code, status)
    assert PROBLEMS[code] != PROBLEMS["service_error"]
    assert len(asked.orders) == 1


@pytest.mark.parametrize(
    ("name", "of", "body", "code"), FAILED_ORDERS, ids=lambda value: str(value)[:60]
)
def test_an_order_that_fails_there_has_words_of_its_own(
    service: Callable[[str], Service], name: str, of: str, body: Any, code: str
) -> None:
    asked = service(name)
    status, told = body if isinstance(body, tuple) else (200, body)
    answer_questions(asked.stand_in, of, json_reply(status, told))
    assert asked.fails().code == code
    assert len(asked.orders) == 1


def test_no_service_is_left_out() -> None:
    assert {name for name, *_ in REFUSALS} == set(records.all_services())
    queues = {"bfl", "fal", "horde", "replicate"}
    assert queues <= {name for name, *_ in FAILED_ORDERS}


@pytest.mark.parametrize("name", records.all_services())
@pytest.mark.parametrize("status", [400, 404, 500])
def test_a_body_that_is_no_documented_one_breaks_nothing(
    service: Callable[[str], Service], name: str, status: int
) -> None:
    """Whatever JSON can be, and what it cannot; each adapter has it to read."""
    from pentimento.services import adapter
    from pentimento.services.session import ServiceAnswer

    asked = service(name)
    meaning = adapter.load(name).meaning
    bodies = [*awkward.JSON_TEXTS.values(), PROMPT.encode()]
    bodies += [b'{"error": %s, "detail": %s, "message": %s}' % ((odd,) * 3) for odd in bodies]
    for body in bodies:
        told = meaning(ServiceAnswer(status, {}, body, asked.line._bad_answer))
        assert told is None or told in PROBLEMS, body[:80]
