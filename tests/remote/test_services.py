"""Every service gets what the user asked for, in its way, and its picture ends where it belongs.

The stand-ins read orders as the services' documentation says and tell what they understood.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.remote.setup import Setup
from tests.remote.standins.all import ADAPTERS, STAND_INS
from tests.remote.standins.base import Asked, StandIn
from tests.remote.standins.queue import Queue
from tests.remote.test_job import photograph, selection
from tests.support import awkward

from pentimento.core.geometry import Size
from pentimento.imaging import control_maps
from pentimento.services import records
from pentimento.services.frames import ServiceFrame, frame

WIDTH, HEIGHT = 150, 90
STRENGTH = 0.6
SEED = 12345
QUEUES = ("comfyui", "fal", "horde", "replicate")


class Service:
    """A service that is set up, and a server that uses it."""

    def __init__(self, name: str, setup: Setup) -> None:
        self.name, self.setup = name, setup
        self.stand_in: StandIn = STAND_INS[name]()
        self.able = records.service(name).capabilities
        setup.use(name, self.stand_in)

    def run(self, mode: str, **more: Any) -> dict[str, Any]:
        return self.setup.run(self.request(mode, **more))

    def request(self, mode: str, **more: Any) -> dict[str, Any]:
        request = {"mode": mode, "backend": self.name, "prompt": "a boat", "seed": SEED}
        if mode == "txt2img":
            return request | {"width": WIDTH, "height": HEIGHT} | more
        request |= {"source": self.setup.source(photograph()), "color_match": False}
        request |= {"strength": STRENGTH, "drift_correction": False}
        if mode == "inpaint":
            request["mask"] = self.setup.source(selection())
        return request | more

    @property
    def frame(self) -> ServiceFrame:
        return frame(Size(WIDTH, HEIGHT), records.service(self.name).sizes)

    @property
    def asked(self) -> Asked:
        (one,) = self.stand_in.asked
        return one


@pytest.fixture(params=ADAPTERS)
def service(request: pytest.FixtureRequest, setup: Setup) -> Service:
    return Service(request.param, setup)


@pytest.mark.parametrize("mode", ["txt2img", "img2img", "inpaint"])
def test_a_service_understands_what_was_asked_and_its_picture_ends_at_its_place(
    service: Service, mode: str
) -> None:
    job = service.run(mode)
    assert job["status"] == "succeeded", job["error"]
    assert service.stand_in.accepted == 1
    _is_what_was_asked(service, mode)
    _is_at_its_place(service.setup.pixels(job), service.frame, mode)


def _is_at_its_place(made: np.ndarray, placed: ServiceFrame, mode: str) -> None:
    """The stand-in's red and green tell where a pixel lies in what was asked for."""
    changed = selection() == 255 if mode == "inpaint" else np.ones((HEIGHT, WIDTH), bool)
    rows, columns = np.nonzero(changed)
    inside, box, size = made[changed].astype(float), placed.inner, placed.size
    red = (columns + 0.5) * box.width / WIDTH - 0.5 + box.x
    green = (rows + 0.5) * box.height / HEIGHT - 0.5 + box.y
    assert np.abs(inside[:, 0] - 255 * red / (size.width - 1)).max() < 3
    assert np.abs(inside[:, 1] - 255 * green / (size.height - 1)).max() < 3
    if mode == "inpaint":
        kept = selection() == 0
        assert (made[kept] == photograph()[kept]).all()


def _is_what_was_asked(service: Service, mode: str) -> None:
    asked, able, placed = service.asked, service.able, service.frame
    native = {"txt2img": True, "img2img": able.img2img, "inpaint": able.inpaint}[mode]
    assert asked.prompt == "a boat"
    assert asked.size == (placed.size.width, placed.size.height)
    assert asked.seed in ((SEED,) if able.seed else (None, -1))
    with_strength = native and able.strength and mode in able.strength_with
    assert asked.strength == (STRENGTH if with_strength else None)
    if native and mode != "txt2img":
        _shows_the_source(asked.image, placed)
    else:
        assert asked.image is None
    if native and mode == "inpaint":
        _is_white_where_selected(asked.mask, placed)
    else:
        assert asked.mask is None
    assert (asked.control is not None) == (not native and bool(able.control))


