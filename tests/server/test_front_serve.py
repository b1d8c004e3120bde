"""`pentimento serve` itself: the real command, its weight, its files and its refusals."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest
from tests.server.front import ENVIRONMENT, Front, until

READY_SECONDS = 1.0
RESIDENT_MB = 80


def serve(*arguments):
    command = [sys.executable, "-m", "pentimento", "serve", *map(str, arguments)]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)


def resident_mb(pid):
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) / 1024


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as line:
        fields = line.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    running = Front(tmp_path_factory.mktemp("serve"), None)
    yield running
    running.stop()


def test_it_is_ready_soon_and_light(real):
    front = real
    # Processor time, which a busy machine does not stretch.
    assert cpu_seconds(front.process.pid) < READY_SECONDS
    for path in ("/v1/health", "/v1/status", "/v1/models", "/v1/capabilities"):
        assert front.call("GET", path).status == 200
    assert resident_mb(front.process.pid) < RESIDENT_MB
    with open(f"/proc/{front.process.pid}/maps") as maps:
        loaded = maps.read()
    assert not [name for name in ("torch", "numpy", "cv2", "_imaging") if f"/{name}" in loaded]


def test_it_prints_one_line_and_tells_where_it_is(real):
    front = real
    version = front.call("GET", "/v1/health").json["version"]
    assert front.line == f"pentimento {version} listening on http://127.0.0.1:{front.port}\n"
    told = json.loads((front.data / "server.json").read_text())
    assert told == {
        "url": f"http://127.0.0.1:{front.port}",
        "token": front.token,
        "pid": front.process.pid,
        "version": version,
    }
    assert stat.S_IMODE((front.data / "server.json").stat().st_mode) == 0o600


def test_it_ends_when_a_client_asks_for_it(launch):
    front = launch()
    answer = front.call("POST", "/v1/shutdown", {})
    assert answer.status == 202
    assert front.process.wait(60) == 0
    assert not (front.data / "server.json").exists()


def test_a_second_one_says_that_there_is_one(real):
    front = real
    second = serve("--data-dir", front.data)
    assert second.returncode == 1
    assert "is running already" in second.stderr
    assert f"http://127.0.0.1:{front.port} (process {front.process.pid})" in second.stderr
    assert "Traceback" not in second.stderr
    assert front.call("GET", "/v1/status").status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_when_told_to(launch, number):
    front = launch(real=True)
    front.process.send_signal(number)
    assert front.process.stdout.read() == ""
    assert front.stop() == (0, "")
    assert not (front.data / "server.json").exists()


def test_a_crash_does_not_keep_the_next_one_from_starting(launch):
    first = launch()
    first.kill()
    assert (first.data / "server.json").exists()
    second = launch()
    assert json.loads((second.data / "server.json").read_text())["pid"] == second.process.pid


def test_a_port_in_use_is_said_in_a_sentence(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = serve("--port", port, "--data-dir", tmp_path / "data")
    assert refused.returncode == 1
    assert f"cannot listen at 127.0.0.1, port {port}: Address already in use" in refused.stderr
    assert "--port" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert refused.stdout == ""


def test_it_does_not_listen_to_other_machines(tmp_path):
    refused = serve("--host", "0.0.0.0", "--data-dir", tmp_path / "data")
    assert refused.returncode == 1
    assert "this machine only" in refused.stderr


def test_a_data_folder_that_cannot_be_used_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    refused = serve("--data-dir", tmp_path / "file" / "data")
    assert refused.returncode == 1
    assert "data folder" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_planted_link_is_not_followed_for_the_token(tmp_path, launch):
    data, outside = tmp_path / "data", tmp_path / "outside"
    data.mkdir()
    outside.write_text("chosen by somebody else, and long enough")
    (data / "token").symlink_to(outside)
    front = launch(data=data)
    assert front.token != outside.read_text()
    assert not (data / "token").is_symlink()
    assert outside.read_text().startswith("chosen")


def test_wide_open_files_are_closed(tmp_path, launch):
    data = tmp_path / "data"
    data.mkdir()
    (data / "token").write_text("t" * 43)
    (data / "token").chmod(0o644)
    front = launch(data=data)
    assert front.token == "t" * 43
    assert stat.S_IMODE((data / "token").stat().st_mode) == 0o600


def test_many_connections_do_not_stop_it(launch):
    front = launch(connections=20)
    idle = [socket.create_connection(("127.0.0.1", front.port)) for _ in range(40)]
    for connection in idle:
        connection.close()

    def answers():
        with suppress(ConnectionError):
            return front.call("GET", "/v1/status").status == 200

    until(answers)
