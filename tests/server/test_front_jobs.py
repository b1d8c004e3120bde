"""The life of jobs: admission, results, replay, cancel, the answer to strength 0."""

from __future__ import annotations

import io
import threading

import cv2
import numpy as np
import pytest
from PIL import Image
from tests.server.front import until

from pentimento.schema import answers, snapshot

RAW = {"Accept": "application/x-pixels"}
SIZES = {"rgba-u8": 4, "rgb-u8": 3, "rgba-u16": 8, "rgba-f32": 16}


def some_bytes(count, seed=1):
    return np.random.default_rng(seed).bytes(count)


def a_png(depth=np.uint8, channels=4, side=6):
    top = np.iinfo(depth).max
    picture = np.random.default_rng(2).integers(0, top, (side, side, channels), depth)
    return cv2.imencode(".png", picture)[1].tobytes()


def test_a_job_runs_and_its_picture_can_be_fetched(front):
    job_id = front.start({"prompt": "a", "steps": 3, "seed": 5, "width": 8, "height": 4})
    job = front.finished(job_id)
    assert job["status"] == "succeeded"
    snapshot.Snapshot.model_validate_json(front.call("GET", f"/v1/jobs/{job_id}").body)
    raw = front.call("GET", job["images"][0]["url"], headers=RAW)
    assert raw.headers["Content-Type"] == "application/x-pixels; format=rgb-u8; width=8; height=4"
    png = front.call("GET", job["images"][0]["url"])
    assert Image.open(io.BytesIO(png.body)).tobytes() == raw.body
    assert len(raw.body) == 8 * 4 * 3


def test_the_record_has_every_default_and_reproduces_the_picture(front):
    first = front.finished(front.start({"prompt": "wieder, 再び “🏳️‍🌈”\n", "steps": 2}))
    request = first["record"]["request"]
    expected = {"strength", "steps", "guidance", "seed", "model", "sampler", "width", "height"}
    assert expected <= set(request)
    second = front.finished(front.start(request))
    assert second["record"]["request"] == request
    pictures = [front.call("GET", job["images"][0]["url"], headers=RAW) for job in (first, second)]
    assert pictures[0].body == pictures[1].body


def test_random_seeds_differ(front):
    seeds = {
        front.finished(front.start({"steps": 1}))["record"]["request"]["seed"] for _ in range(3)
    }
    assert len(seeds) == 3


def test_count_makes_pictures_of_successive_seeds(front):
    job = front.finished(front.start({"steps": 1, "count": 3, "seed": 9, "width": 4, "height": 4}))
    assert [(image["index"], image["seed"]) for image in job["images"]] == [
        (0, 9),
        (1, 10),
        (2, 11),
    ]
    bodies = {front.call("GET", image["url"], headers=RAW).body for image in job["images"]}
    assert len(bodies) == 3


def test_an_inpaint_job_has_its_mask(front):
    mask = some_bytes(16)
    request = {
        "mode": "inpaint",
        "steps": 1,
        "source": front.blob(some_bytes(64), 4, 4),
        "mask": front.blob(mask, 4, 4, "y-u8"),
    }
    job = front.finished(front.start(request))
    assert front.call("GET", job["mask"]["url"], headers=RAW).body == mask
    png = front.call("GET", job["mask"]["url"]).body
    assert Image.open(io.BytesIO(png)).tobytes() == mask


@pytest.mark.parametrize("format", SIZES)
def test_strength_0_keeps_raw_pixels_bit_for_bit(front, format):
    pixels = some_bytes(5 * 3 * SIZES[format])
    request = {"mode": "img2img", "strength": 0, "source": front.blob(pixels, 5, 3, format)}
    answer = front.call("POST", "/v1/jobs", request | {"count": 2})
    assert answer.json["status"] == "succeeded"
    job = front.job(answer.json["id"])
    assert [image["format"] for image in job["images"]] == [format, format]
    for image in job["images"]:
        assert front.call("GET", image["url"], headers=RAW).body == pixels


@pytest.mark.parametrize(
    ("depth", "channels", "format"),
    [
        (np.uint8, 4, "rgba-u8"),
        (np.uint8, 3, "rgb-u8"),
        (np.uint16, 4, "rgba-u16"),
        (np.uint16, 3, "rgba-u16"),
    ],
)
def test_strength_0_keeps_png_files(front, depth, channels, format):
    png = a_png(depth, channels)
    blob = front.call("PUT", "/v1/blobs", png, {"Content-Type": "image/png"}).json["id"]
    request = {"mode": "img2img", "strength": 0, "source": {"blob": blob}}
    job = front.finished(front.start(request))
    assert front.call("GET", job["images"][0]["url"]).body == png
    assert job["images"][0]["format"] == format
    raw = front.call("GET", job["images"][0]["url"], headers=RAW).body
    sent = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    got = np.frombuffer(raw, depth).reshape(6, 6, -1)
    assert np.array_equal(got[..., [2, 1, 0]], sent[..., :3])


