"""The engine warms up before the first job: the real process, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.server.front import Front, until

ENGINE_SECONDS = 120  # torch is imported


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    running = Front(tmp_path_factory.mktemp("warm"), None)
    yield running
    running.stop()


def engine(front: Front) -> dict:
    return front.call("GET", "/v1/status").json["engine"]


def test_unknown_models_are_refused_and_nothing_starts(real: Front) -> None:
    for model, status in (("模型", 404), ("no-such-model", 404), ("../x", 422)):
        answer = real.call("POST", "/v1/engine/start", {"model": model})
        assert answer.status in (status, 400, 422), answer.body
        assert answer.status >= 400
    assert real.call("POST", "/v1/engine/start", {"modell": "starter"}).status >= 400
    assert engine(real)["state"] == "stopped"


def test_weights_are_read_before_a_job_wants_them(real: Front) -> None:
    started = real.call("POST", "/v1/engine/start", {"model": "starter"})
    assert started.status == 200
    assert started.json["engine"]["state"] in ("stopped", "starting", "idle")
    parts = {"unet", "vae", "text_encoder", "tokenizer"}
    until(lambda: parts <= set(engine(real)["loaded"]), ENGINE_SECONDS)
    assert engine(real)["state"] == "idle"
    request = {"mode": "txt2img", "width": 64, "height": 64, "steps": 1, "prompt": "雪 ❄️"}
    job = real.finished(real.start(request))
    assert job["status"] == "succeeded", job["error"]
    assert job["record"]["facts"]["loaded"] == []  # all of it was there


def test_asking_again_and_without_a_model_does_no_harm(real: Front) -> None:
    before = engine(real)["pid"]
    for body in (None, {}, {"model": "starter"}, {"model": None}):
        assert real.call("POST", "/v1/engine/start", body).status == 200
    assert engine(real)["pid"] == before
