"""Servers of one's own differ in what they paint with and in what they take: their models' names
and what they tell when they are tried decide, and nothing is promised that they cannot do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tests.remote.setup import Setup
from tests.remote.standins.a1111 import A1111
from tests.remote.standins.all import STAND_INS
from tests.remote.standins.base import StandIn
from tests.remote.test_job import photograph
from tests.remote.test_services import squares

from pentimento.services.usual_sizes import usual_side


@pytest.fixture
def a1111(setup: Setup) -> Iterator[A1111]:
    stand_in = A1111()
    setup.use("a1111", stand_in)
    yield stand_in
    setup.set("a1111", model=None, native_size=None)


def check(setup: Setup, service: str) -> None:
    answer = setup.front.call("POST", f"/v1/backends/{service}/check", {})
    assert answer.status == 200, answer.body


def painted_at(setup: Setup, stand_in: StandIn, **more: Any) -> int:
    """The longer side in px that a small picture is asked for with."""
    asked = {"mode": "img2img", "backend": "a1111", "prompt": "a boat", "strength": 0.5}
    job = setup.run(asked | {"source": setup.source(photograph())} | more)
    assert job["status"] == "succeeded", job["error"]
    return max(stand_in.asked[-1].size)


def test_small_pictures_are_painted_at_the_size_of_the_model(setup: Setup, a1111: A1111) -> None:
    small = painted_at(setup, a1111)
    assert painted_at(setup, a1111, model="juggernautXL_v9") > small
    setup.set("a1111", model="flux1-dev-fp8")
    large = painted_at(setup, a1111)
    assert large > small
    assert painted_at(setup, a1111, model="dreamshaper_8") == small
    setup.set("a1111", native_size=512)
    assert painted_at(setup, a1111) == small


def test_a_plan_tells_the_same_size(setup: Setup, a1111: A1111) -> None:
    size = photograph().shape
    canvas = {"x": 0, "y": 0, "width": size[1], "height": size[0]}
    asked = {"mode": "img2img", "backend": "a1111", "source": canvas, "canvas": canvas}
    asked |= {"model": "ponyDiffusionV6XL", "strength": 0.5}
    plan = setup.front.call("POST", "/v1/plan", asked).json
    assert max(plan["generation"].values()) == painted_at(setup, a1111, model=asked["model"])


def test_a_server_that_is_tried_tells_what_it_paints_with(setup: Setup, a1111: A1111) -> None:
    small = painted_at(setup, a1111)
    a1111.checkpoint = "sd_xl_base_1.0.safetensors [31e35c80fc]"
    check(setup, "a1111")
    assert painted_at(setup, a1111) > small
    other = A1111()
    setup.use("a1111", other)  # what another address told counts no longer
    assert painted_at(setup, other) == small


def test_no_map_is_promised_where_there_is_no_extension(setup: Setup, a1111: A1111) -> None:
    a1111.extension = False
    steered = {"controls": [{"type": "canny", "weight": 1.0}]}
    asked = {"mode": "img2img", "backend": "a1111", "prompt": "x", **steered}
    job = setup.run(asked | {"source": setup.source(photograph()), "strength": 0.5})
    assert job["error"]["code"] == "no_maps_there"
    assert a1111.accepted == 0
    check(setup, "a1111")
    assert setup.entry("a1111")["capabilities"]["control"] == []
    plan = setup.front.call("POST", "/v1/plan", {"mode": "txt2img", "backend": "a1111", **steered})
    assert plan.code == "unsupported"
    a1111.extension = True
    check(setup, "a1111")
    assert "canny" in setup.entry("a1111")["capabilities"]["control"]


@pytest.mark.parametrize("kind", ["canny", "scribble", "depth"])
def test_stability_has_kinds_of_control_of_its_own(setup: Setup, kind: str) -> None:
    """They can be chosen by the names that GIMP has, and are named as what they are."""
    stand_in = STAND_INS["stability"]()
    setup.use("stability", stand_in)
    there = "structure" if kind == "depth" else "sketch"
    assert kind in setup.entry("stability")["capabilities"]["control"]
    controls = [{"type": kind, "weight": 0.7, "preprocess": True}]
    asked = {"mode": "img2img", "backend": "stability", "prompt": "a boat", "controls": controls}
    job = setup.run(asked | {"source": setup.source(squares()), "strength": 0.5})
    assert job["status"] == "succeeded", job["error"]
    orders = [call for call in stand_in.calls if call.method == "POST"]
    assert orders[-1].path.endswith(f"/control/{there}")
    assert there in job["record"]["facts"]["route"]["sentence"]
    seen = stand_in.asked[-1].control
    assert seen is not None
    assert len(np.unique(np.asarray(seen.convert("L")))) > 2  # the picture, no map of it


def test_stability_takes_no_finished_map_of_depth(setup: Setup) -> None:
    setup.use("stability", STAND_INS["stability"]())
    drawn = setup.source(squares())
    controls = [{"type": "depth", "weight": 1.0, "image": drawn}]
    job = {"mode": "img2img", "backend": "stability", "prompt": "x", "controls": controls}
    answer = setup.front.call("POST", "/v1/jobs", job | {"source": drawn, "strength": 0.5})
    assert answer.code == "unsupported"


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("sd_xl_base_1.0.safetensors [31e35c80fc]", 1024),
        ("models\\Stable-diffusion\\ponyRealism.safetensors", 1024),
        ("Stil/größer_v1-5-pruned.ckpt", 512),
        ("v2-1_768-ema-pruned", 768),
        ("z_image_turbo_bf16", 1024),
        ("猫", None),
        ("", None),
    ],
)
def test_sizes_by_names(name: str, side: int | None) -> None:
    assert usual_side(name) == side
