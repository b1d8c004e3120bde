"""Jobs of the mode `harmonize`: three layers of the source's size and depth, at once and without an
engine."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from tests.imaging.test_harmony import pasted, relit
from tests.server.front import Front

from pentimento.imaging import harmony_layers, pixels

FORMATS = {"u1": "rgba-u8", "u2": "rgba-u16", "f4": "rgba-f32"}


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    server = Front(tmp_path_factory.mktemp("和谐 “harmony”") / "data", None)
    yield server
    server.stop()


def sent(front: Front, picture: np.ndarray) -> dict[str, str]:
    height, width = picture.shape[:2]
    kind = "y-u8" if picture.ndim == 2 else FORMATS[picture.dtype.str[1:]]
    return front.blob(picture.tobytes(), width, height, kind)


def request(front: Front, source: np.ndarray, mask: np.ndarray, **more: object) -> dict:
    pictures = {"source": sent(front, source), "mask": sent(front, mask)}
    return {"mode": "harmonize", **pictures, **more}


def layers_of(front: Front, job: dict) -> harmony_layers.Layers:
    made = {}
    for image in job["images"]:
        raw = front.call("GET", image["url"], headers={"Accept": "application/x-pixels"})
        depth = {"rgba-u8": "u1", "rgba-u16": "<u2", "rgba-f32": "<f4"}[image["format"]]
        shape = image["height"], image["width"], 4
        made[image["facts"]["layer"]] = np.frombuffer(raw.body, depth).reshape(shape)
    assert list(made) == list(harmony_layers.NAMES)
    return harmony_layers.Layers(**made)


@pytest.mark.parametrize("depth", FORMATS)
@pytest.mark.parametrize("aimed", [False, True])
def test_the_layers_come_at_the_sources_depth(front: Front, depth: str, aimed: bool) -> None:
    source, mask = pasted(6, depth)
    target = relit(source, mask) if aimed else None
    more = {"target": sent(front, target)} if aimed else {}
    job = front.finished(front.start(request(front, source, mask, **more)))
    assert job["status"] == "succeeded", job["error"]
    assert {image["format"] for image in job["images"]} == {FORMATS[depth]}
    made, wanted = layers_of(front, job), harmony_layers.of(source, mask, target)
    for name in harmony_layers.NAMES:
        assert np.array_equal(getattr(made, name), getattr(wanted, name))
    if target is not None:
        again = harmony_layers.recomposed(source, mask, made)
        assert np.abs(again - pixels.to_float(target[..., :3])).max() <= 1 / 255
    facts = job["record"]["facts"]
    assert facts["edge_share"] == pytest.approx((made.edge[..., 3] > 0).mean(), abs=1e-3)


def test_a_record_makes_the_same_again(front: Front) -> None:
    source, mask = pasted(14)
    more = {"target": sent(front, relit(source, mask))}
    first = front.finished(front.start(request(front, source, mask, **more)))
    assert set(first["record"]["request"]) >= {"mode", "source", "mask", "target"}
    again = front.finished(front.start(first["record"]["request"]))
    one, other = layers_of(front, first), layers_of(front, again)
    for name in harmony_layers.NAMES:
        assert np.array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize(
    ("change", "code", "word"),
    [
        ({"mask": None}, "bad_request", "mask"),
        ({"source": None}, "bad_request", "source"),
        ({"mode": "img2img", "mask": None, "target": "source"}, "bad_request", "target"),
        ({"target": "small"}, "size_mismatch", "target"),
        ({"mask": "small"}, "size_mismatch", "mask"),
        ({"count": 2}, "bad_request", "one picture"),
        ({"box": {"width": 2, "height": 2}}, "bad_request", "box"),
    ],
)
def test_what_does_not_fit_together_is_refused(front, change, code, word) -> None:
    source, mask = pasted(6)
    small = {"mask": mask[:9, :9], "target": source[:9, :9]}
    body = request(front, source, mask)
    for name, value in change.items():
        if value == "small":
            body[name] = sent(front, np.ascontiguousarray(small[name]))
        else:
            body[name] = body["source"] if value == "source" else value
    answer = front.call("POST", "/v1/jobs", {k: v for k, v in body.items() if v is not None})
    assert answer.status == 400
    assert answer.json["error"]["code"] == code
    assert word in str(answer.json["error"]).lower()


def test_an_empty_mask_has_nothing_to_fit(front: Front) -> None:
    source, mask = pasted(6)
    answer = front.call("POST", "/v1/jobs", request(front, source, np.zeros_like(mask)))
    assert (answer.status, answer.json["error"]["code"]) == (400, "empty_mask")


def test_it_is_a_mode_that_this_server_has(front: Front) -> None:
    assert "harmonize" in front.call("GET", "/v1/capabilities").json["modes"]
