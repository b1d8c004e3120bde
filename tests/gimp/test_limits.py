"""A full disk, a damaged model and a full memory, met from GIMP: a sentence, nothing changed."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
from pathlib import Path

import psutil
import pytest
from tests.gimp.companion import REPO, Companion
from tests.gimp.harness import HeadlessGimp
from tests.gimp.processes import wait_until

pytestmark = pytest.mark.gimp

STARTER = REPO / "server" / "pentimento" / "starter" / "model"
SMALL_DISK = "64m"  # less than the server keeps free
LITTLE_MEMORY = 8 * 2**20  # bytes beyond what the engine has


def meet(version: str, work: Path, companion: Companion, action: str, **options: object) -> dict:
    """What GIMP tells of one action against this server."""
    server = {"url": companion.url, "token": companion.token}
    wanted = {"name": "it", "action": action, "options": options, "server": server}
    return HeadlessGimp(version, work).run("faults.py", [wanted])["it"]


def told(found: dict, sentence: str) -> None:
    assert found["status"] == "execution-error"
    assert sentence in found["error"]
    assert "\n" in found["error"], "no remedy"
    assert "Traceback" not in found["error"]
    assert found["changed"] == []


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a filesystem of its own that is nearly full."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", folder]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a small filesystem")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_told(version, tmp_path, small_disk):
    with Companion(small_disk) as companion:
        found = meet(version, tmp_path / "gimp", companion, "img2img")
    told(found, "disk")


def test_a_damaged_model_is_told(version, tmp_path):
    damaged = tmp_path / "data" / "models" / "damaged"
    shutil.copytree(STARTER, damaged)
    (damaged / "pentimento.json").unlink()
    (weights,) = (damaged / "unet").glob("*.safetensors")
    os.truncate(weights, weights.stat().st_size // 2)
    with Companion(tmp_path / "data") as companion:
        found = meet(version, tmp_path / "gimp", companion, "img2img", model="damaged")
    told(found, "damaged")


def test_a_full_memory_is_told(version, tmp_path):
    with Companion(tmp_path / "data") as companion:
        job = companion.ask("/v1/jobs", "POST", {"prompt": "a red ball", "steps": 1})["id"]
        wait_until(lambda: finished(companion, job), 90, "the first job")
        engine = companion.ask("/v1/status")["engine"]["pid"]
        room = psutil.Process(engine).memory_info().vms + LITTLE_MEMORY
        resource.prlimit(engine, resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))
        size = {"width": 4096, "height": 4096}
        found = meet(version, tmp_path / "gimp", companion, "txt2img", **size)
    told(found, "memory")


def finished(companion: Companion, job: str) -> bool:
    status = companion.ask(f"/v1/jobs/{job}")["status"]
    assert status in ("queued", "running", "succeeded"), json.dumps(status)
    return status == "succeeded"
