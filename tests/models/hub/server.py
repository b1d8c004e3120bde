"""A hub on loopback: a real HTTP server with the API of HuggingFace's hub, and a second one at
another port that has the files, as its CDN does. Faults are switched on by name."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

COMMIT = "c0ffee" * 6 + "beef"
CUT_AFTER = 300_000  # bytes of an answer
DRIP_SECONDS = 0.02
SLOW_PART, SLOW_SECONDS = 16_384, 0.01


@dataclass
class Asked:
    """A request as it arrived; `sent` counts the bytes of the file that went out."""

    path: str
    headers: dict[str, str]
    sent: int = 0

    @property
    def start(self) -> int:
        value = self.headers.get("range", "bytes=0-")
        return int(value.removeprefix("bytes=").rstrip("-"))


@dataclass
class Fault:
    """`times` answers have it, then it is over."""

    name: str
    times: int
    only: str = ".safetensors"  # end of the paths it befalls
    retry_after: str = ""


@dataclass
class HubServer:
    """Serves `folders`: repository -> folder with its files."""

    folders: dict[str, Path]
    token: str = ""  # that is needed; none: open to all
    cards: dict[str, dict[str, Any]] = field(default_factory=dict)  # what is said of repositories
    faults: list[Fault] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    cdn_asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.released = threading.Event()
        self._servers = [self._listen(self._hub), self._listen(self._cdn)]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._servers[0].server_address[1]}"

    @property
    def cdn(self) -> str:
        return f"http://localhost:{self._servers[1].server_address[1]}"

    def fault(self, name: str, times: int = 1, **more: Any) -> None:
        self.faults.append(Fault(name, times, **more))

    def close(self) -> None:
        self.released.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def sent(self, name: str) -> int:
        """Bytes of a file that have gone out, in all requests together."""
        return sum(one.sent for one in self.cdn_asked if one.path.endswith(name))

    def _listen(self, serve: Any) -> ThreadingHTTPServer:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                try:
                    serve(self, Asked(unquote(self.path), headers))
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server

    def _hub(self, handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        self.asked.append(asked)
        allowed = not self.token or asked.headers.get("authorization") == f"Bearer {self.token}"
        if not allowed:
            return _answer(handler, 403 if "authorization" in asked.headers else 401)
        path = urlsplit(asked.path).path
        for repo, folder in self.folders.items():
            if path == f"/api/models/{repo}/revision/main":
                if fault := self._due("list"):
                    return self._refuse(handler, fault)
                told = self._listing(folder) | self.cards.get(repo, {})
                return _answer(handler, 200, json.dumps(told).encode())
            prefix = f"/{repo}/resolve/{COMMIT}/"
            if path.startswith(prefix) and (folder / path.removeprefix(prefix)).is_file():
                target = f"{self.cdn}/{repo}/{quote(path.removeprefix(prefix))}"
                return _answer(handler, 302, headers={"Location": target})
        return _answer(handler, 404)

    def _listing(self, folder: Path) -> dict[str, Any]:
        """As `GET /api/models/…?blobs=true`: large files have `lfs`, small ones git's name only."""
        siblings = []
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            data = file.read_bytes()
            blob = hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()
            one: dict[str, Any] = {"rfilename": file.relative_to(folder).as_posix()}
            one |= {"size": len(data), "blobId": blob}
            if file.suffix in (".safetensors", ".bin"):
                digest = hashlib.sha256(data).hexdigest()
                one |= {"blobId": "0" * 40}
                one["lfs"] = {"sha256": digest, "size": len(data), "pointerSize": 134}
            siblings.append(one)
        return {"sha": COMMIT, "siblings": siblings}

    def _due(self, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and path.endswith(fault.only):
                fault.times -= 1
                return fault
        return None

    def _refuse(self, handler: BaseHTTPRequestHandler, fault: Fault) -> None:
        headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
        _answer(handler, int(fault.name), headers=headers)

    def _cdn(self, handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        self.cdn_asked.append(asked)
        repo = next(name for name in self.folders if asked.path.startswith(f"/{name}/"))
        data = (self.folders[repo] / asked.path.removeprefix(f"/{repo}/")).read_bytes()
        fault = self._due(asked.path)
        if fault and fault.name.isdigit():
            return self._refuse(handler, fault)
        name = fault.name if fault else ""
        start = 0 if name == "no-range" else asked.start
        if start >= len(data) > 0:
            return _answer(handler, 416)
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        handler.send_header("Content-Length", str(len(data) - start))
        handler.end_headers()
        self._send(handler, asked, data[start:], name)

    def _send(self, handler: Any, asked: Asked, data: bytes, fault: str) -> None:
        if fault == "wrong":
            data = bytes([data[0] ^ 1]) + data[1:]
        if fault == "cut":
            handler.wfile.write(data[:CUT_AFTER])
            asked.sent += len(data[:CUT_AFTER])
            handler.close_connection = True
        elif fault == "drip":
            while not self.released.wait(DRIP_SECONDS):
                handler.wfile.write(b"x")
        elif fault == "hang":
            handler.wfile.write(data[:CUT_AFTER])
            asked.sent += len(data[:CUT_AFTER])
            self.released.wait(60)
        elif fault == "slow":
            for place in range(0, len(data), SLOW_PART):
                part = data[place : place + SLOW_PART]
                handler.wfile.write(part)
                asked.sent += len(part)
                time.sleep(SLOW_SECONDS)
        else:
            handler.wfile.write(data)
            asked.sent += len(data)


def _answer(handler: Any, status: int, body: bytes = b"", headers: Any = None) -> None:
    handler.send_response(status)
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def serving(folders: dict[str, Path], **options: Any) -> Iterator[HubServer]:
    server = HubServer(folders, **options)
    try:
        yield server
    finally:
        server.close()


def own_catalogue(data: Path, *entries: str) -> None:
    """Adds entries of tests to a data folder's catalogue, as a studio adds its own."""
    licences = """
[licences.ours]
title = "Ours"
url = "https://example.com/ours"
open = true
[licences.strict]
title = "Strict licence"
url = "https://example.com/strict"
open = false
notice = "For tests only."
"""
    data.mkdir(parents=True, exist_ok=True)
    (data / "catalogue.toml").write_text(licences + "".join(entries))


def entry(
    name: str = "tiny",
    repo: str = "studio/tiny",
    role: str = "model",
    files: tuple[str, ...] = ("weights.safetensors", "config.json"),
    licence: str = "ours",
    **more: Any,
) -> str:
    said = {
        "id": name,
        "title": f"Title of {name}",
        "role": role,
        "family": "sd15",
        "pipeline": "StableDiffusionPipeline" if role == "model" else "",
        "repo": repo,
        "files": list(files),
        "bytes": 3_000_000,
        "licence": licence,
        "vram": 4,
        "cpu": True,
        "use": "Tests.",
    } | more
    lines = [f"{key} = {json.dumps(value)}" for key, value in said.items()]
    return "\n[[entry]]\n" + "\n".join(lines) + "\n"
