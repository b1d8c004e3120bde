"""Three GIMPs want the server at the same moment and none runs (row S5 of the found faults): one of
them starts it, and all three get their results."""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from tests.gimp.harness import REPO, HeadlessGimp
from tests.gimp.processes import wait_until

pytestmark = pytest.mark.gimp
# Each start of the server leaves a line, whether or not it comes to serve.
COUNTED = 'echo started >> "$0"; exec "$@"'


@pytest.fixture
def three(version, tmp_path):
    """Three GIMPs with one data folder, in which a person's installation tells how the server is
    started; started servers are gone at the end."""
    data = tmp_path / "数据 of “one”"
    gimps = [HeadlessGimp(version, tmp_path / f"gimp {number}") for number in range(3)]
    (data / "logs").mkdir(parents=True)
    for gimp in gimps:
        gimp.data = Path("/mnt") / data.relative_to("/")
    starts = data / "starts"
    outside = ["/usr/sbin/chroot", "/mnt", "/usr/bin/env", f"PYTHONPATH={REPO / 'server'}"]
    outside += [f"PENTIMENTO_DATA={data}", "OMP_NUM_THREADS=1"]
    serve = [sys.executable, "-m", "pentimento", "serve", "--port", "0"]
    command = [*outside, "/bin/sh", "-c", COUNTED, str(starts), *serve]
    (data / "install.json").write_text(json.dumps({"command": command, "version": "test"}))
    yield data, gimps
    with suppress(OSError, ValueError):
        pid = json.loads((data / "server.json").read_text())["pid"]
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), 60, "the server's end")


def test_s5_of_three_gimps_at_once_one_starts_the_server_and_all_work(three):
    data, gimps = three
    processes = [gimp.started("at_once.py", str(gimps[0].data / "go")) for gimp in gimps]
    ready = [gimp.work / "ready" for gimp in gimps]
    wait_until(lambda: all(path.exists() for path in ready), 120, "three GIMPs at the line")
    (data / "go").touch()
    found = [
        gimp.finish("at_once.py", process, timeout=200)
        for gimp, process in zip(gimps, processes, strict=True)
    ]
    assert [one["status"] for one in found] == ["success"] * 3, found
    assert all(one["same"] for one in found)
    assert len({one["job"] for one in found}) == 3
    assert (data / "starts").read_text().splitlines() == ["started"]
    log = (data / "logs" / "server.log").read_text()
    assert log.count("Application startup complete") == 1, log