def _shows_the_source(image: Any, placed: ServiceFrame) -> None:
    assert image.mode == "RGB"
    inner = _cut(image, placed).resize((WIDTH, HEIGHT), 4)  # 4: the mean of each area
    assert np.corrcoef(np.asarray(inner).ravel(), photograph()[..., :3].ravel())[0, 1] > 0.97


def _is_white_where_selected(mask: Any, placed: ServiceFrame) -> None:
    assert mask.mode == "L"
    assert set(np.unique(np.asarray(mask))) == {0, 255}
    inner = np.asarray(_cut(mask, placed).resize((WIDTH, HEIGHT), 4))
    assert (inner[25:65, 35:105] == 255).all()
    assert (inner[:15] == 0).all()
    assert (inner[:, 115:] == 0).all()


def _cut(image: Any, placed: ServiceFrame) -> Any:
    box = placed.inner
    return image.crop((box.x, box.y, box.right, box.bottom))


def squares() -> np.ndarray:
    """`(h, w, 4)` u8: on a smooth ground a light square outside the selection and one in it."""
    picture = np.full((HEIGHT, WIDTH, 4), 255, np.uint8)
    picture[..., :3] = np.linspace(20, 120, WIDTH)[:, None]
    picture[30:60, 10:22, :3] = 220
    picture[30:60, 60:90, :3] = 220
    return picture


def test_edges_of_the_source_steer_where_a_selection_cannot_be_filled(setup: Setup) -> None:
    """At strength 1 those inside the selection are left out: something new belongs there."""
    service = Service("horde", setup)
    source = setup.source(squares())
    job = service.run("inpaint", source=source, strength=1.0)
    assert job["status"] == "succeeded", job["error"]
    route = job["record"]["facts"]["route"]
    assert [route["control"], route["code"]] == ["canny", "around_selection"]
    outside, inside = _outlines(service)
    assert outside > 60
    assert inside == 0
    service.stand_in.asked.clear()
    service.run("inpaint", source=source, strength=0.5)
    assert _outlines(service)[1] > 60


def _outlines(service: Service) -> tuple[int, int]:
    """The lightest value of the map around the square outside the selection, and inside."""
    control = service.asked.control
    assert control is not None
    lines = np.asarray(_cut(control.convert("L"), service.frame).resize((WIDTH, HEIGHT), 4))
    return lines[27:63, 7:25].max(), lines[25:65, 35:105].max()


@pytest.mark.parametrize("kind", ["canny", "scribble"])
def test_ones_own_kind_of_map_is_what_make_control_layer_draws(setup: Setup, kind: str) -> None:
    service = Service("a1111", setup)
    controls = [{"type": kind, "weight": 0.8}]
    source = setup.source(squares())
    job = service.run("img2img", source=source, strength=0.6, controls=controls)
    assert job["status"] == "succeeded", job["error"]
    control, seen = service.asked.control, service.asked.image
    assert control is not None
    assert seen is not None
    expected = control_maps.draw(kind, np.asarray(seen.convert("RGB")))
    assert expected.std() > 5
    assert (np.asarray(control.convert("RGB")) == expected).all()


def test_edges_of_the_source_steer_where_the_service_draws_them_itself(setup: Setup) -> None:
    """Replicate's own canny model gets the plain picture; no weight is promised."""
    service = Service("replicate", setup)
    controls = [{"type": "canny", "image": setup.source(squares())}]
    job = service.run("txt2img", controls=controls, guidance=30, steps=12)
    assert job["status"] == "succeeded", job["error"]
    assert any(call.path.endswith("flux-canny-dev/predictions") for call in service.stand_in.calls)
    assert service.asked.control is not None
    shown = np.asarray(_cut(service.asked.control.convert("RGB"), service.frame))
    assert shown.std() > 20
    assert len(np.unique(shown)) > 50  # a picture, not lines


