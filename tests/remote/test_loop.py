"""Through our adapter, over HTTP, into our own face and back: the same pixels as a direct job."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image, ImageDraw
from tests.remote.setup import Setup
from tests.server.front import Front, until

SIDE = 128  # the starter model's own: nothing is scaled on the way
COMMON = {"steps": 3, "guidance": 4.0, "seed": 11, "prompt": "a red ball on a green meadow"}
PATHS = {"openai": "/openai/v1", "a1111": ""}


@pytest.fixture(scope="module")
def painter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """The server that really paints, with its faces on."""
    data = tmp_path_factory.mktemp("painter")
    (data / "settings.json").write_text(json.dumps({"faces": ["a1111", "openai"]}))
    running = Front(data, None)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def asking(painter: Front, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    """The server whose services are the painter's faces."""
    setup = Setup(tmp_path_factory.mktemp("asking"))
    for service, path in PATHS.items():
        url = f"http://127.0.0.1:{painter.port}{path}"
        setup.set(service, base_url=url, native_size=SIDE, extras=True)
        setup.front.call("PUT", f"/v1/backends/{service}/key", {"key": painter.token})
        setup.agree(service)
    yield setup
    setup.close()


class Direct(Setup):
    """The painter, spoken to without a detour."""

    def __init__(self, painter: Front) -> None:
        super().__init__(painter.data)
        self._front = painter


def scene() -> np.ndarray:
    image = Image.new("RGBA", (SIDE, SIDE), (120, 180, 240, 255))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 80, SIDE, SIDE), fill=(60, 140, 50, 255))
    draw.ellipse((40, 40, 90, 90), fill=(200, 40, 40, 255))
    return np.asarray(image)


def lasso() -> np.ndarray:
    mask = Image.new("L", (SIDE, SIDE), 0)
    ImageDraw.Draw(mask).ellipse((32, 24, 100, 96), fill=255)
    return np.asarray(mask)


def request_for(setup: Setup, mode: str) -> dict:
    if mode == "txt2img":
        return COMMON | {"mode": mode, "width": SIDE, "height": SIDE}
    request = COMMON | {"mode": mode, "strength": 0.7, "source": setup.source(scene())}
    return request | ({"mask": setup.source(lasso())} if mode == "inpaint" else {})


@pytest.mark.parametrize("mode", ["txt2img", "img2img", "inpaint"])
def test_a_job_through_the_loop_has_the_pixels_of_a_direct_one(
    painter: Front, asking: Setup, mode: str
) -> None:
    direct = Direct(painter)
    expected = direct.pixels(direct.run(request_for(direct, mode), 60))
    assert expected.std() > 5
    for service in PATHS:
        loop = asking.run(request_for(asking, mode) | {"backend": service}, 60)
        assert loop["status"] == "succeeded", (service, loop["error"])
        assert (asking.pixels(loop)[..., :3] == expected[..., :3]).all(), service
        assert loop["images"][0]["facts"]["seed_followed"]


def test_edges_of_ones_own_layer_steer_through_the_loop(painter: Front, asking: Setup) -> None:
    control = {"type": "canny", "weight": 0.8}
    direct = Direct(painter)
    there = direct.run(request_for(direct, "img2img") | {"controls": [control]}, 60)
    request = request_for(asking, "img2img") | {"controls": [control], "backend": "a1111"}
    loop = asking.run(request, 60)
    assert loop["status"] == "succeeded", loop["error"]
    assert (asking.pixels(loop)[..., :3] == direct.pixels(there)[..., :3]).all()


def test_cancelling_ends_the_job_there_too(painter: Front, asking: Setup) -> None:
    request = request_for(asking, "txt2img") | {"backend": "a1111", "steps": 200}
    job = asking.front.start(request)
    direct = Direct(painter)
    there = until(lambda: direct.front.call("GET", "/v1/jobs?status=running").json["jobs"])
    asking.front.call("DELETE", f"/v1/jobs/{job}")
    assert asking.front.finished(job)["status"] == "cancelled"
    assert direct.front.finished(there[0]["id"])["status"] == "cancelled"


def test_check_tells_the_models(asking: Setup) -> None:
    for service in PATHS:
        answer = asking.front.call("POST", f"/v1/backends/{service}/check")
        assert answer.json == {"ok": True, "models": ["starter"], "remarks": []}
