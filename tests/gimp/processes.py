"""Finding the processes of a test by their command lines, and waiting for things to become true."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def wait_until(found: Callable[[], T], seconds: float, what: str) -> T:
    """Polls until `found()` is truthy; what it gave."""
    deadline = time.monotonic() + seconds
    while True:
        result = found()
        if result:
            return result
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.05)


def plugin_process(work: Path) -> int | None:
    """The process of the plug-in that runs an action for the GIMP of this folder."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        script = str(work / "config/plug-ins/pentimento/pentimento.py").encode()
        if script in command and b"-run" in command:
            return int(folder.name)
    return None
