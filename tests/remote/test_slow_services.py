"""Services that are asked again and again for a picture may take minutes: the job waits as long as
the service's record says, tells what it waits for, and pays once. Nobody waits here: the time that
the line sees is moved on by its own pauses."""

from __future__ import annotations

import threading
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.remote.standins.all import STAND_INS
from tests.remote.standins.queue import Queue
from tests.remote.test_faults import ASK
from tests.support import awkward

from pentimento.services import adapter, records, session
from pentimento.services.problems import RemoteProblem
from pentimento.services.session import Address, ServiceSession

QUEUES = ("bfl", "comfyui", "fal", "horde", "replicate")
PAUSE = 40.0  # s between two questions
TAKE_BACK = ("comfyui", "fal", "horde", "replicate")  # Black Forest Labs has no call for it


class Clock(threading.Event):
    """Time in seconds, and the event that a line pauses with."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.then: dict[float, Callable[[], None]] = {}  # what happens when it is so late

    def monotonic(self) -> float:
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timeout or 0.0
        for moment in [one for one in self.then if one <= self.now]:
            self.then.pop(moment)()
        return self.is_set()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved = Clock()
    monkeypatch.setattr(session, "time", types.SimpleNamespace(monotonic=moved.monotonic))
    monkeypatch.setattr(session, "LONGEST_PAUSE", PAUSE)  # fewer questions
    monkeypatch.setattr(session, "FIRST_PAUSE", PAUSE)
    return moved


class Slow:
    """A service whose orders wait in a queue, a line to it, and what the user is told."""

    def __init__(self, name: str, clock: Clock) -> None:
        self.name, self.stand_in = name, STAND_INS[name](waiting=True)
        assert isinstance(self.stand_in, Queue)
        self.told: list[str] = []
        self.limit = records.service(name).deadline
        self.adapter = adapter.load(name)
        headers = self.adapter.auth(self.stand_in.key)
        address = Address(name, "The service", self.stand_in.base_url, headers)
        self.line = ServiceSession(
            address, self.adapter.meaning, clock.now + self.limit, stop=clock, say=self.hear
        )

    def hear(self, message: str, progress: float | None) -> None:
        self.told.append(message)

    def paint(self, words: str = ASK.prompt) -> Any:
        return self.adapter.paint(replace(ASK, prompt=words), self.line)


@pytest.fixture(params=QUEUES)
def slow(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Slow]:
    found = Slow(request.param, clock)
    yield found
    found.line.close()
    found.stand_in.close()


@pytest.mark.parametrize("words", awkward.cases(awkward.FEW))
def test_what_was_said_comes_to_a_slow_service_as_it_was_said(slow: Slow, words: str) -> None:
    """And nothing of it, nor of the key, is told while it is waited for, or when it fails."""
    slow.stand_in.waiting = False
    slow.paint(words)
    assert slow.stand_in.asked[-1].prompt == words
    slow.stand_in.waiting = True
    with pytest.raises(RemoteProblem) as caught:
        slow.paint(words)
    told = " ".join([*slow.told, str(caught.value.body())])
    assert slow.told
    assert words not in told
    assert slow.stand_in.key not in told


@pytest.mark.parametrize("seconds", [150, 400])
def test_a_picture_that_waits_for_minutes_comes_and_is_paid_once(
    slow: Slow, clock: Clock, seconds: int
) -> None:
    began = clock.now
    clock.then[began + seconds] = lambda: setattr(slow.stand_in, "waiting", False)
    assert slow.paint().image.startswith(b"\x89PNG")
    assert seconds <= clock.now - began <= seconds + PAUSE
    assert slow.stand_in.accepted == 1
    assert slow.told, "nobody was told what is waited for"


def test_one_that_never_answers_ends_at_its_own_deadline(slow: Slow, clock: Clock) -> None:
    began = clock.now
    with pytest.raises(RemoteProblem) as caught:
        slow.paint()
    assert caught.value.code == "outcome_unknown"
    assert clock.now - began == pytest.approx(slow.limit, abs=1)
    assert slow.stand_in.accepted == 1
    assert bool(slow.stand_in.withdrawn) == (slow.name in TAKE_BACK)


@pytest.mark.parametrize("name", records.all_services())
def test_every_service_has_the_time_that_slow_ones_need(name: str) -> None:
    assert records.service(name).deadline > 400
