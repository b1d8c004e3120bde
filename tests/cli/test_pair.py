"""Another machine's server: paired by a code, reached by TLS with its own certificate alone, and
the same pictures as it paints for itself. Both "machines" are data folders here."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import shutil
import ssl
import stat
import sys
import threading
import types
from collections.abc import Coroutine, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import requests
from tests.cli.conftest import end_server
from tests.cli.shell import Shell
from tests.support import awkward

import pentimento
from pentimento.cli import pair
from pentimento.core import certificate, other_machine, pairing_code
from pentimento.core.errors import PentimentoError

BLUEPRINT = Path(pentimento.__file__).parent / "starter/blueprint/pytorch_lora_weights.safetensors"
SIDE = 1100  # px: 4.6 MiB, past h11


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """The machine with the card: its server runs, and has a LoRA that the other one lacks."""
    folder = tmp_path_factory.mktemp("Atelier 画室")
    (folder / "work").mkdir()
    shell = Shell(folder / "work", folder / "data")
    (shell.data / "loras").mkdir(parents=True)
    shutil.copy(BLUEPRINT, shell.data / "loras" / "水墨.safetensors")
    process = shell.start("serve")
    assert process.stdout is not None
    assert "listening on" in process.stdout.readline()
    yield shell
    end_server(shell)
    process.communicate(timeout=60)


@pytest.fixture
def laptop(tmp_path: Path) -> Shell:
    (tmp_path / "arbeit").mkdir()
    return Shell(tmp_path / "arbeit", tmp_path / "données")


def offered(studio: Shell) -> tuple[str, str]:
    """Address and code, as the command tells them to a person."""
    told = studio("pair", "--host", "127.0.0.1", "--port", "0")
    assert told.returncode == 0, told.stderr
    address = re.search(r"pentimento pair (127\.0\.0\.1:\d+)", told.stdout)
    code = re.search(r"^  ([A-Z2-9-]{19})$", told.stdout, re.MULTILINE)
    assert address, told.stdout
    assert code, told.stdout
    return address[1], code[1]


def paired(studio: Shell, laptop: Shell) -> dict[str, str]:
    """What the laptop keeps of it."""
    address, code = offered(studio)
    done = laptop("pair", address, typed=f"{code.lower().replace('-', ' ')}\n")
    assert done.returncode == 0, done.stderr
    assert address in done.stdout
    return json.loads((laptop.data / "remote.json").read_text())


def session(kept: dict[str, str]) -> requests.Session:
    new = other_machine.session(kept["fingerprint"])
    new.headers["Authorization"] = f"Bearer {kept['token']}"
    return new


def photograph(path: Path) -> Path:
    """Neither square nor even, 16 bits deep."""
    y, x = np.mgrid[0:75, 0:101]
    rgb = np.stack([x * 600, y * 800, (x + y) * 300], 2).astype(np.uint16)
    cv2.imwrite(str(path), rgb)
    return path


def test_two_commands_and_the_other_machine_paints_the_same_bytes(studio, laptop):
    kept = paired(studio, laptop)
    assert kept["url"].startswith("https://127.0.0.1:")
    file = laptop.data / "remote.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with session(kept) as line:
        loras = line.get(kept["url"] + "/v1/models").json()["loras"]
    lora = next(one["id"] for one in loras if one["title"] == "水墨")
    common = [
        "--prompt",
        awkward.PROMPTS["cjk"],
        "--seed",
        "7",
        "--steps",
        "4",
        "--strength",
        "0.6",
    ]
    common += ["--lora", f"{lora}:0.7", "--json"]
    for shell in (studio, laptop):
        source = photograph(shell.folder / "größe 写真.png")
        done = shell("run", "--input", str(source), *common, "--output", "out.png")
        assert done.returncode == 0, done.stderr
    here = cv_pixels(laptop.folder / "out.png")
    there = cv_pixels(studio.folder / "out.png")
    assert here.dtype == np.uint16
    assert np.array_equal(here, there)
    assert not (laptop.data / "server.json").exists()  # nothing was started here
    gone = laptop("pair", "--forget")
    assert gone.returncode == 0
    assert not file.exists()


def cv_pixels(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def test_large_pictures_come_through_tls_whole(studio, laptop):
    kept = paired(studio, laptop)
    pixels = hashlib.shake_128("größe".encode()).digest(SIDE * SIDE * 4)
    kind = f"application/x-pixels; format=rgba-u8; width={SIDE}; height={SIDE}"
    with session(kept) as line:
        sent = line.put(f"{kept['url']}/v1/blobs", pixels, headers={"Content-Type": kind}).json()
        wanted = {"mode": "img2img", "source": {"blob": sent["id"]}, "strength": 0, "prompt": ""}
        job = line.post(f"{kept['url']}/v1/jobs", json=wanted).json()["id"]
        shell = studio.client()
        last = list(shell.follow(job))[-1]
        assert last["status"] == "succeeded"
        got = line.get(
            kept["url"] + last["images"][0]["url"], headers={"Accept": "application/x-pixels"}
        )
    assert sent["id"] == hashlib.sha256(f"rgba-u8;{SIDE};{SIDE};".encode() + pixels).hexdigest()
    assert got.content == pixels


MANAGED = (
    *(("POST", "/v1/shutdown"), ("POST", "/v1/engine/stop"), ("PUT", "/v1/backends/fal/key")),
    *(("PUT", "/v1/backends/fal"), ("POST", "/v1/backends/fal/consent"), ("POST", "/v1/shared")),
    *(("POST", "/v1/models/pull"), ("DELETE", "/v1/models/x"), ("PUT", "/v1/models/folders")),
    *(("POST", "/v1/network/pairing"), ("DELETE", "/v1/network"), ("GET", "/v1/models/folders")),
)


def test_what_manages_the_machine_cannot_be_reached_from_another_one(studio, laptop):
    kept = paired(studio, laptop)
    with session(kept) as line:
        for method, path in MANAGED:
            answer = line.request(method, kept["url"] + path, json={})
            assert answer.status_code == 403, (method, path)
            assert answer.json()["error"]["code"] == "not_over_network"
        places = line.get(kept["url"] + "/v1/backends").json()["backends"]
        assert [place["id"] for place in places] == ["local"]
        assert "that machine" in places[0]["privacy"]
        for path in ("/v1/jobs", "/v1/plan"):
            asked = {"mode": "txt2img", "prompt": "湖", "backend": "horde"}
            refused = line.post(kept["url"] + path, json=asked)
            assert (refused.status_code, refused.json()["error"]["code"]) == (
                403,
                "not_over_network",
            )
    assert studio.client().health()["status"] == "ok"


def test_each_side_has_a_token_of_its_own(studio, laptop):
    """That of loopback opens nothing from outside, and the other way round."""
    kept = paired(studio, laptop)
    own = json.loads((studio.data / "server.json").read_text())
    assert kept["token"] != own["token"]
    with other_machine.session(kept["fingerprint"]) as line:
        for token in ("", own["token"]):
            line.headers["Authorization"] = f"Bearer {token}"
            assert line.get(kept["url"] + "/v1/status").status_code == 401
        line.headers["Authorization"] = f"Bearer {kept['token']}"
        assert line.get(kept["url"] + "/v1/status").status_code == 200
        rebound = {"Host": "evil.example:" + kept["url"].rpartition(":")[2]}
        assert line.get(kept["url"] + "/v1/status", headers=rebound).status_code == 403
        page = {"Origin": "https://evil.example"}
        assert line.get(kept["url"] + "/v1/status", headers=page).status_code == 403
    with requests.Session() as inside:
        inside.headers["Authorization"] = f"Bearer {kept['token']}"
        assert inside.get(own["url"] + "/v1/status").status_code == 401


def test_a_code_is_for_one_machine_and_for_five_tries(studio, laptop, tmp_path):
    address, code = offered(studio)
    assert laptop("pair", address, typed=code).returncode == 0
    (tmp_path / "w").mkdir()
    second = Shell(tmp_path / "w", tmp_path / "d")
    again = second("pair", address, typed=code)
    assert again.returncode == 1
    assert "code was used" in again.stderr
    _, code = offered(studio)
    host, port = address.split(":")
    for _ in range(5):
        with pytest.raises(PentimentoError) as refused:
            pair.paired(host, int(port), "A" * 16)
        assert refused.value.code == "wrong_code"
    assert "code was used" in second("pair", address, typed=code).stderr
    assert not (second.data / "remote.json").exists()
    assert "four groups of four signs" in second("pair", address, typed="naïve ①\n").stderr


class Between:
    """Somebody who answers at the address with a certificate of their own, and hands everything on
    to the real server: it sees the code's proofs, and would see the token.

    One event loop does all of it: two threads must not read and write one TLS connection at once
    before Python 3.13."""

    def __init__(self, folder: Path, real: tuple[str, int]) -> None:
        own = certificate.own(folder)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(own.certificate, own.key)
        self._real = real
        self.heard = b""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        server = self._run(asyncio.start_server(self._pass, "127.0.0.1", 0, ssl=self._context))
        self.address = _place(server.sockets[0].getsockname()).decode()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        answers, questions = await asyncio.open_connection(*self._real, ssl=trusting)
        back = asyncio.create_task(_copy(answers, writer))
        with suppress(OSError):
            while data := await reader.read(65536):
                self.heard += data
                questions.write(data.replace(self.address.encode(), _place(self._real)))
                await questions.drain()
        questions.close()
        await back

    def close(self) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _copy(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65536):
            to.write(data)
            await to.drain()
    to.close()


def _place(address: tuple[str, int]) -> bytes:
    return f"{address[0]}:{address[1]}".encode()


def test_who_sits_between_is_noticed_by_both(studio, laptop, tmp_path):
    kept = paired(studio, laptop)
    address, code = offered(studio)
    host, port = address.split(":")
    with closing(Between(tmp_path / "between", (host, int(port)))) as between:
        (tmp_path / "w").mkdir()
        fresh = Shell(tmp_path / "w", tmp_path / "d")
        refused = fresh("pair", between.address, typed=code)
        assert refused.returncode == 1
        assert "something between the two answers" in refused.stderr
        assert b"/v1/pair" in between.heard  # it did hand it on
        assert pairing_code.plain(code).encode() not in between.heard
        assert kept["token"].encode() not in between.heard
        # and one that was paired before sends it nothing at all
        before = len(between.heard)
        data: dict[str, Any] = kept | {"url": "https://" + between.address}
        (laptop.data / "remote.json").write_text(json.dumps(data))
        told = laptop("status")
        assert told.returncode == 1
        assert "another certificate" in told.stderr
        assert len(between.heard) == before


def test_the_plug_in_notices_who_sits_between(studio, laptop, tmp_path, monkeypatch):
    """The same exchange, written for GIMP's Python. Only its texts need GLib, which is not here."""
    words: Any = types.ModuleType("i18n")
    words._ = lambda text: text
    monkeypatch.setitem(sys.modules, "i18n", words)
    import other_machine as in_gimp
    from errors import PluginError

    kept = paired(studio, laptop)
    address, code = offered(studio)
    host, port = address.split(":")
    with closing(Between(tmp_path / "between", (host, int(port)))) as between:
        with pytest.raises(PluginError) as refused:
            in_gimp.pair(between.address, in_gimp.plain_code(code))
        assert refused.value.code == "wrong_code"
        before = len(between.heard)
        host, port = between.address.split(":")
        with pytest.raises(in_gimp.WrongCertificate):
            in_gimp.Connection(host, int(port), kept["fingerprint"], 10).request("GET", "/")
        assert len(between.heard) == before
        assert kept["token"].encode() not in between.heard
    assert in_gimp.pair(address, in_gimp.plain_code(code))[1:] == (
        kept["token"],
        kept["fingerprint"],
    )


