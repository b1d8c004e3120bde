"""Jobs at services run beside this machine's and beside each other, as many as each place takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.remote.setup import Setup
from tests.remote.standins.a1111 import A1111
from tests.remote.standins.openai import OpenAI
from tests.server.front import until


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    running = Setup(tmp_path / "données 数据")
    yield running
    running.close()


def request(backend: str | None, **more: Any) -> dict[str, Any]:
    asked = {"mode": "txt2img", "prompt": "ein Boot ⛵", "width": 64, "height": 64, "seed": 3}
    return asked | {"backend": backend, "steps": 2} | more


def status(setup: Setup, job: str) -> str:
    return str(setup.front.job(job)["status"])


def held(setup: Setup, name: str, stand_in: Any) -> Any:
    stand_in.fault = "hold"
    setup.use(name, stand_in)
    return stand_in


def test_a_slow_service_lets_this_machine_and_other_services_go_on(setup: Setup) -> None:
    slow = held(setup, "openai", OpenAI())
    setup.use("a1111", A1111())
    waits = setup.front.start(request("openai"))
    until(lambda: slow.accepted == 1)
    other = setup.front.finished(setup.front.start(request("a1111")), 30)
    here = setup.front.finished(setup.front.start(request(None)), 120)
    assert (other["status"], here["status"]) == ("succeeded", "succeeded")
    assert status(setup, waits) == "running"
    slow.released.set()
    assert setup.front.finished(waits, 30)["status"] == "succeeded"


def test_a_place_takes_no_more_jobs_at_once_than_its_limit(setup: Setup) -> None:
    slow = held(setup, "openai", OpenAI())
    setup.set("openai", at_once=2)
    jobs = [setup.front.start(request("openai", seed=seed)) for seed in range(4)]
    until(lambda: slow.accepted == 2)
    assert [status(setup, job) for job in jobs] == ["running", "running", "queued", "queued"]
    setup.front.call("DELETE", f"/v1/jobs/{jobs[0]}")
    until(lambda: slow.accepted == 3)
    assert status(setup, jobs[0]) == "cancelled"
    assert status(setup, jobs[3]) == "queued"
    slow.released.set()
    ends = [setup.front.finished(job, 30)["status"] for job in jobs[1:]]
    assert ends == ["succeeded"] * 3
    assert slow.accepted == 4


def test_limits_of_a_day_hold_for_jobs_beside_each_other(setup: Setup) -> None:
    slow = held(setup, "openai", OpenAI())
    setup.set("openai", at_once=4, price=0.4, caps={"per_job": None, "per_day": 1.0})
    jobs = [setup.front.start(request("openai", seed=seed)) for seed in range(2)]
    until(lambda: slow.accepted == 2)
    answer = setup.front.call("POST", "/v1/jobs", request("openai", seed=9))
    assert (answer.status, answer.code) == (409, "budget_exceeded")
    slow.released.set()
    for job in jobs:
        setup.front.finished(job, 30)
    assert setup.entry("openai")["spent_today"] == pytest.approx(0.8)


def test_a_server_that_ends_ends_all_that_run(setup: Setup) -> None:
    slow = held(setup, "openai", OpenAI())
    jobs = [setup.front.start(request("openai", seed=seed)) for seed in range(2)]
    until(lambda: slow.accepted == 2)
    setup.front.stop()
    slow.released.set()
    setup._front = None
    assert [status(setup, job) for job in jobs] == ["failed", "failed"]
