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


def places(setup: Setup, query: str) -> dict[str, dict[str, Any]]:
    found = setup.front.call("GET", "/v1/backends" + query).json["backends"]
    return {one["id"]: one for one in found}


def test_what_is_recommended_follows_the_task(setup: Setup) -> None:
    """The starter model edits nothing as told, and AI Horde neither."""
    setup.use("horde", A1111())
    for_words = places(setup, "?mode=txt2img&count=3")
    assert for_words["horde"]["recommended"]
    nothing = places(setup, "?mode=edit")
    assert nothing["local"]["recommended"]
    assert "No place edits as told yet" in nothing["local"]["why"]
    setup.use("openai", OpenAI())
    setup.front.call("PUT", "/v1/backends/openai", {"price": 0.07})
    able = places(setup, "?mode=edit&count=3")
    assert [one for one, entry in able.items() if entry["recommended"]] == ["openai"]
    assert able["openai"]["price_of_job"] == pytest.approx(0.21)
    assert able["openai"]["price_of_edit"] == pytest.approx(0.07)
    assert (able["horde"]["price_of_edit"], able["local"]["price_of_edit"]) == (None, None)
    assert able["local"]["does"] == {"img2img": "strength", "inpaint": "strength", "edit": "no"}


def test_a_place_tells_how_it_changes_a_source(setup: Setup) -> None:
    """Each word holds what the plan of such a job says."""
    kinds = {"strength": "native", "yes": "native", "lines": "control", "words": "text"}
    told = places(setup, "")
    box = {"x": 0, "y": 0, "width": 512, "height": 512}
    modes = {"img2img": {}, "inpaint": {"selection": {**box, "width": 200}}}
    for service, mode in ((one, mode) for one in told if one != "local" for mode in modes):
        asked = {"mode": mode, "canvas": box, "source": box, "strength": 0.5, **modes[mode]}
        plan = setup.front.call("POST", "/v1/plan", asked | {"backend": service, "prompt": "湖"})
        assert plan.status == 200, (service, mode, plan.body)
        assert plan.json["route"]["kind"] == kinds[told[service]["does"][mode]], (service, mode)


@pytest.mark.parametrize("query", ["?mode=paint", "?count=0", "?mode=edit&count=ten"])
def test_a_query_for_places_that_does_not_fit_is_refused(setup: Setup, query: str) -> None:
    refused = setup.front.call("GET", "/v1/backends" + query)
    assert (refused.status, refused.code) == (400, "bad_request")
