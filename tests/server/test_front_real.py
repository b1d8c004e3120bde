"""The real server with the real engine and the starter model, over HTTP."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file
from tests.server.front import Front, until

RAW = {"Accept": "application/x-pixels"}
ENGINE_SECONDS = 120  # the first job waits for torch to be imported
SIDE = 64


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    running = Front(tmp_path_factory.mktemp("real"), None)
    yield running
    running.stop()


def photo():
    ramp = np.linspace(0, 255, SIDE, dtype=np.uint8)
    picture = np.full((SIDE, SIDE, 4), 255, np.uint8)
    picture[..., 0], picture[..., 1], picture[..., 2] = ramp, ramp[:, None], 90
    return picture


def pixels(front, job):
    body = front.call("GET", job["images"][0]["url"], headers=RAW).body
    return np.frombuffer(body, np.uint8).reshape(SIDE, SIDE, -1)


def img2img(front, **changes):
    source = front.blob(photo().tobytes(), SIDE, SIDE)
    request = {"mode": "img2img", "source": source, "steps": 4, "seed": 7, "prompt": "a lake"}
    return request | changes


def test_strength_0_needs_no_engine(real):
    job = real.finished(real.start(img2img(real, strength=0)))
    assert np.array_equal(pixels(real, job), photo())
    assert real.call("GET", "/v1/status").json["engine"]["state"] == "stopped"


def test_a_photo_is_repainted_and_the_record_repeats_it(real):
    job_id = real.start(img2img(real, strength=0.6))
    with real.events(job_id) as stream:
        names = [event.name for event in stream.rest()]
    assert names[-1] == "succeeded", real.job(job_id)["error"]
    assert "loading" in names
    assert "step" in names
    job = real.job(job_id)
    assert not np.array_equal(pixels(real, job), photo())
    again = real.finished(real.start(job["record"]["request"]), ENGINE_SECONDS)
    assert np.array_equal(pixels(real, again), pixels(real, job))


def test_an_observed_photo_is_the_same_and_its_stages_can_be_seen(real):
    plain = real.finished(real.start(img2img(real)), ENGINE_SECONDS)
    seen = real.finished(real.start(img2img(real, observe=True)), ENGINE_SECONDS)
    assert np.array_equal(pixels(real, plain), pixels(real, seen))
    codes = [stage["code"] for stage in seen["stages"]]
    assert codes[:3] == ["source", "round_trip", "noised_start"]
    assert codes[-1] == "result"
    last = real.call("GET", seen["stages"][-1]["url"], headers=RAW).body
    assert last == real.call("GET", seen["images"][0]["url"], headers=RAW).body
    sheet = real.call("GET", f"/v1/jobs/{seen['id']}/contact-sheet")
    with Image.open(io.BytesIO(sheet.body)) as picture:
        assert picture.format == "PNG"
        assert picture.width > 3 * 256


def test_each_picture_gets_the_words_of_its_seed(real):
    """Templates stay in the record, and its pictures tell what was drawn for them."""
    folder = real.data / "wildcards" / "places"
    folder.mkdir(parents=True)
    (folder / "waters.txt").write_text("a lake\na river\n", "utf-8")
    template = "{by night|by day}, __places/waters__ {|at sunset}"
    asked = img2img(real, prompt=f"{template}<lora:Blueprint:0.4>", count=2, seed=3)
    job = real.finished(real.start(asked), ENGINE_SECONDS)
    request = job["record"]["request"]
    assert request["prompt"] == template
    assert request["loras"] == [{"id": "blueprint", "weight": 0.4}]
    words = [image["facts"]["prompt"] for image in job["images"]]
    assert all("a lake" in said or "a river" in said for said in words), words
    assert words[0] != words[1]
    made = real.call("GET", job["images"][1]["url"], headers=RAW).body
    for prompt in (template, words[1]):
        again = request | {"prompt": prompt, "seed": 4, "count": 1}
        one = real.finished(real.start(again), ENGINE_SECONDS)
        assert real.call("GET", one["images"][0]["url"], headers=RAW).body == made
        assert one["images"][0]["facts"].get("prompt", prompt) == words[1]


def test_an_embedding_is_used_by_its_name_and_leaves_nothing(real):
    wide = 128  # of the starter model's text encoder
    folder = real.data / "embeddings"
    folder.mkdir()
    vectors = np.random.default_rng(4).normal(0, 1, (2, wide)).astype(np.float32)
    save_file({"emb_params": vectors}, folder / "Glow.safetensors")
    save_file({"emb_params": vectors[:, :100]}, folder / "narrow.safetensors")
    (folder / "old.pt").write_bytes(b"PK\x03\x04" + bytes(60))
    listed = real.call("GET", "/v1/models").json["embeddings"]
    assert {one["title"]: one["fits"] for one in listed}["Glow"] == ["starter"]
    counted = []
    for prompt in ("a lake", "a lake (glow:1.2), embedding:Glow", "a lake embedding:glows"):
        asked = {"mode": "txt2img", "width": 64, "height": 64, "prompt": prompt}
        counted.append(real.call("POST", "/v1/plan", asked).json["tokens"]["tokens"])
    comma = 1
    assert counted[1] == counted[0] + comma + 2 * len(vectors)
    assert counted[2] > counted[0], "counted as it is written; the job is refused below"
    made = []
    for prompt in ("a lake", "a lake (glow:1.2), embedding:Glow", "a lake"):
        job = real.finished(real.start(img2img(real, prompt=prompt)), ENGINE_SECONDS)
        assert job["status"] == "succeeded", job["error"]
        made.append(pixels(real, job))
    assert np.array_equal(made[0], made[2])
    assert not np.array_equal(made[0], made[1])
    for word, hint in (("narrow", "100 wide"), ("old", "pickle"), ("glows", "glow")):
        answer = real.call("POST", "/v1/jobs", img2img(real, prompt=f"embedding:{word}"))
        assert answer.status in (400, 404)
        assert hint in str(answer.json["error"])


def test_outside_the_mask_every_pixel_is_the_sources(real):
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[20:44, 20:44] = 255
    request = img2img(real, mode="inpaint", mask=real.blob(mask.tobytes(), SIDE, SIDE, "y-u8"))
    job = real.finished(real.start(request), ENGINE_SECONDS)
    assert job["status"] == "succeeded", job["error"]
    result = pixels(real, job)
    assert np.array_equal(result[mask == 0], photo()[mask == 0])
    assert not np.array_equal(result[mask == 255], photo()[mask == 255])


def test_the_plan_knows_how_long_it_takes_after_a_job(real):
    real.finished(real.start(img2img(real, strength=1.0)), ENGINE_SECONDS)
    rect = {"width": SIDE, "height": SIDE}
    plan = real.call("POST", "/v1/plan", {"mode": "img2img", "source": rect}).json
    assert plan["seconds"] > 0


def test_cancel_takes_effect_and_the_engine_goes_on_unchanged(real):
    before = pixels(real, real.finished(real.start(img2img(real)), ENGINE_SECONDS))
    long = real.start({"prompt": "x", "steps": 200, "count": 16, "width": 128, "height": 128})
    until(lambda: real.job(long)["progress"]["step"] >= 1, ENGINE_SECONDS)
    real.call("DELETE", f"/v1/jobs/{long}")
    assert real.finished(long)["status"] == "cancelled"
    after = pixels(real, real.finished(real.start(img2img(real)), ENGINE_SECONDS))
    assert np.array_equal(before, after)


def test_a_killed_engine_fails_its_job_only_and_the_next_one_works(real):
    long = real.start({"prompt": "x", "steps": 200, "count": 16, "width": 128, "height": 128})
    until(lambda: real.job(long)["progress"]["step"] >= 1, ENGINE_SECONDS)
    engine = real.call("GET", "/v1/status").json["engine"]["pid"]
    os.kill(engine, signal.SIGKILL)
    failed = real.finished(long)
    assert (failed["status"], failed["error"]["code"]) == ("failed", "engine_died")
    assert real.call("GET", "/v1/health").status == 200
    next_one = real.finished(real.start(img2img(real)), ENGINE_SECONDS)
    assert next_one["status"] == "succeeded", next_one["error"]
    assert real.call("GET", "/v1/status").json["engine"]["pid"] != engine


def test_ending_in_the_middle_of_a_job_leaves_no_engine_but_its_results_behind(real, launch):
    """The last test with this server."""
    done = real.finished(real.start(img2img(real)), ENGINE_SECONDS)
    picture = pixels(real, done)
    long = real.start({"prompt": "x", "steps": 200, "count": 16, "width": 128, "height": 128})
    until(lambda: real.job(long)["progress"]["step"] >= 1, ENGINE_SECONDS)
    engine = real.call("GET", "/v1/status").json["engine"]["pid"]
    assert real.stop() == (0, "")
    until(lambda: not Path(f"/proc/{engine}").exists())
    restarted = launch(real=True, data=real.data)
    assert np.array_equal(pixels(restarted, restarted.job(done["id"])), picture)
    assert restarted.job(long)["error"]["code"] == "server_restarted"
