"""How the shell finds, trusts and starts its server: rows S3 to S7 of the found faults."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.cli.shell import Shell, ended, until
from tests.support import folders

from pentimento.core import identity
from pentimento.core.files import data_dir

REPO = Path(__file__).resolve().parents[2]
ASKED = ("--mode", "preprocess", "--control", "canny")


@pytest.fixture
def stopping(tmp_path):
    """Shells whose servers are ended after the test."""
    shells: list[Shell] = []

    def make(data: Path) -> Shell:
        shell = Shell(tmp_path, data)
        shells.append(shell)
        return shell

    yield make
    for shell in shells:
        pid = server_pid(shell.data)
        if pid and not ended(pid):
            os.kill(pid, signal.SIGTERM)
            until(lambda pid=pid: ended(pid), "the server is still there")


def server_pid(data: Path) -> int:
    try:
        return json.loads((data / "server.json").read_bytes())["pid"]
    except (OSError, ValueError):
        return 0


def backends(shell: Shell) -> subprocess.CompletedProcess[str]:
    """A command that needs the server, and starts it, and takes no model."""
    return shell("backends", "list")


@pytest.mark.parametrize("case", folders.UNUSABLE)
def test_s3_a_data_folder_that_cannot_be_one_is_said(tmp_path, stopping, case):
    place = folders.UNUSABLE[case](tmp_path / "données 数据")
    before = folders.everything(tmp_path)
    shell = stopping(place)
    for command in (
        ("run", "--prompt", "a cat", "--output", "cat.png"),
        ("backends", "list"),
        ("serve",),
    ):
        done = shell(*command)
        assert done.returncode == 1, done.stderr
        assert f"The data folder {place} cannot be used: " in done.stderr
        assert "--data-dir" in done.stderr
        assert "Traceback" not in done.stderr
    assert folders.everything(tmp_path) == before


NOWHERE = Path("/proc/1/数据")  # where not even root can make one
WRITING = (
    ("run", "--local", "--prompt", "a cat", "--output", "cat.png"),
    ("run", "--prompt", "a cat", "--output", "cat.png"),
    ("bench", "--sizes", "64", "--steps", "2"),
    ("styles", "save", "x", "--prompt", "a"),
    ("models", "folders", "add", "."),
    ("serve",),
)


@pytest.mark.skipif(not Path("/proc/1").is_dir(), reason="no /proc")
@pytest.mark.parametrize("command", WRITING, ids=" ".join)
def test_s3_a_data_folder_that_cannot_be_made_is_said(tmp_path, command):
    done = Shell(tmp_path, NOWHERE)(*command)
    assert done.returncode == 1
    assert f"{NOWHERE} cannot be used: No such file" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "command", [("run", "--prompt", "a cat", "--output", "cat.png"), ("serve",)]
)
def test_s3_a_folder_that_cannot_be_written_is_said(tmp_path, command):
    place = folders.read_only(tmp_path / "data")
    shell = Shell(tmp_path, place)
    folders.let_in(place)
    out = tmp_path / "out"
    out.mkdir()
    out.chmod(0o777)
    done = subprocess.run(
        folders.as_nobody(shell.command(*command)),
        cwd=out,
        env=shell.environment() | {"HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "ModuleNotFoundError" in done.stderr or "can't open" in done.stderr:
        pytest.skip("nobody may not read this checkout")
    assert done.returncode == 1
    assert f"The data folder {place} cannot be used: Permission denied" in done.stderr
    assert "Traceback" not in done.stderr


class Neighbour(BaseHTTPRequestHandler):
    """Another user's server: it answers as ours does and writes down all that it is sent."""

    heard: list[str]
    proof = ""

    def do_GET(self) -> None:
        type(self).heard.append(f"{self.path}\n{self.headers}")
        body = json.dumps(
            {"name": "pentimento", "version": "0.1.0", "status": "ok", "proof": self.proof}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def neighbour():
    handler = type("Handler", (Neighbour,), {"heard": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, handler
        server.shutdown()


def test_s4_another_users_server_on_the_port_gets_no_token_and_the_own_is_started(
    tmp_path, stopping, neighbour
):
    port, handler = neighbour
    shell = stopping(tmp_path / "data")
    assert backends(shell).returncode == 0
    os.kill(server_pid(shell.data), signal.SIGKILL)
    stale = json.loads((shell.data / "server.json").read_bytes())
    (shell.data / "server.json").write_text(json.dumps(stale | {"url": f"http://127.0.0.1:{port}"}))
    told = shell("status")
    assert told.returncode == 1
    assert "does not know the token" in told.stderr
    done = backends(shell)
    assert done.returncode == 0, done.stderr
    assert shell("status").returncode == 0
    assert handler.heard
    assert not [heard for heard in handler.heard if stale["token"] in heard]
    assert not [heard for heard in handler.heard if "authorization" in heard.lower()]


def test_s4_a_proof_that_another_port_gave_is_none(tmp_path, stopping, neighbour):
    """A neighbour that asks the real server and passes its proof on."""
    port, handler = neighbour
    shell = stopping(tmp_path / "data")
    assert backends(shell).returncode == 0
    real = json.loads((shell.data / "server.json").read_bytes())
    real_port = int(real["url"].rpartition(":")[2])
    nonce = identity.new_nonce()
    assert identity.is_proof(
        identity.proof(real["token"], real_port, nonce), real["token"], real_port, nonce
    )
    handler.proof = property(
        lambda self: identity.proof(real["token"], real_port, self.path.rpartition("=")[2])
    )
    (shell.data / "server.json").write_text(json.dumps(real | {"url": f"http://127.0.0.1:{port}"}))
    assert "does not know the token" in shell("status").stderr
    assert not [heard for heard in handler.heard if real["token"] in heard]
    (shell.data / "server.json").write_text(json.dumps(real))
    assert shell("status").returncode == 0


def test_s5_several_commands_at_once_start_one_server_and_all_work(tmp_path, stopping):
    shell = stopping(tmp_path / "data")
    running = [shell.start("backends", "list") for _ in range(4)]
    said = [process.communicate(timeout=90) for process in running]
    assert [process.returncode for process in running] == [0] * 4, said
    log = (shell.data / "logs" / "server.log").read_text()
    assert log.count("Application startup complete") == 1, log


def test_s6_settings_that_begin_with_a_byte_order_mark_are_read(tmp_path, stopping):
    shell = stopping(tmp_path / "data")
    shell.data.mkdir()
    (shell.data / "settings.json").write_text('{"faces": ["a1111"]}', "utf-8-sig")
    assert backends(shell).returncode == 0
    assert "automatic1111" in (shell.data / "logs" / "start.log").read_text().lower()


def test_s6_the_reason_is_told_before_the_remedy(tmp_path, stopping):
    shell = stopping(tmp_path / "data")
    shell.data.mkdir()
    (shell.data / "settings.json").write_text("{")
    done = backends(shell)
    assert done.returncode == 1
    first, second = done.stderr.strip().splitlines()[-2:]
    assert "could not be started" in first
    assert f"{shell.data / 'settings.json'} cannot be read" in first
    assert "delete the file" in second


# S7: the same data folder for all three

PLUGIN = """
import sys, types
gi = types.ModuleType("gi"); gi.repository = types.ModuleType("gi.repository")
gi.repository.Gimp = gi.repository.GLib = types.SimpleNamespace()
sys.modules.update({"gi": gi, "gi.repository": gi.repository})
for name in ("i18n", "settings"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["i18n"]._ = str
sys.path.insert(0, sys.argv[1])
import server
print(server.data_dir())
"""
SERVER = "from pentimento.core.files import data_dir; print(data_dir())"
INSTALLER = '. "$1/tools/install/user.sh"; data_dir'

PLACES = {
    "by default": ({}, "{home}/.local/share/pentimento"),
    "named": ({"PENTIMENTO_DATA": "/srv/pentimento data"}, "/srv/pentimento data"),
    "named by tilde": ({"PENTIMENTO_DATA": "~/中文 x"}, "{home}/中文 x"),
    "only a tilde": ({"PENTIMENTO_DATA": "~"}, "{home}"),
    "named relatively": ({"PENTIMENTO_DATA": "here/data"}, "{cwd}/here/data"),
    "named by nothing": ({"PENTIMENTO_DATA": ""}, "{home}/.local/share/pentimento"),
    "xdg": ({"XDG_DATA_HOME": "/srv/xdg"}, "/srv/xdg/pentimento"),
    "xdg relative": ({"XDG_DATA_HOME": "xdg"}, "{home}/.local/share/pentimento"),
    "xdg with a tilde": ({"XDG_DATA_HOME": "~/xdg"}, "{home}/.local/share/pentimento"),
    "xdg empty": ({"XDG_DATA_HOME": ""}, "{home}/.local/share/pentimento"),
}


@pytest.mark.parametrize("case", PLACES)
def test_s7_plug_in_server_and_installer_find_the_same_data_folder(tmp_path, case):
    variables, expected = PLACES[case]
    home = tmp_path / "home of 我"
    home.mkdir()
    kept = {name: os.environ[name] for name in ("PATH",)}
    environment = kept | {"HOME": str(home), "PYTHONPATH": str(REPO / "server")} | variables
    python = Shell.command()[0]
    commands = {
        "plug-in": [python, "-c", PLUGIN, str(REPO / "plugin" / "pentimento")],
        "server": [python, "-c", SERVER],
        "installer": ["bash", "-c", INSTALLER, "bash", str(REPO)],
    }
    found = {
        who: subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        for who, command in commands.items()
    }
    place = expected.format(home=home, cwd=tmp_path)
    told = {who: done.stdout.strip() or done.stderr for who, done in found.items()}
    assert told == dict.fromkeys(commands, place)


def test_s7_a_chosen_folder_wins(tmp_path, monkeypatch):
    monkeypatch.setenv("PENTIMENTO_DATA", "/elsewhere")
    assert data_dir(tmp_path) == tmp_path
