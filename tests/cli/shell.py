"""The real command in real processes, with a data folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

import pentimento
from pentimento.cli.client import Client
from pentimento.core.files import server_file

SECONDS = 120


@dataclass
class Shell:
    """Runs `pentimento ARGUMENTS` in `folder`."""

    folder: Path
    data: Path
    extra: dict[str, str] = field(default_factory=dict)

    def __call__(
        self, *arguments: str, typed: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`typed` is piped in."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            input=typed,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @staticmethod
    def command(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "pentimento", *arguments]

    def environment(self) -> dict[str, str]:
        source = str(Path(pentimento.__file__).parents[1])
        own = {
            "PENTIMENTO_DATA": str(self.data),
            "PYTHONPATH": source,
            "OMP_WAIT_POLICY": "passive",
            "COLUMNS": "200",
        }
        return os.environ | own | self.extra

    def client(self) -> Client:
        """The server that runs with this data folder."""
        found = server_file(self.data)
        assert found is not None
        return Client(found.url, found.token)


def until(true: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Polls until something is so; fails with `what` when it does not become so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def ended(pid: int) -> bool:
    """Whether the process is gone or only waits to be collected."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


def photo(path: Path, depth: type = np.uint16, width: int = 72, height: int = 56) -> np.ndarray:
    """Writes a colourful picture and answers it as OpenCV reads it."""
    y, x = np.mgrid[0:height, 0:width]
    full = np.iinfo(depth).max
    channels = (x / width, y / height, (x + y) / (width + height))
    picture = (np.stack(channels, -1) * full).astype(depth)
    assert cv2.imwrite(str(path), picture)
    return picture


def square_mask(path: Path, width: int = 72, height: int = 56) -> np.ndarray:
    values = np.zeros((height, width), np.uint8)
    values[16:40, 20:52] = 255
    assert cv2.imwrite(str(path), values)
    return values


def read(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert picture is not None, path
    return picture
