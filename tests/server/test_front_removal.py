"""Removing models while jobs wait: row S14 of the found faults."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.models.weight_files import write
from tests.support.tiny_annotators import write_depth

import pentimento

STARTER = Path(pentimento.__file__).parent / "starter"
WIDTH = json.loads((STARTER / "model/text_encoder/config.json").read_text())["hidden_size"]
LORA = STARTER / "blueprint" / "pytorch_lora_weights.safetensors"


@pytest.fixture
def busy(tmp_path, launch):
    """A server whose first job takes long, with LoRAs that nobody, a field and a prompt need."""
    data = tmp_path / "data"
    (data / "loras").mkdir(parents=True)
    for name in ("unused", "field", "画风", "prompt"):
        shutil.copy(LORA, data / "loras" / f"{name}.safetensors")
    front = launch(data=data)
    front.running(front.start({"prompt": "slow", "steps": 200}))
    return front


def test_s14_only_what_a_job_needs_is_refused(busy):
    front = busy
    styled = {item["title"]: item for item in front.call("GET", "/v1/models").json["loras"]}
    named = styled["画风"]["id"]
    for asked in (
        {"prompt": "猫", "loras": [{"id": named}], "steps": 1},
        {"prompt": "a cat <lora:prompt:0.5>", "steps": 1},
    ):
        answer = front.call("POST", "/v1/jobs", asked)
        assert answer.status == 202, answer.json
    for name in (named, "prompt"):
        refused = front.call("DELETE", f"/v1/models/{name}")
        assert (refused.status, refused.code) == (409, "model_in_use"), name
    assert front.call("DELETE", "/v1/models/unused").status == 200
    assert not (front.data / "loras" / "unused.safetensors").exists()
    assert (front.data / "loras" / "画风.safetensors").exists()


def test_s14_jobs_without_a_model_stand_in_nobodys_way(busy):
    """A map that a model draws waits, and names no model."""
    front = busy
    write_depth(front.data / "annotators" / "depth")
    source = front.blob(b"x" * 64, 4, 4)
    asked = {"mode": "preprocess", "source": source, "controls": [{"type": "depth"}]}
    waiting = front.start(asked)
    assert front.job(waiting)["status"] == "queued"
    assert front.call("DELETE", "/v1/models/unused").status == 200
    refused = front.call("DELETE", "/v1/models/depth")
    assert (refused.status, refused.code) == (409, "model_in_use")
    front.call("DELETE", f"/v1/jobs/{waiting}")
    assert front.call("DELETE", "/v1/models/depth").status == 200


PAINTED_WITH = {
    "controlnets/线稿": {"controls": [{"type": "canny", "image": {"blob": "0" * 64}}]},
    "vaes/é vae": {"vae": ""},
    "loras/画风.safetensors": {"loras": [{"id": ""}]},
    "embeddings/猫风.safetensors": {"prompt": "a 猫风 cat"},
    "embeddings/坏.safetensors": {"prompt": "a cat", "negative_prompt": "embedding:坏"},
}


@pytest.mark.parametrize("place", PAINTED_WITH)
def test_s14_every_kind_of_file_that_a_job_is_painted_with_is_refused(tmp_path, launch, place):
    data = tmp_path / "数据 data"
    shutil.copytree(STARTER / "canny", data / "controlnets/线稿")
    shutil.copytree(STARTER / "model/vae", data / "vaes/é vae")
    for name in ("loras", "embeddings"):
        (data / name).mkdir()
    shutil.copy(LORA, data / "loras/画风.safetensors")
    for name in ("猫风", "坏"):
        write(data / f"embeddings/{name}.safetensors", {"emb_params": [1, WIDTH]})
    front = launch(data=data)
    listed = front.call("GET", "/v1/models").json
    title = Path(place).name.removesuffix(".safetensors")
    (found,) = [one for one in listed[place.split("/")[0]] if one["title"] == title]
    front.running(front.start({"prompt": "slow", "steps": 200}))
    asked = {"prompt": "猫", "steps": 1} | PAINTED_WITH[place]
    if "vae" in asked:
        asked["vae"] = found["id"]
    for one in asked.get("loras", ()):
        one["id"] = found["id"]
    for one in asked.get("controls", ()):
        one |= {"model": found["id"], "image": front.blob(b"x" * 64, 4, 4)}
    waiting = front.start(asked)
    refused = front.call("DELETE", f"/v1/models/{found['id']}")
    assert (refused.status, refused.code) == (409, "model_in_use")
    assert (data / place).exists()
    front.call("DELETE", f"/v1/jobs/{waiting}")
    assert front.call("DELETE", f"/v1/models/{found['id']}").status == 200
    assert not (data / place).exists()
