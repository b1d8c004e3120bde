"""The real server as a process of its own, for tests."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]


class Companion:
    """`pentimento serve` with a data folder of its own, on that port or (0) on a free one."""

    def __init__(self, data: Path, port: int = 0) -> None:
        self.data, self.port = data, port
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(REPO / "server"),
            "PENTIMENTO_DATA": str(data),
            "OMP_WAIT_POLICY": "passive",
        }

    def __enter__(self) -> Companion:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pentimento", "serve", "--port", str(self.port)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found, f"the server said {line!r}"
        self.url = found.group()
        self.token = json.loads((self.data / "server.json").read_text())["token"]
        return self

    def __exit__(self, *_exception: object) -> None:
        self.process.terminate()
        self.process.wait(60)
        self.process.stdout.close()

    def fetch(self, path: str, kind: str) -> tuple[str, bytes]:
        """What is at a path, as (content type, body)."""
        headers = {"Authorization": "Bearer " + self.token, "Accept": kind}
        request = urllib.request.Request(self.url + path, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.headers["Content-Type"], answer.read()

    def ask(self, path: str, method: str = "GET", body: object = None) -> dict:
        """The JSON answer of one call."""
        request = urllib.request.Request(
            self.url + path,
            None if body is None else json.dumps(body).encode(),
            {"Authorization": "Bearer " + self.token, "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
