"""Editing by instruction over HTTP, with a tiny model that can, and with none."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openai
import pytest
from PIL import Image
from tests.server.front import Front
from tests.support.tiny_flow_models import write_flux2_klein

RAW = {"Accept": "application/x-pixels"}
ENGINE_SECONDS = 300  # torch is imported first
SIDE = 64


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    data: Path = tmp_path_factory.mktemp("editor")
    write_flux2_klein(data / "models" / "klein")
    (data / "settings.json").write_text(json.dumps({"faces": ["openai"]}))
    running = Front(data, None)
    yield running
    running.stop()


def test_a_picture_is_edited_in_its_mask_and_the_record_repeats_it(editor: Front) -> None:
    source = np.full((SIDE, SIDE, 4), 200, np.uint8)
    source[..., 0] = np.linspace(0, 255, SIDE)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:, SIDE // 2 :] = 255
    request = {
        "mode": "edit",
        "prompt": "mach es winterlich, 冬にして ❄️ “so”",
        "source": editor.blob(source.tobytes(), SIDE, SIDE),
        "mask": editor.blob(mask.tobytes(), SIDE, SIDE, "y-u8"),
        "references": [{"image": editor.blob(source[::-1].tobytes(), SIDE, SIDE)}],
        "seed": 7,
    }
    job = editor.finished(editor.start(request), ENGINE_SECONDS)
    assert job["status"] == "succeeded", job["error"]
    assert job["record"]["request"]["model"] == "klein"
    found = editor.call("GET", job["images"][0]["url"], headers=RAW).body
    made = np.frombuffer(found, np.uint8).reshape(source.shape)
    assert np.array_equal(made[:, : SIDE // 2], source[:, : SIDE // 2])
    assert not np.array_equal(made[:, SIDE // 2 :], source[:, SIDE // 2 :])
    kept = editor.call("GET", job["mask"]["url"], headers=RAW).body
    assert kept == mask.tobytes()
    again = editor.finished(editor.start(job["record"]["request"]), ENGINE_SECONDS)
    assert editor.call("GET", again["images"][0]["url"], headers=RAW).body == found


def test_openais_edits_are_instructions_for_a_model_that_follows_them(editor: Front) -> None:
    source = np.full((SIDE, SIDE, 3), 200, np.uint8)
    source[..., 0] = np.linspace(0, 255, SIDE)
    file = io.BytesIO()
    Image.fromarray(source).save(file, "PNG")
    client = openai.OpenAI(
        base_url=f"http://127.0.0.1:{editor.port}/openai/v1", api_key=editor.token, max_retries=0
    )
    wanted = {
        "prompt": "mach es winterlich, 冬にして ❄️ “so”",
        "model": "klein",
        "image": ("a.png", file.getvalue()),
    }
    modes = []
    for extra in ({}, {"strength": 0.5}):
        client.images.edit(**wanted, extra_body={"seed": 7} | extra)
        (job,) = editor.call("GET", "/v1/jobs?limit=1").json["jobs"]
        modes.append(job["mode"])
    assert modes == ["edit", "img2img"]


def test_who_can_edit_is_told(editor: Front, front: Front) -> None:
    told = editor.call("GET", "/v1/capabilities").json
    assert "edit" in told["modes"]
    assert {model["id"]: "edit" in model["modes"] for model in told["models"]} == {
        "starter": False,
        "klein": True,
    }
    assert "edit" not in [entry["what"] for entry in told["missing"]]
    none = front.call("GET", "/v1/capabilities").json
    assert "edit" in [entry["what"] for entry in none["missing"]]
    request = {"mode": "edit", "source": {"width": 64, "height": 64}}
    assert front.call("POST", "/v1/plan", request).code == "cannot_edit"
    wrong = editor.call("POST", "/v1/plan", request | {"model": "starter"})
    assert (wrong.status, wrong.code) == (400, "cannot_edit")
    assert wrong.json["error"]["details"]["models"] == ["klein"]
    assert editor.call("POST", "/v1/plan", request).json["model"] == "klein"
    there = editor.call("POST", "/v1/plan", request | {"backend": "horde"})
    assert (there.status, there.code) == (400, "unsupported_mode")