def test_a_photograph_becomes_lines_that_steer_at_black_forest_labs(setup: Setup) -> None:
    service = Service("bfl", setup)
    job = service.run("img2img", source=setup.source(squares()), strength=0.6)
    assert job["status"] == "succeeded", job["error"]
    route = job["record"]["facts"]["route"]
    assert [route["kind"], route["control"], route["code"]] == [
        "control",
        "canny",
        "lines_of_source",
    ]
    assert route["strength_maps_to"] is None  # no weight can be said there
    assert _outlines(service)[0] > 30  # thin lines in many pixels


@pytest.mark.parametrize("name", QUEUES)
def test_a_cancelled_job_is_taken_back(setup: Setup, name: str) -> None:
    service = Service(name, setup)
    stand_in = service.stand_in
    assert isinstance(stand_in, Queue)
    stand_in.waiting = True
    job = setup.front.start(service.request("txt2img"))
    assert stand_in.looked.wait(60)
    setup.front.call("DELETE", f"/v1/jobs/{job}")
    assert stand_in.taken_back.wait(60)
    assert setup.front.finished(job)["status"] == "cancelled"
    assert stand_in.accepted == 1


@pytest.mark.parametrize("name", [*QUEUES[1:], "bfl", "stability"])
def test_a_picture_that_is_withheld_is_told_so(setup: Setup, name: str) -> None:
    service = Service(name, setup)
    service.stand_in.filtered = True
    job = service.run("txt2img")
    assert job["error"]["code"] == "moderated"
    assert service.stand_in.accepted == 1


@pytest.mark.parametrize("name", [*QUEUES[1:], "bfl"])  # ComfyUI's are at its own place
def test_a_result_is_loaded_without_the_key(setup: Setup, name: str) -> None:
    service = Service(name, setup)
    assert service.run("txt2img")["status"] == "succeeded"
    loaded = service.stand_in.calls[-1]
    assert loaded.path.startswith("/files/")
    assert service.stand_in.key not in str(loaded.headers)


def test_a_broken_picture_is_a_bad_answer_and_is_not_paid_twice(service: Service) -> None:
    service.stand_in.fault = "broken image"
    job = service.run("txt2img")
    assert job["status"] == "failed"
    assert job["error"]["code"] == "bad_answer"
    assert job["images"] == []
    assert service.stand_in.accepted == 1


HOSTILE = [
    *awkward.JSON_TEXTS.values(),
    b'{"data": null}',
    b'{"data": [[], {"id": ["x"]}, 1]}',
    b'{"data": [{"id": "\\ud800"}]}',
    b'[{"model_name": "\\udfff", "name": "\\udfff", "count": "many"}]',
    b'[{"name": "a", "count": 1e999}, {"name": "b", "count": NaN}, 7]',
    b"[" + b"{}," * 300_000 + b"1]",
    b'{"data": [' + b'{"id": "a"},' * 60_000 + b'{"id": "' + b"b" * 5000 + b'"}]}',
]


def test_a_check_bears_whatever_a_service_answers(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = {"Content-Type": "application/json"}
    for body in HOSTILE:
        monkeypatch.setattr(service.stand_in, "answer", lambda call, body=body: (200, kind, body))
        answer = service.setup.front.call("POST", f"/v1/backends/{service.name}/check", {})
        if answer.status == 200:
            models = answer.json["models"]
            assert len(models) <= 2000
            assert all(name.encode() and len(name) <= 200 for name in models)
        else:
            assert (answer.status, answer.code) == (502, "bad_answer"), body[:100]


def test_address_and_key_can_be_checked_without_cost(service: Service) -> None:
    path = f"/v1/backends/{service.name}/check"
    assert service.setup.front.call("POST", path, {}).json["ok"] is True
    key = f"/v1/backends/{service.name}/key"
    assert service.setup.front.call("PUT", key, {"key": "wrong"}).status == 200
    answer = service.setup.front.call("POST", path, {})
    assert answer.json["error"]["code"] == "key_refused"
    assert service.stand_in.accepted == 0