def test_strength_0_inpaint_keeps_the_source_and_tells_the_mask_it_would_use(front):
    source = some_bytes(30 * 30 * 4)
    mask = np.zeros((30, 30), np.uint8)
    mask[10:20, 10:20] = 255
    request = {
        "mode": "inpaint",
        "strength": 0.0,
        "source": front.blob(source, 30, 30),
        "mask": front.blob(mask.tobytes(), 30, 30, "y-u8"),
        "mask_options": {"grow": 3},
    }
    job = front.finished(front.start(request))
    assert front.call("GET", job["images"][0]["url"], headers=RAW).body == source
    grown = np.frombuffer(front.call("GET", job["mask"]["url"], headers=RAW).body, np.uint8)
    assert grown.reshape(30, 30)[8, 15] == 255
    assert (grown > 0).sum() > 100


def test_same_key_and_body_is_the_same_job(front):
    request = {"prompt": "“einmal” 一次 🐈", "steps": 1}
    key = {"Idempotency-Key": "key-1"}
    first = front.call("POST", "/v1/jobs", request, key)
    again = front.call("POST", "/v1/jobs", {"steps": 1, "prompt": request["prompt"]}, key)
    assert (again.status, again.json["id"]) == (202, first.json["id"])
    other = front.call("POST", "/v1/jobs", {"prompt": "twice"}, key)
    assert (other.status, other.code) == (422, "idempotency_mismatch")


def test_a_key_at_the_same_moment_makes_one_job(front):
    request, ids = {"prompt": "race", "steps": 1}, []

    def send():
        ids.append(front.start(request, **{"Idempotency-Key": "race"}))

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 6
    assert len(set(ids)) == 1


def test_a_refused_job_does_not_use_its_key_up(front):
    key = {"Idempotency-Key": "second-try"}
    assert front.call("POST", "/v1/jobs", {"model": "nowhere"}, key).code == "model_not_found"
    assert front.call("POST", "/v1/jobs", {"steps": 1}, key).status == 202


def test_a_running_job_is_cancelled_and_the_next_one_runs(front):
    job_id = front.start({"prompt": "slow", "steps": 150})
    next_id = front.start({"prompt": "next", "steps": 1})
    front.running(job_id)
    assert front.call("DELETE", f"/v1/jobs/{job_id}").status == 200
    assert front.finished(job_id)["status"] == "cancelled"
    assert front.finished(next_id)["status"] == "succeeded"
    again = front.call("DELETE", f"/v1/jobs/{job_id}")
    assert (again.status, again.json["status"]) == (200, "cancelled")


def test_a_waiting_job_is_cancelled_at_once_and_others_move_up(front):
    running = front.start({"prompt": "slow", "steps": 100})
    front.running(running)
    waiting = [front.start({"prompt": "wait", "steps": 1}) for _ in range(3)]
    assert [front.job(job_id)["queue_position"] for job_id in waiting] == [1, 2, 3]
    assert front.call("DELETE", f"/v1/jobs/{waiting[0]}").json["status"] == "cancelled"
    assert [front.job(job_id)["queue_position"] for job_id in waiting] == [None, 1, 2]
    front.call("DELETE", f"/v1/jobs/{running}")
    assert front.finished(waiting[2])["status"] == "succeeded"


def test_waiting_jobs_change_places(front):
    running = front.start({"prompt": "slow", "steps": 150})
    front.running(running)
    waiting = [front.start({"prompt": "wait", "steps": 1}) for _ in range(3)]

    def places(job_id, position):
        answer = front.call("PATCH", f"/v1/jobs/{job_id}", {"position": position})
        assert answer.status == 200, answer.body
        return [front.job(job_id)["queue_position"] for job_id in waiting]

    assert places(waiting[2], "next") == [2, 3, 1]
    assert places(waiting[2], 99) == [1, 2, 3]
    assert places(waiting[0], 2) == [2, 1, 3]
    assert front.call("PATCH", f"/v1/jobs/{running}", {"position": 1}).code == "not_waiting"
    front.call("DELETE", f"/v1/jobs/{running}")
    ended = [front.finished(job_id) for job_id in waiting]
    started = [job["started_at"] for job in ended]
    assert started[1] < started[0] < started[2]


def test_cancelling_a_finished_job_changes_nothing(front):
    job_id = front.start({"steps": 1})
    before = front.finished(job_id)
    assert front.call("DELETE", f"/v1/jobs/{job_id}").json == before


