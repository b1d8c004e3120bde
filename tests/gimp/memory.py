"""The peak memory of every plug-in process that a GIMP starts."""

from __future__ import annotations

import re
import threading
from pathlib import Path

from tests.gimp.processes import plugin_process

POLL_SECONDS = 0.01


class PluginMemory:
    """Watches while it is entered; `peaks` are bytes, one for each process in order of start."""

    def __init__(self, work: Path) -> None:
        self._work = work
        self._found: dict[int, int] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> PluginMemory:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._done.set()
        self._thread.join()

    @property
    def peaks(self) -> list[int]:
        return list(self._found.values())

    def _watch(self) -> None:
        while not self._done.wait(POLL_SECONDS):
            process = plugin_process(self._work)
            if process is not None:
                self._note(process)

    def _note(self, process: int) -> None:
        """The kernel keeps the peak itself, so a late look misses nothing but the very end."""
        try:
            status = Path(f"/proc/{process}/status").read_text()
        except OSError:  # ended meanwhile
            return
        peak = re.search(r"VmHWM:\s+(\d+) kB", status)
        if peak:
            self._found[process] = int(peak[1]) * 1024
