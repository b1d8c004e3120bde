"""Jobs of the mode `outpaint` over HTTP, by the real server with the starter model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from tests.server.front import Front, until
from tests.support.awkward_pictures import scene, u8, u16

DEPTHS = {
    "rgba-u8": ("u1", lambda values: u8(values)),
    "rgba-u16": ("<u2", lambda values: u16(values)),
    "rgba-f32": ("<f4", lambda values: values.astype(np.float32) * 1.5),
}
QUICK = {"steps": 2, "seed": 5, "prompt": "左边的海 “sea” 🌊"}


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    server = Front(tmp_path_factory.mktemp("扩展 “plus large”") / "data", None)
    yield server
    server.stop()


def soft(width: int, height: int) -> np.ndarray:
    alpha = np.tile(np.linspace(0, 1, width), (height, 1))[..., None]
    return np.concatenate([scene(width, height)[..., :3], alpha], axis=2)


def sent(front: Front, picture: np.ndarray, format: str) -> dict[str, str]:
    height, width = picture.shape[:2]
    return front.blob(np.ascontiguousarray(picture).tobytes(), width, height, format)


def result(front: Front, job: dict) -> np.ndarray:
    assert job["status"] == "succeeded", job["error"]
    image = job["images"][0]
    raw = front.call("GET", image["url"], headers={"Accept": "application/x-pixels"})
    depth = DEPTHS[image["format"]][0]
    return np.frombuffer(raw.body, depth).reshape(image["height"], image["width"], 4)


@pytest.mark.parametrize("format", DEPTHS)
@pytest.mark.parametrize(
    "sides", [{"left": 40}, {"left": 30, "top": 20}, {"right": 100, "bottom": 7, "top": 9}]
)
def test_the_old_pixels_are_the_same_at_every_depth(
    front: Front, format: str, sides: dict[str, int]
) -> None:
    dtype, of = DEPTHS[format]
    picture = of(soft(90, 70)).astype(dtype)
    request = {"mode": "outpaint", "source": sent(front, picture, format), "expand": sides}
    job = front.finished(front.start(request | QUICK), 180)
    made = result(front, job)
    left, top = sides.get("left", 0), sides.get("top", 0)
    width, height = 90 + left + sides.get("right", 0), 70 + top + sides.get("bottom", 0)
    assert made.shape == (height, width, 4)
    np.testing.assert_array_equal(made[top : top + 70, left : left + 90], picture)
    new = np.ones((height, width), bool)
    new[top : top + 70, left : left + 90] = False
    full = {"u1": 255, "<u2": 65535, "<f4": 1.0}[dtype]
    assert (made[new][:, 3] == full).all(), "new pixels are transparent"
    assert len(np.unique(made[new][:, :3])) > 20
    assert job["images"][0]["facts"]["sections"] >= 1


def test_the_old_picture_fades_only_in_the_band(front: Front) -> None:
    picture = u8(scene(120, 90))
    picture = np.dstack([picture[..., :3], np.full(picture.shape[:2], 255, np.uint8)])
    request = {"mode": "outpaint", "source": sent(front, picture, "rgba-u8")}
    request |= {"expand": {"left": 60}, "mask_options": {"feather": 10}} | QUICK
    first = front.finished(front.start(request), 180)
    made = result(front, first)
    kept = made[:, 60:]
    assert (kept[:, :10] != picture[:, :10]).any()
    np.testing.assert_array_equal(kept[:, 11:], picture[:, 11:])
    again = front.finished(front.start(first["record"]["request"]), 180)
    np.testing.assert_array_equal(result(front, again), made)


def test_a_plan_says_the_canvas_and_the_sections(front: Front) -> None:
    canvas = {"x": 0, "y": 0, "width": 640, "height": 427}
    asked = {"mode": "outpaint", "canvas": canvas, "expand": {"left": 160}, "steps": 8}
    plan = front.call("POST", "/v1/plan", asked)
    assert plan.status == 200, plan.body
    assert plan.json["box"] == {"x": -160, "y": 0, "width": 800, "height": 427}
    assert plan.json["button"]["code"] == "expand_left"
    assert plan.json["passes"][0]["tiles"] > 1
    assert plan.json["intent"] == "expand"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "expand"),
        ({"expand": {}}, "expand"),
        ({"expand": {"left": -3}}, "expand"),
        ({"expand": {"left": 9}, "mask": {"blob": "0" * 64}}, "mask"),
        ({"expand": {"left": 9}, "strength": 0}, "strength"),
        ({"mode": "img2img", "expand": {"left": 9}}, "outpaint"),
        ({"expand": {"left": 60_000, "top": 60_000}}, "px"),
    ],
)
def test_what_cannot_be_is_said(front: Front, fields: dict, said: str) -> None:
    source = sent(front, u8(soft(20, 20)), "rgba-u8")
    answer = front.call("POST", "/v1/jobs", {"mode": "outpaint", "source": source} | fields)
    assert answer.status in (400, 413), answer.body
    assert said in answer.body.decode()


def test_it_can_be_cancelled_and_leaves_nothing(front: Front) -> None:
    request = {"mode": "outpaint", "source": sent(front, u8(soft(400, 300)), "rgba-u8")}
    request |= {"expand": {"left": 200, "top": 200}, "steps": 40, "seed": 1}
    job = front.start(request)
    until(lambda: front.job(job)["progress"].get("step"), 120)
    front.call("DELETE", f"/v1/jobs/{job}")
    ended = front.finished(job, 60)
    assert ended["status"] == "cancelled"
    assert ended["images"] == []
    assert not list((front.data / "jobs" / job).glob("*section*"))
