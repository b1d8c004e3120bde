"""Jobs of the mode `preprocess`: most maps are there at once, without an engine."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from tests.server.front import Front

from pentimento.imaging import control_maps

RAW = {"Accept": "application/x-pixels"}
WIDTH, HEIGHT = 80, 60


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    running = Front(tmp_path_factory.mktemp("maps"), None)
    yield running
    running.stop()


def picture():
    found = np.full((HEIGHT, WIDTH, 4), 255, np.uint8)
    found[20:40, 30:60, :3] = (200, 30, 10)
    return found


def request(front, kind, **control):
    source = front.blob(picture().tobytes(), WIDTH, HEIGHT)
    return {"mode": "preprocess", "source": source, "controls": [{"type": kind, **control}]}


@pytest.mark.parametrize("kind", list(control_maps.DRAWERS))
def test_a_map_is_there_with_the_answer(front, kind):
    answer = front.call("POST", "/v1/jobs", request(front, kind, low=50, high=90))
    assert answer.json["status"] == "succeeded"
    job = front.job(answer.json["id"])
    (image,) = job["images"]
    assert (image["width"], image["height"], image["format"]) == (WIDTH, HEIGHT, "rgb-u8")
    body = front.call("GET", image["url"], headers=RAW).body
    found = np.frombuffer(body, np.uint8).reshape(HEIGHT, WIDTH, 3)
    wanted = control_maps.draw(kind, np.ascontiguousarray(picture()[..., :3]), 50, 90)
    assert np.array_equal(found, wanted)
    assert front.call("GET", "/v1/status").json["engine"]["state"] == "stopped"
    again = front.call("POST", "/v1/jobs", job["record"]["request"])
    assert front.job(again.json["id"])["images"][0]["facts"] == {"control": kind}


def test_a_map_that_takes_a_model_says_which(front):
    answer = front.call("POST", "/v1/jobs", request(front, "depth"))
    assert (answer.status, answer.code) == (400, "cannot_draw")
    told = front.call("GET", "/v1/capabilities").json
    assert "preprocess" in told["modes"]
    assert told["controls"]["preprocess"] == list(control_maps.DRAWERS)
    missing = {entry["what"]: entry["why"] for entry in told["missing"]}
    assert answer.json["error"]["message"].endswith(missing["preprocess depth"])
    assert {"preprocess depth", "preprocess openpose", "preprocess seg"} <= set(missing)


@pytest.mark.parametrize(
    "change",
    [
        {"source": None},
        {"controls": []},
        {"controls": [{"type": "canny"}, {"type": "tile"}]},
        {"count": 2},
        {"width": 64, "height": 64},
    ],
)
def test_what_makes_no_sense_for_a_map_is_refused(front, change):
    answer = front.call("POST", "/v1/jobs", request(front, "canny") | change)
    assert (answer.status, answer.code) == (400, "bad_request")


def test_an_unknown_type_is_refused(front):
    answer = front.call("POST", "/v1/jobs", request(front, "../../etc"))
    assert (answer.status, answer.code) == (400, "cannot_draw")


def test_a_map_has_no_plan(front):
    body = {"mode": "preprocess", "source": {"width": 10, "height": 10}}
    assert front.call("POST", "/v1/plan", body).code == "unsupported_mode"
