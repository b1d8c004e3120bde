"""Servers that show their work show it in the job: as previews of the part that was asked for."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.remote.setup import Setup
from tests.remote.standins.a1111 import A1111
from tests.remote.standins.base import picture
from tests.remote.test_services import HEIGHT, WIDTH, Service
from tests.server.front import until

CUT_OFF = base64.b64encode(picture(64, 64)[:80]).decode()


def painting(setup: Setup, shown: str | None, **more: Any) -> tuple[A1111, str]:
    """A job that is being painted, and how the server shows it."""
    service = Service("a1111", setup)
    service.stand_in.close()
    stand_in = service.stand_in = A1111(fault="hold", progress=0.4, current=shown)
    setup.use("a1111", stand_in)
    return stand_in, setup.front.start(service.request("inpaint", **more))


def ends(setup: Setup, stand_in: A1111, job: str) -> None:
    stand_in.released.set()
    done = setup.front.finished(job, 90)
    assert done["status"] == "succeeded", done["error"]


def test_what_a_server_paints_is_seen_while_it_paints(setup: Setup) -> None:
    whole = base64.b64encode(picture(96, 60)).decode()
    stand_in, job = painting(setup, whole)
    until(lambda: setup.front.job(job)["preview"] is not None)
    told = setup.front.job(job)
    assert told["progress"]["fraction"] == pytest.approx(0.4)
    raw = setup.front.call("GET", told["preview"]["url"])
    seen = Image.open(io.BytesIO(raw.body))
    assert seen.format == "JPEG"
    assert seen.width / seen.height == pytest.approx(WIDTH / HEIGHT, abs=0.05)
    left, right = np.asarray(seen.convert("RGB"), float)[:, [0, -1], 0].mean(axis=0)
    assert right - left > 150  # red grows to the right in the stand-in's pictures
    ends(setup, stand_in, job)


@pytest.mark.parametrize("shown", ["%% no base64 図", CUT_OFF], ids=["words", "cut off"])
def test_what_is_no_picture_is_passed_over(setup: Setup, shown: str) -> None:
    stand_in, job = painting(setup, shown)
    until(lambda: setup.front.job(job)["progress"]["fraction"])
    assert setup.front.job(job)["preview"] is None
    ends(setup, stand_in, job)


def test_who_wants_no_previews_asks_for_none(setup: Setup) -> None:
    whole = base64.b64encode(picture(96, 60)).decode()
    stand_in, job = painting(setup, whole, preview=False)
    until(lambda: setup.front.job(job)["progress"]["fraction"])
    assert setup.front.job(job)["preview"] is None
    assert not [call for call in stand_in.calls if call.path.endswith("skip_current_image=false")]
    ends(setup, stand_in, job)
