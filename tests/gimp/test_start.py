"""The plug-in starts the real server out of GIMP, in a clean environment, and stops it again."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from tests.gimp.harness import REPO
from tests.gimp.processes import wait_until

pytestmark = pytest.mark.gimp
POISON = {
    "LD_LIBRARY_PATH": "/nowhere",
    "PYTHONPATH": "/nowhere",
    "PYTHONHOME": "",
    "GIO_EXTRA_MODULES": "/nowhere",
}


@pytest.fixture
def installed(gimp):
    """install.json as install.sh writes it; the server runs on the machine itself, which a GIMP in
    a private root sees under /mnt."""
    outside = ["/usr/sbin/chroot", "/mnt", "/usr/bin/env", f"PYTHONPATH={REPO / 'server'}"]
    command = [*outside, sys.executable, "-m", "pentimento", "serve", "--port", "0"]
    (gimp.data / "install.json").write_text(json.dumps({"command": command, "version": "test"}))
    return gimp


def environment_of(pid: int) -> dict[str, str]:
    pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def test_server_is_started_when_needed_and_stopped_on_request(installed):
    found = installed.run("start_and_stop.py", "start", variables=POISON)
    try:
        assert found["start"] == ["success", ""]
        described = json.loads((installed.data / "server.json").read_text())
        assert described["url"] in found["report"]
        pid = described["pid"]
        environment = environment_of(pid)
        assert environment["PENTIMENTO_DATA"] == str(installed.data)
        assert environment["PYTHONPATH"] == str(REPO / "server")
        assert environment["LC_ALL"] == "C.UTF-8"  # its first words are read and translated here
        assert not {"LD_LIBRARY_PATH", "GIO_EXTRA_MODULES", "GI_TYPELIB_PATH"} & set(environment)
        assert os.getsid(pid) not in (os.getsid(0), 0)
    finally:
        stopped = installed.run("start_and_stop.py", "stop")
    assert stopped["stop"] == ["success", ""]
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), 60, "the server's end")


def test_a_server_that_cannot_start_says_why(gimp):
    broken = ["/bin/sh", "-c", "echo the port is taken >&2; exit 3"]
    (gimp.data / "install.json").write_text(json.dumps({"command": broken, "version": "test"}))
    found = gimp.run("start_and_stop.py", "start")
    assert found["start"][0] == "execution-error"
    assert "the port is taken" in found["start"][1]
    assert "start.log" in found["start"][1]


def test_a_server_that_cannot_start_tells_its_remedy(gimp):
    reason = "The data folder /x 数据 cannot be used: it is not a folder."
    remedy = "Choose another one with --data-dir or PENTIMENTO_DATA."
    said = f"pentimento: {reason}\n{remedy}\n"
    code = f"import sys; sys.stderr.write({said!r}); sys.exit(1)"
    broken = ["/usr/bin/python3", "-c", code]  # of GIMP's own root
    (gimp.data / "install.json").write_text(json.dumps({"command": broken, "version": "test"}))
    found = gimp.run("start_and_stop.py", "start")
    assert reason in found["start"][1]
    assert remedy in found["start"][1]


def test_a_missing_program_says_to_install_again(gimp):
    gone = {"command": ["/nowhere/python", "-m", "pentimento", "serve"], "version": "test"}
    (gimp.data / "install.json").write_text(json.dumps(gone))
    found = gimp.run("start_and_stop.py", "start")
    assert found["start"][0] == "execution-error"
    assert "Run install.sh of Pentimento again." in found["start"][1]