@pytest.mark.parametrize(
    ("prompt", "code"), [("dies", "engine_died"), ("full", "disk_full"), ("boom", "internal")]
)
def test_a_failure_is_told_and_the_next_job_works(front, prompt, code):
    job = front.finished(front.start({"prompt": prompt, "steps": 1}))
    assert (job["status"], job["error"]["code"]) == ("failed", code)
    assert "bug" not in job["error"]["message"]
    assert front.finished(front.start({"steps": 1}))["status"] == "succeeded"


def test_jobs_are_listed_newest_first_by_client_and_status(front):
    ids = [front.start({"steps": 1, "client": "lister"}) for _ in range(3)]
    for job_id in ids:
        front.finished(job_id)
    query = "/v1/jobs?client=lister&status=succeeded"
    listed = front.call("GET", query).json["jobs"]
    assert [job["id"] for job in listed] == ids[::-1]
    assert len(front.call("GET", query + "&limit=2").json["jobs"]) == 2
    assert front.call("GET", "/v1/jobs?client=nobody").json == {"jobs": [], "next": None}


def test_a_long_poll_answers_with_the_next_change(front):
    job_id = front.start({"prompt": "slow", "steps": 20})
    job = front.job(job_id)
    revisions = [job["rev"]]
    while job["status"] not in ("succeeded", "failed"):
        job = front.call("GET", f"/v1/jobs/{job_id}?wait=10&since={job['rev']}").json
        assert job["rev"] > revisions[-1]
        revisions.append(job["rev"])
    assert len(revisions) > 5
    assert front.call("GET", f"/v1/jobs/{job_id}?wait=30&since=9999").json["rev"] == job["rev"]


def test_results_asked_for_too_early_are_not_ready(front):
    job_id = front.start({"prompt": "slow", "steps": 100, "count": 2})
    front.running(job_id)
    early = front.call("GET", f"/v1/jobs/{job_id}/images/1")
    assert (early.status, early.code) == (409, "not_ready")
    never = front.call("GET", f"/v1/jobs/{job_id}/images/2")
    assert (never.status, never.code) == (404, "image_not_found")
    preview = until(lambda: front.job(job_id)["preview"])
    picture = front.call("GET", preview["url"])
    assert picture.headers["Content-Type"] == "image/jpeg"
    assert picture.body.startswith(b"\xff\xd8")
    front.call("DELETE", f"/v1/jobs/{job_id}")


def test_engine_calls_and_status_follow_the_schemas(front):
    front.idle()
    started = front.call("POST", "/v1/engine/start")
    assert started.status == 200
    answers.EngineAnswer.model_validate_json(started.body)
    answers.Status.model_validate_json(front.call("GET", "/v1/status").body)
    answers.Models.model_validate_json(front.call("GET", "/v1/models").body)
    answers.ServerCapabilities.model_validate_json(front.call("GET", "/v1/capabilities").body)
    assert front.call("POST", "/v1/engine/stop").json["engine"]["state"] == "stopped"


def test_a_plan_is_made(front):
    rect = {"x": 0, "y": 0, "width": 300, "height": 200}
    request = {"mode": "img2img", "canvas": rect, "source": rect, "strength": 0.5}
    plan = front.call("POST", "/v1/plan", request)
    assert plan.status == 200
    assert plan.json["box"] == rect
    assert 0 < plan.json["start_noise"] < 1


@pytest.mark.parametrize(
    ("prompt", "status", "code", "hint"),
    [
        ("a <lora:bluprint>", 404, "model_not_found", "blueprint"),
        ("a <lora:blueprint:9>", 400, "bad_request", "from -4 to 4"),
        ("a {__colour__|red} ball", 404, "wildcard_not_found", "colors"),
        ("{0::a|0::b}", 400, "bad_request", "some"),
    ],
)
def test_words_that_cannot_be_used_are_refused(front, prompt, status, code, hint):
    (front.data / "wildcards").mkdir(exist_ok=True)
    (front.data / "wildcards" / "colors.txt").write_text("red", "utf-8")
    answer = front.call("POST", "/v1/jobs", {"prompt": prompt})
    assert (answer.status, answer.code) == (status, code)
    assert hint in answer.json["error"]["hint"]
    assert front.call("GET", "/v1/models").json["wildcards"] == ["colors"]


def test_a_plan_tells_the_loras_that_a_prompt_names(front):
    asked = {"mode": "txt2img", "prompt": "a <lora:BLUEPRINT:0.5> ball"}
    plan = front.call("POST", "/v1/plan", asked).json
    assert plan["loras"] == [{"id": "blueprint", "weight": 0.5}]
