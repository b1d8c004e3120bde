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
    """`pentimento serve` on a free port with a data folder of its own."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(REPO / "server"),
            "PENTIMENTO_DATA": str(data),
            "OMP_WAIT_POLICY": "passive",
        }

    def __enter__(self) -> Companion:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pentimento", "serve", "--port", "0"],
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
        self.process.wait(30)
        self.process.stdout.close()

    def ask(self, path: str, method: str = "GET", body: object = None) -> dict:
        """The JSON answer of one call."""
        request = urllib.request.Request(
            self.url + path,
            None if body is None else json.dumps(body).encode(),
            {"Authorization": "Bearer " + self.token, "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
