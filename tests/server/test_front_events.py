"""The event stream: order, resuming, heartbeats, and what happens when a client vanishes."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from tests.server.front import Front, until

from pentimento.jobs.job import Pace
from pentimento.schema import snapshot

LEASE = 3  # s: time enough between two calls of a busy test


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """A front with a short lease and a quick heartbeat."""
    limits = {"lease": LEASE, "heartbeat": 0.2, "disk_reserve": 0}
    running = Front(tmp_path_factory.mktemp("impatient"), limits)
    yield running
    running.stop()


def test_events_come_in_order_and_end_with_one_terminal_event(front):
    job_id = front.start(
        {"prompt": "slow, “猫” 🐈\nzwei", "steps": 4, "count": 2, "width": 4, "height": 4}
    )
    with front.events(job_id) as stream:
        events = stream.rest()
    names = [event.name for event in events]
    assert names[0] == "snapshot"
    assert names[-1] == "succeeded"
    assert sum(name in ("succeeded", "failed", "cancelled") for name in names) == 1
    assert names.count("image") == 2
    steps = [(event.data["image"], event.data["step"]) for event in events if event.name == "step"]
    assert steps == [(image, step) for image in range(2) for step in range(1, 5)]
    fractions = [event.data["fraction"] for event in events if event.name == "step"]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    ids = [event.id for event in events]
    assert ids == sorted(set(ids))
    snapshot.Snapshot.model_validate_json(front.call("GET", f"/v1/jobs/{job_id}").body)
    assert events[-1].data == front.job(job_id)


def test_an_eta_is_told_from_the_third_step_on(front):
    job_id = front.start({"prompt": "slow", "steps": 10})
    with front.events(job_id) as stream:
        etas = [event.data["eta_seconds"] for event in stream.rest() if event.name == "step"]
    assert all(eta is not None for eta in etas[-8:])
    assert 0.1 < etas[-6] < 5
    assert etas[-1] == 0


class Clock:
    """Goes on by as much as it is told."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def paced(seconds, shares=1):
    """What is left after each step that took so long, of so many steps."""
    clock = Clock()
    pace = Pace(clock)
    told = []
    for number, took in enumerate(seconds, start=1):
        for share in range(1, shares + 1):
            clock.now += took / shares
            left = pace.remaining(number - 1 + share / shares, len(seconds))
        told.append(left)
    return told, pace.seconds_per_step


@pytest.mark.parametrize("shares", [1, 3])
def test_slow_first_steps_and_a_slower_second_pass_are_no_measure(shares):
    told, each = paced([30, 9, *[1] * 18], shares)
    assert told[:2] == [None, None]
    assert told[2:] == pytest.approx([*range(17, -1, -1)])
    assert each == pytest.approx(1)
    told, _each = paced([5, 2, *[1] * 10, *[4] * 10], shares)
    assert told[-5:] == pytest.approx([16, 12, 8, 4, 0])
    assert paced([7, 2], shares)[1] == pytest.approx(2), "of few steps something is learned, too"


@pytest.mark.parametrize("images", [1, 3])
def test_before_a_second_pass_its_dearer_steps_and_the_decodes_count(images):
    """Passes of 6 steps and of 4, each of which costs as much as 5 of the others; between them, and
    at the end of each picture, is as much work as two steps of the pass before and after."""
    clock, told, left = Clock(), [], []
    pace = Pace(clock)
    costs = [1 + 1] + [1] * 5 + [1 + 5 + 5] + [5] * 3
    whole = sum(costs) + 5  # the last decode
    for image in range(images):
        clock.now += 5 if image else 0
        worked = 0
        for step, cost in enumerate(costs, start=1):
            clock.now += cost
            worked += cost
            done, share = image * 10 + step, image + worked / whole
            told.append(pace.remaining(done, 10 * images, 10 * share))
            left.append(whole * (images - share))
    assert told[2:] == pytest.approx(left[2:], abs=0.01)
    assert told[-1] == 5, "the decode"


