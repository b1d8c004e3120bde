"""The stand-in for ComfyUI answers in the shapes in which ComfyUI 0.3.64 did: the conversation that
was recorded with the program is had with the stand-in. The program itself does not run here."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from PIL import Image
from tests.remote.comfyui_shapes import ANSWERS, MESSAGES, REFUSALS, differences
from tests.remote.standins.comfyui import ComfyUI
from websockets.sync.client import connect

CLIENT = "e0cf0b7eabec4c88a478115661fc33e6"
UNKNOWN = {"1": {"class_type": "Nope", "inputs": {}}}
INCOMPLETE = {
    "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "nope.safetensors"}},
    "2": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64}},
    "3": {"class_type": "VAEDecode", "inputs": {"samples": ["2", 0], "vae": ["1", 2]}},
    "4": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "x"}},
}
WORDS = {"class_type": "CLIPTextEncode", "inputs": {"text": "a red house", "clip": ["1", 1]}}
SAMPLER = {
    "model": ["1", 0],
    "positive": ["2", 0],
    "negative": ["3", 0],
    "latent_image": ["6", 0],
    "seed": 7,
    "steps": 3,
    "cfg": 7.0,
    "denoise": 0.7,
    "sampler_name": "euler",
    "scheduler": "normal",
}
FILL = {
    "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd15.safetensors"}},
    "2": WORDS,
    "3": WORDS | {"inputs": {"text": "", "clip": ["1", 1]}},
    "4": {"class_type": "LoadImage", "inputs": {"image": "pentimento/pentimento-source.png"}},
    "5": {"class_type": "VAEEncode", "inputs": {"pixels": ["4", 0], "vae": ["1", 2]}},
    "6": {"class_type": "SetLatentNoiseMask", "inputs": {"samples": ["5", 0], "mask": ["4", 1]}},
    "7": {"class_type": "KSampler", "inputs": SAMPLER},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["7", 0], "vae": ["1", 2]}},
    "9": {
        "class_type": "SaveImage",
        "inputs": {"images": ["8", 0], "filename_prefix": "pentimento"},
    },
}


class Conversation:
    def __init__(self, stand_in: ComfyUI) -> None:
        self._stand_in = stand_in
        self._headers = {"Authorization": f"Bearer {stand_in.key}"}
        self.had: set[str] = set()

    def __call__(self, call: str, path: str = "", **body: Any) -> Any:
        """The answer, once it is of the shape that is written down for the call."""
        method, address = call.split()[:2]
        status, shape = ANSWERS[call]
        answer = requests.request(
            method,
            self._stand_in.origin + (path or address),
            headers=self._headers,
            timeout=60,
            **body,
        )
        assert answer.status_code == status, answer.text
        self.had.add(call)
        if shape is None:
            assert answer.content == b""
            return None
        assert answer.headers["Content-Type"].startswith("application/json")
        assert list(differences(answer.json(), shape)) == []
        return answer.json()

    def order(self, **body: Any) -> Any:
        return self("POST /prompt", json=body | {"client_id": CLIENT})

    def refused(self, **body: Any) -> str:
        told = self("POST /prompt refused", json=body | {"client_id": CLIENT})
        return str(told["error"]["type"])

    def listen(self) -> Any:
        address = f"ws://127.0.0.1:{self._stand_in.port}/ws?clientId={CLIENT}"
        return connect(address, additional_headers=self._headers, proxy=None)


@pytest.fixture
def stand_in() -> Iterator[ComfyUI]:
    started = ComfyUI()
    yield started
    started.close()


@pytest.fixture
def say(stand_in: ComfyUI) -> Conversation:
    return Conversation(stand_in)


def png() -> dict[str, Any]:
    held = io.BytesIO()
    Image.new("RGB", (64, 64)).save(held, "PNG")
    return {"image": ("pentimento-source.png", held.getvalue(), "image/png")}


def test_the_recorded_conversation(stand_in: ComfyUI, say: Conversation) -> None:
    say("GET /queue")
    say("GET /embeddings")
    say("GET /models")
    assert "sd15.safetensors" in say("GET /models/checkpoints")
    stored = say(
        "POST /upload/image", files=png(), data={"subfolder": "pentimento", "type": "input"}
    )
    assert stored == {"name": "pentimento-source.png", "subfolder": "pentimento", "type": "input"}
    refusals = [
        say.refused(prompt={}),
        say.refused(),
        say.refused(prompt=UNKNOWN),
        say.refused(prompt=INCOMPLETE),
    ]
    assert refusals == list(REFUSALS)
    number = say.order(prompt=FILL)["prompt_id"]
    stand_in.running = True
    [row] = say("GET /queue")["queue_running"]
    assert (row[1], row[3]) == (number, {"client_id": CLIENT})
    entry = say("GET /history/ID", f"/history/{number}")[number]
    assert entry["status"]["status_str"] == "success"
    say("POST /interrupt", json={})
    stand_in.ends_as = "execution_interrupted"
    entry = say("GET /history/ID", f"/history/{number}")[number]
    assert entry["status"] | {"status_str": "error", "completed": False} == entry["status"]
    assert entry["status"]["messages"][-1][0] == "execution_interrupted"
    say("POST /queue", json={"delete": ["nope"]})
    assert say.had == set(ANSWERS)


def test_the_faults_of_an_incomplete_workflow(say: Conversation) -> None:
    body = {"prompt": INCOMPLETE, "client_id": CLIENT}
    nodes = say("POST /prompt refused", json=body)["node_errors"]
    found = {name: [error["type"] for error in node["errors"]] for name, node in nodes.items()}
    assert found == {"1": ["value_not_in_list"], "2": ["required_input_missing"]}


def test_what_is_told_over_the_websocket(stand_in: ComfyUI, say: Conversation) -> None:
    say("POST /upload/image", files=png(), data={"subfolder": "pentimento"})
    with say.listen() as socket:
        say.order(prompt=FILL)
        stand_in.tell_steps(1, 3)
        heard = [json.loads(socket.recv(timeout=60)) for _ in range(3)]
    assert [one["type"] for one in heard] == ["status", "progress_state", "progress"]
    for one in heard:
        assert list(differences(one["data"], MESSAGES[one["type"]], one["type"])) == []


@pytest.mark.parametrize(
    ("value", "shape", "said"),
    [
        ({"a": 1}, {"a": str}, ".a: 1 is no"),
        ({"a": "", "b": ""}, {"a": str}, "has b"),
        ({}, {"a": str}, "lacks a"),
        ([1, 2], (int,), "no row of 1"),
        ([[1, ""]], [(int, int)], "is no"),
        ("x", {"y"}, "none of"),
        (None, {"a": str}, "is no"),
    ],
)
def test_other_shapes_are_noticed(value: Any, shape: Any, said: str) -> None:
    assert said in " ".join(differences(value, shape))
