"""R12: a success that was told stays one, though the disk is full and the server is killed before
there is room again."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.server.front import Front, until
from tests.support import folders

pytestmark = pytest.mark.skipif(
    not (sys.platform == "linux" and folders.can_mount()), reason="needs a small disk of its own"
)
LEAVES = [2**n * 4096 for n in range(6)]  # bytes that are left; a picture has 192


def test_r12_a_success_on_a_full_disk_outlives_the_kill(tmp_path: Path) -> None:
    succeeded = 0
    with folders.small_disk(tmp_path / "disk 磁盘", "24m") as disk:
        data = disk / "data 数据"
        for leave in LEAVES:
            front = Front(data, {"disk_reserve": 0})
            size = {"width": 8, "height": 8, "steps": 12}
            job = front.start({"prompt": "slow 猫 👩‍👩‍👧"} | size)
            until(lambda front=front, job=job: front.job(job)["status"] == "running")
            ballast = folders.fill(disk, leave)
            told = front.finished(job, 60)
            raw = {"Accept": "application/x-pixels"}
            pictures = [front.call("GET", image["url"], headers=raw) for image in told["images"]]
            front.kill()
            ballast.unlink()
            front = Front(data, {"disk_reserve": 0})
            again = front.job(job)
            assert (again["status"], again["error"]) == (told["status"], told["error"])
            assert len(again["images"]) == len(told["images"])
            for image, before in zip(again["images"], pictures, strict=True):
                assert front.call("GET", image["url"], headers=raw).body == before.body
            assert not list((data / "jobs").glob("*/*.part"))
            front.stop()
            succeeded += told["status"] == "succeeded"
    assert succeeded >= 2  # not failures alone