def test_closed_it_stays_closed_and_no_token_counts_any_more(studio, laptop):
    kept = paired(studio, laptop)
    assert studio("pair", "--close").returncode == 0
    gone = laptop("status")
    assert gone.returncode == 1
    assert "Nothing answers" in gone.stderr
    assert laptop.data.joinpath("remote.json").exists()  # a machine that is off is not forgotten
    new = paired(studio, laptop)
    assert new["token"] != kept["token"]
    assert new["fingerprint"] == kept["fingerprint"]


def test_it_is_open_again_after_a_start(tmp_path, laptop):
    (tmp_path / "work").mkdir()
    studio = Shell(tmp_path / "work", tmp_path / "data")
    kept = paired(studio, laptop)
    end_server(studio)
    process = studio.start("serve")
    try:
        assert process.stdout
        assert "listening on" in process.stdout.readline()
        told = laptop("status")
        assert told.returncode == 0, told.stderr
        assert json.loads((laptop.data / "remote.json").read_text()) == kept
        assert stat.S_IMODE((studio.data / "network" / "key.pem").stat().st_mode) == 0o600
        assert stat.S_IMODE((studio.data / "network" / "access.json").stat().st_mode) == 0o600
    finally:
        end_server(studio)
        process.communicate(timeout=60)
    for file in (studio.data / "logs").iterdir():
        assert kept["token"].encode() not in file.read_bytes()
