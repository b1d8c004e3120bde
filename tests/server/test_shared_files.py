"""Pictures that go by way of a file on the server's machine: the same as if they were sent, and no
name from outside ever leads to a file of somebody else's."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.server.front import Front
from tests.server.test_large_bodies import SIDE, name_of, picture

from pentimento.jobs import shared

RAW = {"format": "rgba-u8", "width": SIDE, "height": SIDE}


def lend(front: Front, **other: object) -> dict:
    answer = front.call("POST", "/v1/shared", RAW | other)
    assert answer.status == 201, answer.body
    return answer.json


def left(front: Front) -> list[Path]:
    return list((front.data / "blobs").glob("*.part"))


def test_what_is_written_is_taken_in_as_if_it_had_been_sent(launch: Callable[..., Front]) -> None:
    front, pixels = launch(), picture(11)
    lent = lend(front)
    path = Path(lent["path"])
    assert path.parent == front.data / "blobs"
    assert (stat.S_IMODE(path.stat().st_mode), path.stat().st_size) == (0o600, 0)
    assert lent["bytes"] == len(pixels)
    path.write_bytes(pixels)
    taken = front.call("PUT", f"/v1/shared/{lent['name']}")
    assert (taken.status, taken.json["id"]) == (201, name_of(pixels))
    assert (front.data / "blobs" / name_of(pixels)).read_bytes() == pixels
    assert left(front) == []
    assert front.call("PUT", f"/v1/shared/{lent['name']}").code == "blob_not_found"
    done = front.finished(
        front.start({"mode": "img2img", "strength": 0, "source": {"blob": taken.json["id"]}})
    )
    assert done["status"] == "succeeded"


@pytest.mark.parametrize("size", [0, 1, SIDE * SIDE * 4 - 1, SIDE * SIDE * 4 + 1])
def test_a_file_of_another_size_is_refused_and_gone(front: Front, size: int) -> None:
    lent = lend(front)
    Path(lent["path"]).write_bytes(bytes(size))
    assert front.call("PUT", f"/v1/shared/{lent['name']}").code == "size_mismatch"
    assert not Path(lent["path"]).exists()


@pytest.mark.parametrize("link", [os.symlink, os.link, None], ids=["symlink", "link", "other"])
def test_another_file_under_the_name_is_never_read(
    front: Front, tmp_path: Path, link: Callable[[Path, Path], None] | None
) -> None:
    lent, pixels = lend(front), picture(12)
    secret, path = tmp_path / "机密 secret", Path(lent["path"])
    secret.write_bytes(pixels)
    path.unlink()
    if link:
        link(secret, path)
    else:
        path.write_bytes(pixels)
    answer = front.call("PUT", f"/v1/shared/{lent['name']}")
    assert (answer.status, answer.code) == (400, "bad_image")
    assert front.call("HEAD", f"/v1/blobs/{name_of(pixels)}").status == 404
    assert secret.read_bytes() == pixels


@pytest.mark.parametrize("name", ["../jobs.sqlite", "..%2Fserver.json", "a" * 32, "", "%00", "*"])
def test_names_from_outside_lead_nowhere(front: Front, name: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in front.data.rglob("*") if path.is_file()}
    answer = front.call("PUT", f"/v1/shared/{name}")
    assert answer.status in (400, 404, 405)
    after = {path for path in front.data.rglob("*") if path.is_file()}
    assert {path for path in before if "sqlite" not in path.name} <= after


def test_too_large_pictures_and_odd_requests_make_no_file(front: Front) -> None:
    for body in (
        RAW | {"width": 999_999, "height": 999_999},
        RAW | {"format": "png"},
        {},
        RAW | {"path": "/etc/passwd"},
    ):
        assert front.call("POST", "/v1/shared", body).status in (400, 413, 422), body
    assert left(front) == []


def test_files_that_nobody_fills_make_room(launch: Callable[..., Front]) -> None:
    front = launch()
    lent = [lend(front) for _ in range(shared.MOST + 3)]
    assert len(left(front)) == shared.MOST
    assert [Path(one["path"]).exists() for one in lent] == [False] * 3 + [True] * shared.MOST
    assert front.call("PUT", f"/v1/shared/{lent[0]['name']}").code == "blob_not_found"


@pytest.mark.parametrize(
    ("address", "offered"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("192.168.1.7", False),
        ("2001:db8::7", False),
        ("::ffff:192.168.1.7", False),
        ("unix", False),
        (None, False),
    ],
)
def test_only_this_machine_is_offered_files(address: str | None, offered: bool) -> None:
    assert shared.is_offered(address) is offered


@pytest.fixture
def client(front: Front, monkeypatch: pytest.MonkeyPatch) -> object:
    """The plug-in's own client."""
    import types

    words = types.ModuleType("i18n")
    words._ = lambda text: text  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "i18n", words)
    from client import Client

    return Client(f"http://127.0.0.1:{front.port}", front.token)


def test_the_plug_in_shares_where_it_can_and_sends_where_it_cannot(
    front: Front, client: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    import wire

    client.prove()
    asked = []
    exchange = client._exchange
    monkeypatch.setattr(
        client, "_exchange", lambda *all, **named: asked.append(all[:2]) or exchange(*all, **named)
    )
    first, second = picture(13), picture(14)
    assert client.send(wire.Pixels("rgba-u8", SIDE, SIDE, first)) == name_of(first)
    assert ("PUT", "/v1/blobs") not in asked
    assert front.call("HEAD", f"/v1/blobs/{name_of(first)}").status == 200

    monkeypatch.setattr(os, "open", refused)  # a sandbox that shows another folder
    assert client.send(wire.Pixels("rgba-u8", SIDE, SIDE, second)) == name_of(second)
    assert ("PUT", "/v1/blobs") in asked
    assert front.call("HEAD", f"/v1/blobs/{name_of(second)}").status == 200


def refused(path: str, *_flags: int) -> int:
    raise FileNotFoundError(path)


def test_the_plug_in_writes_over_nothing(
    front: Front, client: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever path it is told, by a server at the other end of a tunnel."""
    import wire

    client.prove()
    letter, pixels = tmp_path / "Brief.txt", picture(15)
    letter.write_text("Liebe Anna")
    link = tmp_path / "link.part"
    link.symlink_to(tmp_path / "leer")
    (tmp_path / "leer").touch()
    asked = client._json
    for path in (letter, link, tmp_path):
        client._shares = True
        monkeypatch.setattr(
            client,
            "_json",
            lambda *all, path=path: (
                {"name": "a", "path": str(path)} if len(all) > 2 else asked(*all)
            ),
        )
        assert client._shared(wire.Pixels("rgba-u8", SIDE, SIDE, pixels)) is False
        assert client._shares is False
    assert letter.read_text() == "Liebe Anna"
    assert (tmp_path / "leer").read_bytes() == b""
