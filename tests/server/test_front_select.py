"""Jobs of the mode `select`: a soft mask of the source's size, at once and without an engine."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from tests.server.front import Front
from tests.support.drawn_objects import SIDE, outline, scene
from tests.support.tiny_annotators import write_sam2


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    server = Front(tmp_path_factory.mktemp("选择 “object”") / "data", None)
    yield server
    server.stop()


def sent(front: Front, picture: np.ndarray) -> dict[str, str]:
    height, width = picture.shape[:2]
    kinds = {(np.dtype("u1"), 3): "rgb-u8", (np.dtype("u1"), 4): "rgba-u8"}
    kind = kinds.get((picture.dtype, picture.shape[2]), "rgba-u16")
    return front.blob(picture.tobytes(), width, height, kind)


def mask_of(front: Front, job: dict) -> np.ndarray:
    (image,) = job["images"]
    assert image["format"] == "y-u8"
    raw = front.call("GET", image["url"], headers={"Accept": "application/x-pixels"})
    return np.frombuffer(raw.body, np.uint8).reshape(image["height"], image["width"])


def request(front: Front, picture: np.ndarray, **hints: object) -> dict:
    return {"mode": "select", "source": sent(front, picture), **hints}


def test_a_box_selects_what_is_in_it(front: Front) -> None:
    one = scene(6)
    box = one.box
    rect = {"x": box.x, "y": box.y, "width": box.width, "height": box.height}
    job = front.finished(front.start(request(front, one.picture, box=rect)))
    assert job["status"] == "succeeded", job["error"]
    mask = mask_of(front, job)
    assert one.agreement(mask / 255) > 0.9
    assert len(np.unique(mask)) > 10
    facts = job["images"][0]["facts"]
    assert facts["segmenter"] == "grabcut"
    assert facts["covered"] == pytest.approx(mask.mean() / 255, abs=1e-3)
    again = front.finished(front.start(job["record"]["request"]))
    assert (mask_of(front, again) == mask).all()


@pytest.mark.parametrize("depth", ["u8", "u16"])
def test_what_is_transparent_belongs_to_no_object(front: Front, depth: str) -> None:
    one = scene(6)
    alpha = np.full((SIDE, SIDE, 1), 255, np.uint8)
    alpha[:, : SIDE // 2] = 0
    picture = np.concatenate([one.picture, alpha], axis=2)
    if depth == "u16":
        picture = picture.astype("<u2") * 257
    job = front.finished(front.start(request(front, picture, points=[{"x": 140, "y": 128}])))
    assert job["status"] == "succeeded", job["error"]
    assert (mask_of(front, job)[:, : SIDE // 2] == 0).all()


@pytest.mark.parametrize("depth", ["u8", "u16"])
def test_the_object_comes_without_its_background(front: Front, depth: str) -> None:
    one = scene(6)
    alpha = np.full((SIDE, SIDE, 1), 255, np.uint8)
    alpha[SIDE // 2 :] = 128
    picture = np.concatenate([one.picture, alpha], axis=2)
    if depth == "u16":
        picture = picture.astype("<u2") * 257 - (picture > 0)
    box = {"x": one.box.x, "y": one.box.y, "width": one.box.width, "height": one.box.height}
    job = front.finished(front.start(request(front, picture, box=box, cut_out=True)))
    assert job["status"] == "succeeded", job["error"]
    shown, entry = job["images"]
    assert entry["format"] == f"rgba-{depth}"
    job["images"] = [shown]
    mask = mask_of(front, job) / 255
    raw = front.call("GET", entry["url"], headers={"Accept": "application/x-pixels"})
    cut = np.frombuffer(raw.body, picture.dtype).reshape(picture.shape)
    full = np.iinfo(picture.dtype).max
    wanted = np.rint(mask * (picture[..., 3] / full) * full)
    assert np.abs(cut[..., 3] - wanted).max() <= 1
    whole = (mask == 0) | (mask == 1)
    assert (cut[whole][:, :3] == picture[whole][:, :3]).all()
    assert (cut[~whole][:, :3] != picture[~whole][:, :3]).any()


@pytest.mark.parametrize("deep", [False, True])
def test_a_rough_selection_gets_the_objects_own_edge(front: Front, deep: bool) -> None:
    one = scene(6)
    rough = outline(one, 0.04)
    selected = np.where(rough, 200, 90)  # of 255: half selected counts
    if deep:
        grey = np.repeat(selected[..., None], 4, axis=2).astype("<u2") * 257
        grey[..., 3] = 65535
        mask = sent(front, grey)
    else:
        mask = front.blob(selected.astype(np.uint8).tobytes(), SIDE, SIDE, "y-u8")
    job = front.finished(front.start(request(front, one.picture, mask=mask)))
    assert job["status"] == "succeeded", job["error"]
    found = mask_of(front, job) / 255
    assert one.agreement(found) > max(0.97, one.agreement(rough))
    again = front.finished(front.start(job["record"]["request"]))
    assert (mask_of(front, again) / 255 == found).all()


def test_a_rough_selection_of_nothing_says_so(front: Front) -> None:
    picture = scene(6).picture
    faint = front.blob(bytes([127]) * SIDE * SIDE, SIDE, SIDE, "y-u8")
    answer = front.call("POST", "/v1/jobs", request(front, picture, mask=faint))
    assert (answer.status, answer.code) == (400, "empty_mask")
    assert "empty" in answer.json["error"]["message"]
    assert answer.json["error"]["hint"]


def test_a_rough_selection_lies_on_its_picture_and_needs_no_box(front: Front) -> None:
    picture = scene(6).picture
    small = front.blob(bytes(64), 8, 8, "y-u8")
    answer = front.call("POST", "/v1/jobs", request(front, picture, mask=small))
    assert (answer.status, answer.code) == (400, "size_mismatch")
    whole = front.blob(b"\xff" * SIDE * SIDE, SIDE, SIDE, "y-u8")
    both = {"mask": whole, "box": {"x": 1, "y": 1, "width": 9, "height": 9}}
    answer = front.call("POST", "/v1/jobs", request(front, picture, **both))
    assert answer.status in (400, 422)
    assert "box" in str(answer.json)


@pytest.mark.parametrize(
    ("hints", "field"),
    [
        ({"points": [{"x": 256, "y": 3}]}, "points.0"),
        ({"points": [{"x": -1, "y": 3}]}, "points.0.x"),
        ({"points": [{"x": 1, "y": 3, "label": 2}]}, "points.0.label"),
        ({"box": {"x": 900, "y": 0, "width": 5, "height": 5}}, "box"),
        ({"text": "左边的猫 “cat” 🐈"}, "text"),
    ],
)
def test_hints_that_cannot_be_followed_are_named(
    front: Front, hints: dict[str, object], field: str
) -> None:
    answer = front.call("POST", "/v1/jobs", request(front, scene(6).picture, **hints))
    assert answer.status in (400, 422)
    fields = answer.json["error"]["details"]["fields"]
    assert field in [one["field"] for one in fields]


def test_hints_belong_to_their_mode(front: Front) -> None:
    answer = front.call("POST", "/v1/jobs", {"prompt": "a cat", "points": [{"x": 1, "y": 1}]})
    assert answer.status in (400, 422)
    assert "select" in front.call("GET", "/v1/capabilities").json["modes"]


def test_an_installed_model_selects_and_grabcut_on_request(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    data = tmp_path_factory.mktemp("sam “2.1” 猫") / "data"
    running = Front(data, None)
    try:
        write_sam2(data / "annotators" / "sam2.1-tiny")
        picture, place = scene(6).picture, {"x": 120, "y": 130}
        body = request(running, picture, points=[place], cut_out=True)
        kept = []
        for _ in range(2):
            job = running.finished(running.start(body), 120)
            assert job["status"] == "succeeded", job["error"]
            first, second = job["images"]
            assert first["facts"]["segmenter"] == "sam2.1-tiny"
            assert (second["format"], second["facts"]) == ("rgba-u8", {"cut_out": True})
            assert job["record"]["request"]["model"] == "sam2.1-tiny"
            kept.append(first["facts"]["embedding_kept"])
        assert kept == [False, True]
        by_hand = running.finished(running.start(body | {"model": "grabcut"}))
        assert by_hand["images"][0]["facts"]["segmenter"] == "grabcut"
        answer = running.call("POST", "/v1/jobs", body | {"model": "sam-9"})
        assert (answer.status, answer.code) == (404, "not_found")
    finally:
        running.stop()
