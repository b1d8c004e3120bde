"""Stop and keep: a running job gives what it has, and its record repeats the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.server.front import Front, until

RAW = {"Accept": "application/x-pixels"}
SECONDS = 180  # for a job of the starter on a busy machine, the engine's start included
STEPS = 60  # so many that a request comes in before the last
SIDE = 64


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    running = Front(tmp_path_factory.mktemp("数据 ü"), None)
    yield running
    running.stop()


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[Front]:
    server = Front(tmp_path / "data", {})
    yield server
    server.stop()


def picture(front: Front, width: int, height: int) -> dict[str, str]:
    pixels = np.full((height, width, 4), 255, np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width, dtype=np.uint8)
    pixels[..., 1] = np.linspace(255, 0, height, dtype=np.uint8)[:, None]
    return front.blob(pixels.tobytes(), width, height)


def ellipse(front: Front, width: int, height: int) -> dict[str, str]:
    rows, columns = np.mgrid[:height, :width]
    away = np.hypot((columns - width / 2) / (width / 4), (rows - height / 2) / (height / 4))
    mask = np.uint8(255 * np.clip(1.5 - away, 0, 1))
    return front.blob(mask.tobytes(), width, height, "y-u8")


def asked(**more: Any) -> dict[str, Any]:
    return {"prompt": "一只黄色的月亮 “夜” 🌙", "steps": STEPS, "seed": 11, "preview": False} | more


def txt2img(_front: Front) -> dict[str, Any]:
    return asked(width=SIDE, height=SIDE)


def img2img(front: Front) -> dict[str, Any]:
    return asked(mode="img2img", source=picture(front, SIDE, SIDE), strength=0.7)


def inpaint(front: Front) -> dict[str, Any]:
    size = (96, 64)
    return asked(mode="inpaint", source=picture(front, *size), mask=ellipse(front, *size))


def ancestral(front: Front) -> dict[str, Any]:
    return img2img(front) | {"sampler": "Euler a"}


def pixels_of(front: Front, job: dict[str, Any], index: int = 0) -> bytes:
    return front.call("GET", job["images"][index]["url"], headers=RAW).body


def stopped(front: Front, job_id: str, step: int = 3, image: int = 0) -> dict[str, Any]:
    """The end of a job that was asked to finish after that step of that picture."""

    def far_enough() -> bool:
        progress = front.job(job_id)["progress"]
        return (progress["image"], progress["step"]) >= (image, step)

    until(far_enough, SECONDS)
    answer = front.call("POST", f"/v1/jobs/{job_id}/finish")
    assert answer.status == 200, answer.body
    job = front.finished(job_id, SECONDS)
    assert job["status"] == "succeeded", job["error"]
    return job


@pytest.mark.parametrize("kind", [txt2img, img2img, inpaint, ancestral])
def test_what_was_kept_is_made_again_bit_for_bit(real: Front, kind: Any) -> None:
    request = kind(real)
    job = stopped(real, real.start(request))
    record = job["record"]["request"]
    step = record["stopped_at"]
    assert 3 <= step < STEPS
    assert job["images"][0]["facts"]["stopped_at"] == step
    again = real.finished(real.start(record), SECONDS)
    assert pixels_of(real, again) == pixels_of(real, job)
    assert again["record"]["request"] == record
    # and it is an estimate of this very step, not the picture that all steps give
    other = real.finished(real.start(record | {"stopped_at": step + 1}), SECONDS)
    assert pixels_of(real, other) != pixels_of(real, job)


def test_pixels_outside_the_mask_stay_the_sources(real: Front) -> None:
    request = inpaint(real)
    job = stopped(real, real.start(request))
    raw = {name: real.call("GET", job[name]["url"], headers=RAW).body for name in ("mask",)}
    mask = np.frombuffer(raw["mask"], np.uint8).reshape(64, 96)
    made = np.frombuffer(pixels_of(real, job), np.uint8).reshape(64, 96, 4)
    source = np.full((64, 96, 4), 255, np.uint8)
    source[..., 0] = np.linspace(0, 255, 96, dtype=np.uint8)
    source[..., 1] = np.linspace(255, 0, 64, dtype=np.uint8)[:, None]
    assert np.array_equal(made[mask == 0], source[mask == 0])
    assert not np.array_equal(made[mask == 255], source[mask == 255])


@pytest.mark.parametrize("in_second", [False, True])
def test_a_picture_of_two_passes(real: Front, in_second: bool) -> None:
    """Stopped in the first one there is no second; stopped in the second it is kept so far."""
    request = asked(width=320, height=256, steps=20)
    whole = real.finished(real.start(request), SECONDS)
    first, _second = whole["images"][0]["facts"]["passes"]
    at = first["steps"] + 2 if in_second else first["steps"] - 2
    job = stopped(real, real.start(request), at)
    step = job["record"]["request"]["stopped_at"]
    assert (step > first["steps"]) == in_second, "the machine was too slow to stop it there"
    assert len(job["images"][0]["facts"]["passes"]) == 1 + in_second
    again = real.finished(real.start(job["record"]["request"]), SECONDS)
    assert pixels_of(real, again) == pixels_of(real, job)
    assert pixels_of(real, job) != pixels_of(real, whole)


def test_of_several_pictures_those_are_kept_that_there_are(real: Front) -> None:
    request = txt2img(real) | {"count": 4}
    job = stopped(real, real.start(request), image=1)
    record = job["record"]["request"]
    assert record["count"] == len(job["images"]) < 4
    again = real.finished(real.start(record), SECONDS)
    for index in range(record["count"]):
        assert pixels_of(real, again, index) == pixels_of(real, job, index)
    whole = real.finished(real.start(txt2img(real)), SECONDS)
    assert pixels_of(real, whole) == pixels_of(real, job), "the first one had all its steps"


def test_before_its_first_step_a_job_takes_one(real: Front) -> None:
    """Asked while the engine starts or the model is read."""
    real.call("POST", "/v1/engine/stop")
    job_id = real.start(txt2img(real))
    until(lambda: real.job(job_id)["status"] == "running", SECONDS)
    assert real.call("POST", f"/v1/jobs/{job_id}/finish").status == 200
    job = real.finished(job_id, SECONDS)
    assert job["record"]["request"]["stopped_at"] < STEPS
    assert len(job["images"]) == 1


def test_one_that_waits_or_has_ended(real: Front) -> None:
    running = real.start(txt2img(real) | {"steps": 200, "count": 16})
    waiting = real.start(txt2img(real))
    answer = real.call("POST", f"/v1/jobs/{waiting}/finish")
    assert (answer.status, answer.code) == (409, "not_running")
    for job_id in (waiting, running):
        real.call("DELETE", f"/v1/jobs/{job_id}")
    ended = real.finished(running, SECONDS)
    answer = real.call("POST", f"/v1/jobs/{running}/finish")
    assert answer.status == 200
    assert answer.json["status"] == ended["status"] == "cancelled"
    answer = real.call("POST", "/v1/jobs/nothing/finish")
    assert (answer.status, answer.code) == (404, "job_not_found")


def test_where_it_cannot_be_had_the_job_goes_on(stand_in: Front) -> None:
    """As with a service, which gives finished pictures only."""
    job_id = stand_in.start({"prompt": "slow", "steps": 40})
    stand_in.running(job_id)
    answer = stand_in.call("POST", f"/v1/jobs/{job_id}/finish")
    assert (answer.status, answer.code) == (409, "cannot_finish")
    assert stand_in.finished(job_id)["status"] == "succeeded"
