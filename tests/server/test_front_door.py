"""The port for other machines: who never speaks is sent away, and keeps nobody out."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from tests.server.front import Front
from tests.support import awkward

LEAST = 16  # bytes, more than the head of a record, which would be waited for
LONG = 20  # s; asyncio by itself gives a handshake 60
BEGUN = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"  # of a hello that never goes on
HEALTH = b"GET /v1/health HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n"
Open = Callable[..., "Door"]


class Door:
    """A front that lets other machines in, at `port`."""

    def __init__(self, front: Front) -> None:
        self.front = front
        offered = front.call("POST", "/v1/network/pairing", {"host": "127.0.0.1", "port": 0})
        assert offered.status == 200, offered.body
        self.port = int(offered.json["addresses"][0].rpartition(":")[2])
        self.came: list[socket.socket] = []

    def knock(self, said: bytes = b"") -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), LONG)
        self.came.append(connection)
        connection.sendall(said)
        return connection

    def answers(self, *, at_once: bool = True) -> bytes:
        """To a question about its health, sent with or after the last word of the handshake."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        heard, said = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(heard, said)
        with self.knock() as connection:
            while True:
                with suppress(ssl.SSLWantReadError):
                    tls.do_handshake()
                    break
                connection.sendall(said.read())
                heard.write(connection.recv(65536))
            if not at_once:
                connection.sendall(said.read())
            tls.write(HEALTH % self.port)
            connection.sendall(said.read())
            told = b""
            while not told.endswith(b"}"):
                heard.write(connection.recv(65536))
                with suppress(ssl.SSLWantReadError):
                    while not told.endswith(b"}"):  # one record at a time
                        told += tls.read(65536)
            return told


@pytest.fixture
def opened(launch: Callable[..., Front]) -> Iterator[Open]:
    doors: list[Door] = []

    def start(**limits: Any) -> Door:
        doors.append(Door(launch(**limits)))
        return doors[-1]

    yield start
    for connection in (one for door in doors for one in door.came):
        connection.close()


def first_words(connection: socket.socket) -> bytes:
    """Of the other side; none where it ends the connection at once."""
    with suppress(ConnectionError):
        return connection.recv(100)
    return b""


def is_over(connection: socket.socket) -> bool:
    """Whether the other side has ended it; waits for that."""
    with suppress(ConnectionError):
        return connection.recv(1) == b""
    return True


@pytest.mark.parametrize("said", [b"", BEGUN], ids=["silent", "half a hello"])
def test_who_never_speaks_is_sent_away(opened: Open, said: bytes) -> None:
    assert is_over(opened(head_seconds=0.5).knock(said))


def test_what_is_no_tls_is_refused_without_a_word_in_the_log(opened: Open) -> None:
    """Plain HTTP, and whatever bytes come; none of them is written down."""
    door = opened(head_seconds=600)
    words = [*awkward.NAME_BYTES.values(), *map(str.encode, awkward.FEW.values())]
    said = [HEALTH % door.port, *words]
    for one in said:
        assert not first_words(door.knock(one + b" " * LEAST)).startswith(b"HTTP")
    assert door.answers().startswith(b"HTTP/1.1 200 ")
    log = door.front.log()
    assert "Traceback" not in log
    assert not [text for text in awkward.FEW.values() if text in log]


def test_many_silent_ones_keep_nobody_out(opened: Open) -> None:
    """None of them is sent away for its silence here: those that came first make room."""
    door = opened(head_seconds=600, connections=8)
    silent = [door.knock() for _ in range(20)]
    assert door.answers().startswith(b"HTTP/1.1 200 ")
    assert [is_over(one) for one in silent[:12]] == [True] * 12
    for _ in range(3):  # they come again and again
        silent += [door.knock() for _ in range(20)]
        assert door.answers().startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("at_once", [True, False])
def test_what_comes_with_the_last_word_of_a_handshake_is_heard(opened: Open, at_once: bool) -> None:
    assert b'"status":"ok"' in opened().answers(at_once=at_once).replace(b" ", b"")


def test_a_way_in_that_is_closed_lets_the_silent_go(opened: Open) -> None:
    door = opened(head_seconds=600)
    silent = door.knock()
    assert door.answers()
    assert door.front.call("DELETE", "/v1/network").status == 200
    assert is_over(silent)
    with pytest.raises(ConnectionError):
        door.knock()
