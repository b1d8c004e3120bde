"""Results are loaded through the environment's proxy, where there is one, and still from nowhere
but the internet."""

from __future__ import annotations

import socket
import threading

import pytest

from pentimento.core.public_http import NotPublic, is_public_name, public_session


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch):
    """Takes one connection, remembers where it should lead, and refuses it."""
    listening = socket.create_server(("127.0.0.1", 0))
    asked: list[str] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                asked.append(connection.recv(4096).split(b"\r\n")[0].decode())
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    threading.Thread(target=serve, daemon=True).start()
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{listening.getsockname()[1]}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")
    yield asked
    listening.close()


def test_a_result_is_loaded_through_the_proxy(proxy: list[str]) -> None:
    url = "https://v3.fal.media/files/b/koala.png"
    with pytest.raises(Exception, match=r"(?i)proxy"):
        public_session(url).get(url, timeout=60)
    assert proxy[0].startswith("CONNECT v3.fal.media:443")


PRIVATE = [
    "https://169.254.169.254/latest/",
    "https://127.0.0.1/x",
    "https://localhost/x",
    "https://nas.local/x",
    "https://intranet/x",
    "https://2130706433/x",
    "https://0x7f.1/x",
    "https://[::1]/x",
    "https://[::ffff:10.0.0.1]/x",
]


@pytest.mark.parametrize("url", PRIVATE)
def test_a_private_place_is_refused_before_the_proxy_is_asked(proxy: list[str], url: str) -> None:
    session = public_session("https://v3.fal.media/x")
    with pytest.raises(NotPublic):
        session.get(url, timeout=60)
    assert proxy == []


@pytest.mark.parametrize("host", ["v3.fal.media", "8.8.8.8", "müller.example.com"])
def test_names_of_the_internet_are_taken(host: str) -> None:
    assert is_public_name(host)
