"""Downloads through the running server and the command: progress, pause, a crash, removal."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.shell import Shell
from tests.cli.shell import until as wait_until
from tests.models.hub.server import HubServer, entry, own_catalogue, serving
from tests.models.hub.test_pull import WEIGHTS, safetensors
from tests.server.front import Front, until
from tests.support import tiny_models

PIPELINE = ("model_index.json", "pentimento.json", "scheduler/*", "tokenizer/*", "unet/*", "vae/*")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.write_sd15(tmp_path_factory.mktemp("hub") / "tiny-sd15")


@pytest.fixture
def hub(tmp_path: Path, tiny: Path) -> Iterator[HubServer]:
    large = tmp_path / "large"
    large.mkdir()
    (large / WEIGHTS).write_bytes(safetensors(4_000_000))
    with serving({"studio/tiny": tiny, "studio/large": large}) as server:
        yield server


@pytest.fixture
def data(tmp_path: Path, hub: HubServer) -> Path:
    folder = tmp_path / "data"
    files = (*PIPELINE, "text_encoder/*")
    own_catalogue(
        folder,
        entry("tiny-painter", files=files, licence="strict"),
        entry("big-style", "studio/large", role="lora", files=(WEIGHTS,)),
    )
    (folder / "settings.json").write_text(json.dumps({"downloads": {"endpoint": hub.endpoint}}))
    return folder


@pytest.fixture
def launch(data: Path) -> Iterator[Any]:
    running: list[Front] = []

    def start() -> Front:
        running.append(Front(data, None))
        return running[-1]

    yield start
    for front in running:
        front.stop()


def told(front: Front, name: str) -> dict[str, Any]:
    answer = front.call("GET", f"/v1/models/pulls/{name}")
    assert answer.status == 200, answer.body
    return answer.json


def pull(front: Front, name: str, **more: Any) -> Any:
    return front.call("POST", "/v1/models/pull", {"id": name} | more)


def reached(front: Front, name: str, status: str, seconds: float = 20) -> dict[str, Any]:
    until(lambda: told(front, name)["status"] == status, seconds)
    return told(front, name)


def listed(front: Front, name: str) -> dict[str, Any]:
    found = front.call("GET", "/v1/models/available").json["available"]
    return next(one for one in found if one["id"] == name)


def test_a_model_is_pulled_painted_with_and_removed(launch, data, hub):
    front = launch()
    assert not listed(front, "tiny-painter")["installed"]
    refused = pull(front, "tiny-painter")
    assert (refused.status, refused.code) == (409, "licence_needed")
    assert hub.asked == []  # nothing came before the licence was agreed to
    started = pull(front, "tiny-painter", accept_licence=True)
    assert started.status == 202
    assert started.json["urls"]["self"] == "/v1/models/pulls/tiny-painter"
    end = reached(front, "tiny-painter", "succeeded")
    assert (end["fraction"], end["done"]) == (1.0, end["bytes"])
    assert listed(front, "tiny-painter")["installed"]
    models = {one["id"]: one for one in front.call("GET", "/v1/models").json["models"]}
    assert models["tiny-painter"]["ok"], models
    assert models["tiny-painter"]["title"] == "Title of tiny-painter"
    assert models["tiny-painter"]["licence"] == "Strict licence"
    request = {"mode": "txt2img", "prompt": "a hill", "model": "tiny-painter", "steps": 2}
    job = front.finished(front.start(request | {"width": 64, "height": 64}), 120)
    assert job["status"] == "succeeded", job["error"]
    again = pull(front, "tiny-painter", accept_licence=True)
    assert (again.status, again.code) == (409, "model_exists")
    assert front.call("DELETE", "/v1/models/tiny-painter").json["removed"]
    assert not (data / "models" / "tiny-painter").exists()
    assert not listed(front, "tiny-painter")["installed"]
    assert front.call("DELETE", "/v1/models/starter").status == 400
    assert front.call("DELETE", "/v1/models/canny").code == "not_ours"
    assert front.call("DELETE", "/v1/models/..%2f..%2fetc").status == 404


def test_pause_resume_cancel_while_others_are_answered(launch, data, hub):
    hub.fault("slow", times=9)
    front = launch()
    pull(front, "big-style")
    until(lambda: told(front, "big-style")["done"] > 0)
    rev = told(front, "big-style")["rev"]
    assert front.call("GET", f"/v1/models/pulls/big-style?wait=20&since={rev}").json["rev"] > rev
    front.call("POST", "/v1/models/pulls/big-style/pause")
    paused = reached(front, "big-style", "paused")
    assert 0 < paused["done"] < paused["bytes"]
    before = len(hub.cdn_asked)
    pull(front, "big-style")
    until(lambda: told(front, "big-style")["done"] > paused["done"])
    assert hub.cdn_asked[before].start > 0
    front.call("DELETE", "/v1/models/pulls/big-style")
    reached(front, "big-style", "cancelled")
    assert not (data / ".pulls" / "big-style").exists()
    assert not (data / "loras").exists()
    assert front.call("GET", "/v1/models/pulls/nothing").code == "pull_not_found"


def test_a_killed_server_goes_on_where_it_was(launch, data, hub):
    hub.fault("slow", times=1)
    front = launch()
    pull(front, "big-style")
    until(lambda: told(front, "big-style")["done"] > 1_000_000)
    front.kill()
    came = (data / ".pulls/big-style/files" / (WEIGHTS + ".part")).stat().st_size
    second = launch()
    found = second.call("GET", "/v1/models/pulls").json["pulls"]
    assert [(one["id"], one["status"], one["done"]) for one in found] == [
        ("big-style", "paused", came)
    ]
    pull(second, "big-style")
    reached(second, "big-style", "succeeded")
    assert hub.cdn_asked[-1].start == came
    assert (data / "loras/big-style.safetensors").read_bytes() == safetensors(4_000_000)


def test_the_command_pulls_without_a_server_and_ctrl_c_keeps_what_came(tmp_path, data, hub):
    work = tmp_path / "work"
    work.mkdir()
    shell = Shell(work, data, {"HF_TOKEN": "hf_canary"})
    refused = shell("models", "pull", "tiny-painter")
    assert refused.returncode == 1
    assert "https://example.com/strict" in refused.stderr
    hub.fault("slow", times=1)
    process = shell.start("models", "pull", "big-style")
    part = data / ".pulls/big-style/files" / (WEIGHTS + ".part")
    wait_until(lambda: part.exists() and part.stat().st_size > 500_000, "nothing came")
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "goes on" in said
    came = part.stat().st_size
    done = shell("models", "pull", "big-style", "--endpoint", hub.endpoint)
    assert done.returncode == 0, done.stderr
    assert hub.cdn_asked[-1].start == came
    assert "hf_canary" not in done.stdout + done.stderr + said
    rows = json.loads(shell("models", "available", "--json").stdout)
    assert [row["installed"] for row in rows if row["id"] == "big-style"] == [True]
    assert shell("models", "remove", "big-style", "--yes").returncode == 0
    assert not (data / "loras/big-style.safetensors").exists()


def test_the_command_pulls_through_the_running_server(tmp_path, launch, data):
    launch()
    work = tmp_path / "work"
    work.mkdir()
    shell = Shell(work, data)
    done = shell("models", "pull", "tiny-painter", "--accept-licence")
    assert done.returncode == 0, done.stderr
    assert "Strict licence" in done.stderr
    assert (data / "models/tiny-painter/unet/config.json").is_file()


def test_a_link_is_pulled_through_the_server_and_the_command(tmp_path, launch, data, hub, tiny):
    hub.folders["studio/other"] = tiny
    hub.cards["studio/other"] = {"cardData": {"license": "openrail"}}
    front = launch()
    refused = pull(front, "hf:studio/large")
    assert (refused.status, refused.code) == (409, "link_unusable")
    assert pull(front, "ftp:studio/other").status == 400
    started = pull(front, "hf:studio/other")
    assert started.status == 202, started.body
    assert reached(front, started.json["id"], "succeeded")["id"] == "other"
    assert listed(front, "other")["licence"]["title"] == "OpenRAIL"
    models = {one["id"]: one for one in front.call("GET", "/v1/models").json["models"]}
    assert models["other"]["ok"], models
    hub.cards["studio/other"] = {"cardData": {"license": "cc-by-nc-4.0"}}
    front.call("DELETE", "/v1/models/other")
    work = tmp_path / "work"
    work.mkdir()
    shell = Shell(work, data)
    asked = shell("models", "pull", "hf:studio/other")
    assert asked.returncode == 1
    assert "cc-by-nc-4.0, https://huggingface.co/studio/other" in asked.stderr
    assert not (data / "models/other").exists()
    done = shell("models", "pull", "hf:studio/other", "--accept-licence")
    assert done.returncode == 0, done.stderr
    assert "Installed other" in done.stdout
    assert (data / "models/other/unet/config.json").is_file()
