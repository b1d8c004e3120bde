"""Who is let in: every call of the table against every kind of stranger."""

from __future__ import annotations

import ctypes
import http.client
import os
import socket
import stat
from contextlib import suppress

import pytest

from pentimento.api.app import CALLS

ID = "0" * 32
ADDRESSES = [(call.method, call.path.replace("{id}", ID).replace("{n}", "0")) for call in CALLS]
ADDRESSES += [("GET", "/v1/nothing"), ("POST", "/"), ("OPTIONS", "/v1/jobs")]
CLOSED = [address for address in ADDRESSES if address[1] != "/v1/health"]
EVIL_HOSTS = ["evil.example", "127.0.0.1.evil.example:{port}", "127.0.0.1", "localhost:1", "", "0"]
EVIL_ORIGINS = ["https://evil.example", "null", "http://localhost", "", "file://"]


def name(address):
    return f"{address[0]} {address[1]}"


def side_effects(front):
    status = front.call("GET", "/v1/status").json
    return front.call("GET", "/v1/jobs?limit=500").json, status["queue"]["queued"]


@pytest.mark.parametrize("address", CLOSED, ids=name)
@pytest.mark.parametrize(
    "authorization", [None, "Bearer", "Bearer wrong", "Basic {token}", "{token}", "Bearer ü"]
)
def test_nobody_is_let_in_without_the_token(front, address, authorization):
    headers = {"Content-Type": "application/json"}
    if authorization:
        headers["Authorization"] = authorization.format(token=front.token)
    answer = front.bare(*address, b"{}", headers)
    assert answer.status == 401
    assert address[0] == "HEAD" or answer.code == "unauthorized"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("address", ADDRESSES, ids=name)
@pytest.mark.parametrize("host", EVIL_HOSTS)
def test_foreign_host_names_are_refused_even_with_the_token(front, address, host):
    answer = front.call(*address, None, {"Host": host.format(port=front.port)})
    assert answer.status == 403
    assert address[0] == "HEAD" or answer.code == "foreign_host"


@pytest.mark.parametrize("address", ADDRESSES, ids=name)
@pytest.mark.parametrize("origin", EVIL_ORIGINS)
def test_foreign_origins_are_refused_even_with_the_token(front, address, origin):
    answer = front.call(*address, None, {"Origin": origin})
    assert answer.status == 403
    assert address[0] == "HEAD" or answer.code == "foreign_origin"
    assert not [key for key in answer.headers if key.lower().startswith("access-control")]


@pytest.mark.parametrize("address", [a for a in CLOSED if a[0] not in ("GET", "HEAD")], ids=name)
@pytest.mark.parametrize(
    "kind",
    ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "Text/Plain"],
)
def test_forms_are_refused_even_with_the_token(front, address, kind):
    before = side_effects(front)
    answer = front.call(*address, b'{"prompt": "x"}', {"Content-Type": kind})
    assert (answer.status, answer.code) == (415, "unsupported_media_type")
    assert side_effects(front) == before


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LocalHost", "[::1]"])
def test_loopback_names_with_the_own_port_are_fine(front, host):
    assert front.call("GET", "/v1/status", None, {"Host": f"{host}:{front.port}"}).status == 200


def test_the_own_origin_is_fine_but_other_sites_are_not(front):
    own = {"Origin": f"http://127.0.0.1:{front.port}"}
    assert front.call("GET", "/v1/status", None, own).status == 200
    cross = front.call("GET", "/v1/status", None, {"Sec-Fetch-Site": "cross-site"})
    assert cross.code == "foreign_origin"


def test_health_is_open_and_tells_nothing_else(front):
    answer = front.bare("GET", "/v1/health")
    assert answer.status == 200
    assert set(answer.json) == {"name", "version", "status"}
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Server" not in answer.headers


