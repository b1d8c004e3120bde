"""A stand-in for Civitai on loopback, written from the published schema of its API version 1
(https://developer.civitai.com/docs/api/public-rest: models, model-versions, downloads). Its files
lie under another name of this machine, as Civitai's lie elsewhere. Never tried against Civitai."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

MODEL, VERSION, OLDER = 4201, 9001, 8001
OPEN_TERMS = ["Image", "RentCivit", "Rent", "Sell"]


@dataclass
class CivitaiServer:
    """`files`: the bytes of each version. `changes` are laid over what is said of each file."""

    files: dict[int, bytes]
    allowed: Any = field(default_factory=lambda: list(OPEN_TERMS))
    token: str = ""  # that downloads need; none: open to all
    cut: int = 0  # bytes after which the next answers end, `cuts` times
    cuts: int = 0
    changes: dict[str, Any] = field(default_factory=dict)
    beside: list[dict[str, Any]] = field(default_factory=list)  # further files of each version
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                outer.answer(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def elsewhere(self) -> str:
        return f"http://localhost:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def paths(self, start: str) -> list[str]:
        return [path for path, _ in self.asked if path.startswith(start)]

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        headers = {name.lower(): value for name, value in handler.headers.items()}
        path = urlsplit(handler.path).path
        self.asked.append((handler.path, headers))
        number = int(path.rpartition("/")[2]) if path.rpartition("/")[2].isdecimal() else 0
        if path == f"/api/v1/models/{MODEL}":
            return _send(handler, 200, json.dumps(self._model()).encode())
        if path.startswith("/api/v1/model-versions/") and number in self.files:
            told = self._version(number) | {"modelId": MODEL, "model": {"type": "LORA"}}
            return _send(handler, 200, json.dumps(told).encode())
        if path.startswith("/api/download/models/") and number in self.files:
            if self.token and headers.get("authorization") != f"Bearer {self.token}":
                return _send(handler, 307, Location="/login?returnUrl=/models")
            return _send(handler, 307, Location=f"{self.elsewhere}/delivery/{number}?signed=1")
        if path.startswith("/delivery/"):
            return self._deliver(handler, self.files[number], headers)
        return _send(handler, 404 if path != "/login" else 200, b"<html>")

    def _model(self) -> dict[str, Any]:
        return {
            "id": MODEL,
            "name": "水彩 <b>Watercolour</b> 🎨",
            "type": "LORA",
            "nsfw": False,
            "allowNoCredit": False,
            "allowCommercialUse": self.allowed,
            "allowDerivatives": True,
            "allowDifferentLicense": False,
            "modelVersions": [self._version(number) for number in sorted(self.files, reverse=True)],
        }

    def _version(self, number: int) -> dict[str, Any]:
        data = self.files[number]
        main = {
            "id": number + 5,
            "sizeKB": len(data) / 1024,
            "name": f"Aquarelle_v{number}.safetensors",
            "type": "Model",
            "pickleScanResult": "Success",
            "virusScanResult": "Success",
            "metadata": {"fp": "fp16", "size": "pruned", "format": "SafeTensor"},
            "hashes": {"AutoV2": "0123456789", "SHA256": hashlib.sha256(data).hexdigest().upper()},
            "downloadUrl": f"{self.endpoint}/api/download/models/{number}?type=Model&fp=fp16",
            "primary": True,
        }
        files = [*self.beside, main | self.changes]
        return {"id": number, "name": f"v{number}", "baseModel": "SD 1.5", "files": files}

    def _deliver(self, handler: Any, data: bytes, headers: dict[str, str]) -> None:
        start = int(headers.get("range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        handler.send_header("Content-Length", str(len(data) - start))
        handler.end_headers()
        part = data[start:]
        if self.cuts > 0 and len(part) > self.cut:
            self.cuts -= 1
            part = part[: self.cut]
            handler.close_connection = True
        try:
            handler.wfile.write(part)
        except (BrokenPipeError, ConnectionResetError):
            handler.close_connection = True


def _send(handler: Any, status: int, body: bytes = b"", **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def civitai(files: dict[int, bytes], **options: Any) -> Iterator[CivitaiServer]:
    server = CivitaiServer(files, **options)
    try:
        yield server
    finally:
        server.close()
