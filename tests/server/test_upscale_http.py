"""Jobs of the mode `upscale` over HTTP, by the real server with its engine."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.server.front import Front, until
from tests.support.awkward_pictures import iccp, png_of, scene, u8, u16
from tests.support.icc_profiles import rgb_profile, srgb_curve

WIDE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))  # primaries of Adobe RGB


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    data = tmp_path_factory.mktemp("放大 “plus grand”") / "data"
    upscalers = data / "upscalers"
    upscalers.mkdir(parents=True)
    (upscalers / "4x-älter.pth").write_bytes(b"\x80\x02}q\x00.")
    server = Front(data, None)
    yield server
    server.stop()


def sent(front: Front, picture: np.ndarray) -> dict[str, str]:
    height, width = picture.shape[:2]
    kind = {np.dtype("u1"): "rgba-u8", np.dtype("u2"): "rgba-u16"}[picture.dtype]
    return front.blob(picture.tobytes(), width, height, kind)


def result(front: Front, job: dict) -> np.ndarray:
    assert job["status"] == "succeeded", job["error"]
    (image,) = job["images"]
    raw = front.call("GET", image["url"], headers={"Accept": "application/x-pixels"})
    depth = {"rgba-u8": np.uint8, "rgba-u16": np.uint16}[image["format"]]
    return np.frombuffer(raw.body, depth).reshape(image["height"], image["width"], 4)


def soft(width: int, height: int) -> np.ndarray:
    alpha = np.tile(np.linspace(0, 1, width), (height, 1))[..., None]
    return np.concatenate([scene(width, height)[..., :3], alpha], axis=2)


@pytest.mark.parametrize("upscaler", ["plain", "auto"])
def test_a_deep_picture_is_enlarged_in_its_depth_with_its_alpha(
    front: Front, upscaler: str
) -> None:
    picture = u16(soft(90, 61))
    request = {"mode": "upscale", "source": sent(front, picture), "scale": 2.5}
    job = front.finished(front.start(request | {"upscaler": upscaler}), 120)
    made = result(front, job)
    assert made.shape == (153, 225, 4)
    assert len(np.unique(made % 257)) > 100, "16 bits were not kept"
    assert np.abs(made[..., 3].mean() - picture[..., 3].mean()) < 300
    told = job["record"]["request"]
    assert told["upscaler"] == ("plain" if upscaler == "plain" else "compact-photo")
    again = front.finished(front.start(told), 120)
    np.testing.assert_array_equal(result(front, again), made)


def test_a_plan_says_how_large_it_gets_and_by_what(front: Front) -> None:
    canvas = {"x": 0, "y": 0, "width": 640, "height": 427}
    plan = front.call("POST", "/v1/plan", {"mode": "upscale", "canvas": canvas, "scale": 1.5})
    assert plan.status == 200, plan.body
    assert plan.json["generation"] == {"width": 960, "height": 641}
    assert plan.json["box"] == canvas
    assert plan.json["button"]["code"] == "upscale"
    assert plan.json["model"] == "compact-photo"
    assert "960 × 641" in plan.json["sentence"]


@pytest.mark.parametrize(
    ("fields", "code", "said"),
    [
        ({"scale": 8.5}, "bad_request", "scale"),
        ({"scale": 0.5}, "bad_request", "scale"),
        ({"upscaler": "no-such"}, "model_not_found", "compact-photo"),
        ({"upscaler": "4x-alter"}, "unsupported", "pickle"),
        ({"count": 2}, "bad_request", "one picture"),
        ({"mask": {"blob": "0" * 64}}, "bad_request", "its source"),
        ({"mode": "img2img", "scale": 2}, "bad_request", "upscale"),
    ],
)
def test_what_cannot_be_is_said(front: Front, fields: dict, code: str, said: str) -> None:
    request = {"mode": "upscale", "source": sent(front, u8(soft(20, 20)))} | fields
    known = front.call("GET", "/v1/models").json["upscalers"]
    if "upscaler" in fields and code == "unsupported":
        [pickled] = [one for one in known if not one["ok"]]
        request["upscaler"] = pickled["id"]
    answer = front.call("POST", "/v1/jobs", request)
    assert answer.code == code, answer.body
    assert said in answer.body.decode().lower()


def test_a_result_larger_than_pictures_may_be_is_refused_before_it_is_made(front: Front) -> None:
    canvas = {"x": 0, "y": 0, "width": 6000, "height": 4000}
    plan = front.call("POST", "/v1/plan", {"mode": "upscale", "canvas": canvas, "scale": 8})
    assert plan.code == "too_many_pixels"
    assert (
        front.call("POST", "/v1/plan", {"mode": "upscale", "canvas": canvas, "scale": 2}).status
        == 200
    )


def test_a_file_keeps_its_profile(front: Front) -> None:
    profile = rgb_profile(WIDE, srgb_curve())
    picture = u8(scene(64, 48)[..., :3])
    data = png_of(picture, iccp(profile))
    stored = front.call("PUT", "/v1/blobs", data, {"Content-Type": "image/png"}).json
    request = {"mode": "upscale", "source": {"blob": stored["id"]}, "scale": 2}
    job = front.finished(front.start(request), 120)
    assert job["status"] == "succeeded", job["error"]
    png = front.call("GET", job["images"][0]["url"], headers={"Accept": "image/png"}).body
    image = Image.open(io.BytesIO(png))
    assert image.size == (128, 96)
    assert image.info["icc_profile"] == profile


def test_it_can_be_cancelled_and_leaves_no_picture(front: Front) -> None:
    rng = np.random.default_rng(3)
    large = rng.integers(0, 256, (1800, 2400, 4), np.uint8)
    request = {"mode": "upscale", "source": sent(front, large), "scale": 4}
    job = front.start(request)
    until(lambda: front.job(job)["progress"].get("step"), 120)
    front.call("DELETE", f"/v1/jobs/{job}")
    ended = front.finished(job, 60)
    assert ended["status"] == "cancelled"
    assert ended["images"] == []
    folder: Path = front.data / "jobs" / job
    assert not [file for file in folder.glob("*") if file.suffix in (".raw", ".part")]


def test_detail_is_painted_over_it_and_faithfulness_keeps_shapes_and_colors(front: Front) -> None:
    picture = u8(np.dstack([scene(96, 80)[..., :3], np.ones((80, 96))]))
    request = {"mode": "upscale", "source": sent(front, picture), "scale": 2, "detail": 0.8}
    request |= {"prompt": "红色 “red” 🌹", "steps": 4, "seed": 3}
    plain = front.finished(front.start({**request, "detail": 0, "steps": None}), 180)
    enlarged = result(front, plain).astype(float)
    errors = []
    for faithfulness in (0.0, 1.0):
        job = front.finished(front.start(request | {"faithfulness": faithfulness}), 180)
        made = result(front, job).astype(float)
        assert made.shape == (160, 192, 4)
        assert (made[..., 3] == 255).all()
        assert job["images"][0]["facts"]["strength"] == pytest.approx(0.5)
        assert job["record"]["request"]["model"] == "starter"
        small = [block[..., :3].reshape(5, 32, 6, 32, 3).mean((1, 3)) for block in (made, enlarged)]
        errors.append(np.abs(small[0] - small[1]).mean())
        assert np.abs(made - enlarged).max() > 8, "nothing was painted"
    assert errors[1] < errors[0] / 2, errors
    assert not list(front.data.glob("results/*/.refined"))


def test_a_plan_with_detail_says_both_passes(front: Front) -> None:
    canvas = {"x": 0, "y": 0, "width": 640, "height": 427}
    asked = {"mode": "upscale", "canvas": canvas, "scale": 2, "detail": 0.5, "steps": 8}
    plan = front.call("POST", "/v1/plan", asked)
    assert plan.status == 200, plan.body
    assert len(plan.json["passes"]) == 2
    assert plan.json["passes"][1]["tiles"] > 1
    assert plan.json["generation"] == {"width": 1280, "height": 854}
    assert plan.json["strength"] == pytest.approx(0.35)