@pytest.mark.parametrize("hosts", ["", "Host: 127.0.0.1:{port}\r\nHost: evil.example\r\n"])
def test_no_host_or_two_are_refused(front, hosts):
    head = f"GET /v1/health HTTP/1.0\r\n{hosts.format(port=front.port)}\r\n"
    with socket.create_connection(("127.0.0.1", front.port), timeout=60) as connection:
        connection.sendall(head.encode())
        assert connection.recv(200).split(b" ")[1] in (b"403", b"400")


def test_an_absolute_address_does_not_reach_anything(front):
    answer = front.bare("GET", f"http://evil.example/v1/health?{front.port}")
    assert answer.status in (401, 403)


def test_files_are_private_and_the_token_is_nowhere_else(front):
    modes = {
        name: stat.S_IMODE(os.stat(front.data / name).st_mode)
        for name in ("server.json", "token", "jobs.sqlite", ".")
    }
    assert modes == {"server.json": 0o600, "token": 0o600, "jobs.sqlite": 0o600, ".": 0o700}
    assert front.token not in front.log()
    with open(f"/proc/{front.process.pid}/cmdline") as command:
        assert front.token not in command.read()


def test_prompts_are_not_in_the_log(front):
    front.finished(front.start({"prompt": "my secret garden", "steps": 1}))
    front.call("POST", "/v1/jobs", {"prompt": "my secret garden", "steps": 0})
    asked = {"mode": "txt2img", "width": 64, "height": 64, "prompt": "my secret garden"}
    counted = front.call("POST", "/v1/plan", asked).json["tokens"]
    assert counted["tokens"] >= 3
    assert front.call("POST", "/v1/plan", asked | {"prompt": " "}).json["tokens"] is None
    assert "garden" not in front.log()


def test_r9_connections_without_the_token_lock_nobody_out(launch):
    front = launch()
    kept = http.client.HTTPConnection("127.0.0.1", front.port, timeout=60)
    allowed = {"Authorization": f"Bearer {front.token}"}
    kept.request("GET", "/v1/status", headers=allowed)
    kept.getresponse().read()
    idle = [socket.create_connection(("127.0.0.1", front.port)) for _ in range(600)]
    for connection in idle[::2]:
        connection.sendall(b"GET /v1/health HTTP/1.1\r\nHost: ")
    assert front.call("GET", "/v1/status").status == 200
    job = front.start({"prompt": "猫", "steps": 1})
    assert front.finished(job)["status"] == "succeeded"
    kept.request("GET", "/v1/status", headers=allowed)  # the same connection as before
    assert kept.getresponse().status == 200
    kept.close()
    for connection in idle:
        connection.close()


def test_r10_small_answers_do_not_wait_on_a_kept_connection(launch):
    """Without TCP_NODELAY the second part of an answer waits 40 ms for the first one's receipt. The
    running server's own end of a kept connection is looked at: how long it takes is up to the
    machine."""
    front = launch()
    kept = http.client.HTTPConnection("127.0.0.1", front.port, timeout=60)
    for _ in range(3):
        kept.request("GET", "/v1/status", headers={"Authorization": f"Bearer {front.token}"})
        assert kept.getresponse().read()
    mine = kept.sock.getsockname()
    ends = [end for end in sockets_of(front.process.pid) if peer_of(end) == mine]
    assert [end.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for end in ends] == [1]
    kept.close()


def sockets_of(pid):
    """Copies of a child process's sockets; skips where the system gives none."""
    pidfd_getfd = 438  # of Linux, on all its machines; Python 3.11 has no name for it
    call = getattr(ctypes.CDLL(None, use_errno=True), "syscall", None)
    if not hasattr(os, "pidfd_open") or call is None:
        pytest.skip("no descriptors of other processes here")
    handle = os.pidfd_open(pid)
    try:
        for number in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                if not os.readlink(f"/proc/{pid}/fd/{number}").startswith("socket:"):
                    continue
                copy = call(pidfd_getfd, handle, int(number), 0)
                if copy < 0:
                    pytest.skip(f"not allowed here: {os.strerror(ctypes.get_errno())}")
                yield socket.socket(fileno=copy)
    finally:
        os.close(handle)


def peer_of(end):
    try:
        return end.getpeername()
    except OSError:
        return None