def test_a_job_that_begins_again_is_measured_anew():
    clock = Clock()
    pace = Pace(clock)
    for done in (1, 2, 3, 4, 1, 2, 3):
        clock.now += 2
        left = pace.remaining(done, 10)
    assert left == 14


def test_a_stream_resumes_where_it_broke_off(front):
    job_id = front.start({"prompt": "slow", "steps": 12})
    with front.events(job_id) as stream:
        until(lambda: (event := stream.next()) and event.name == "step" and event.data["step"] == 3)
        last = stream.seen[-1].id
        before = [event.id for event in stream.seen]
    with front.events(job_id, last) as stream:
        after = stream.rest()
    assert [event.id for event in after] == list(range(last + 1, after[-1].id + 1))
    assert "snapshot" not in [event.name for event in after]
    assert not set(before) & {event.id for event in after}
    assert after[-1].name == "succeeded"


def test_a_finished_job_streams_its_snapshot_and_end(front):
    job_id = front.start({"steps": 1})
    rev = front.finished(job_id)["rev"]
    with front.events(job_id) as stream:
        assert [event.name for event in stream.rest()] == ["snapshot", "succeeded"]
    with front.events(job_id, rev) as stream:
        assert [event.name for event in stream.rest()] == ["succeeded"]
    with front.events(job_id, rev + 1000) as stream:
        assert [event.name for event in stream.rest()] == ["snapshot", "succeeded"]


def test_the_snapshot_comes_again_when_too_much_was_missed(front):
    job_id = front.start({"steps": 200, "count": 3, "width": 4, "height": 4})
    front.finished(job_id)
    with front.events(job_id, 2) as stream:
        assert [event.name for event in stream.rest()] == ["snapshot", "succeeded"]


def test_waiting_jobs_tell_their_place_and_the_line_stays_alive(impatient):
    front = impatient
    running = front.start({"prompt": "slow", "steps": 200})
    front.running(running)
    waiting = [front.start({"steps": 1}) for _ in range(2)]
    with front.events(waiting[1]) as stream:
        assert stream.next().data["queue_position"] == 2
        front.call("DELETE", f"/v1/jobs/{waiting[0]}")
        assert stream.until("queued").data == {"queue_position": 1}
        stream.comment(3)
        front.call("DELETE", f"/v1/jobs/{running}")
        assert stream.until("succeeded")


def cancelled(front):
    return {job["id"] for job in front.call("GET", "/v1/jobs?status=cancelled").json["jobs"]}


def test_an_interactive_job_is_cancelled_when_its_client_vanishes(impatient):
    front = impatient
    others = front.start({"prompt": "slow", "steps": 40, "client": "other"})
    job_id = front.start({"prompt": "slow", "steps": 200, "interactive": True})
    with front.events(job_id) as stream:
        assert stream.until("step")
        assert front.job(others)["status"] == "succeeded"
        left = time.monotonic()
    # Looking at the job itself would count as following it.
    until(lambda: job_id in cancelled(front))
    assert time.monotonic() - left > 0.9 * LEASE


def test_an_interactive_job_that_nobody_ever_follows_is_cancelled(impatient):
    job_id = impatient.start({"prompt": "slow", "steps": 200, "interactive": True})
    until(lambda: job_id in cancelled(impatient))


def test_jobs_of_others_go_on_when_a_client_vanishes(front):
    job_id = front.start({"prompt": "slow", "steps": 30})
    with front.events(job_id) as stream:
        stream.until("step")
    assert front.finished(job_id)["status"] == "succeeded"


def test_a_followed_interactive_job_runs_to_its_end(impatient):
    """Which takes longer than the lease."""
    front = impatient
    job_id = front.start({"prompt": "slow", "steps": 80, "interactive": True})
    with front.events(job_id) as stream:
        assert stream.rest()[-1].name == "succeeded"
    polled = front.start({"prompt": "slow", "steps": 80, "interactive": True})
    job = {"rev": 0, "status": "queued"}
    while job["status"] in ("queued", "running"):
        job = front.call("GET", f"/v1/jobs/{polled}?wait=10&since={job['rev'] + 10}").json
    assert job["status"] == "succeeded"
