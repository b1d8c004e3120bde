"""A job as a workflow for ComfyUI over HTTP: of one that is kept, and of a record."""

from __future__ import annotations

from typing import Any

import pytest
from tests.remote.setup import Setup
from tests.remote.standins.comfyui import ComfyUI
from tests.remote.test_job import photograph, selection

WORDS = "eine Brücke, 橋 “soft” 🌉"


@pytest.fixture
def made(setup: Setup) -> dict[str, Any]:
    """A job that ComfyUI has done: its workflow is known there."""
    setup.use("comfyui", ComfyUI())
    asked = {"mode": "inpaint", "backend": "comfyui", "prompt": WORDS, "seed": 7, "steps": 9}
    asked |= {"source": setup.source(photograph()), "mask": setup.source(selection())}
    job = setup.run(asked | {"strength": 0.6})
    assert job["status"] == "succeeded", job["error"]
    return job


def values(workflow: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The inputs of that kind of node that are no links."""
    return [
        {name: value for name, value in node["inputs"].items() if not isinstance(value, list)}
        for node in workflow.values()
        if node["class_type"] == kind
    ]


def test_it_samples_as_the_job_did(setup: Setup, made: dict[str, Any]) -> None:
    answer = setup.front.call("GET", f"/v1/jobs/{made['id']}/workflow?form=api").json
    [sampler] = values(answer["workflow"], "KSampler")
    wanted = {"seed": 7, "steps": 9, "denoise": 0.6, "sampler_name": "euler"}
    assert sampler | wanted == sampler
    assert {"text": WORDS} in values(answer["workflow"], "CLIPTextEncode")
    assert any("input folder" in note for note in answer["notes"])


def test_a_record_gives_the_same_in_both_forms(setup: Setup, made: dict[str, Any]) -> None:
    record = {"request": made["record"]["request"], "facts": made["record"]["facts"]}
    for form in ("editor", "api"):
        kept = setup.front.call("GET", f"/v1/jobs/{made['id']}/workflow?form={form}").json
        sent = setup.front.call("POST", "/v1/workflow", record | {"form": form})
        assert sent.json == kept
    assert kept["workflow"] != setup.front.call("POST", "/v1/workflow", record).json["workflow"]


def test_what_cannot_be_written_out_is_told(setup: Setup, made: dict[str, Any]) -> None:
    call = setup.front.call
    assert call("GET", "/v1/jobs/nowhere/workflow").code == "job_not_found"
    assert call("GET", f"/v1/jobs/{made['id']}/workflow?form=svg").code == "bad_request"
    edit = {"mode": "edit", "prompt": "x", "source": made["record"]["request"]["source"]}
    assert call("POST", "/v1/workflow", {"request": edit}).code == "unsupported_mode"
    assert call("POST", "/v1/workflow", {"request": {"mode": "sing"}}).code == "bad_request"
    assert call("POST", "/v1/workflow", {"record": {}}).code == "bad_request"
