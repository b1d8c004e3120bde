"""The flag that ends a job. No torch here."""

from __future__ import annotations

import threading

from pentimento.errors import Cancelled


class StopFlag:
    """Set from the reader thread, looked at by the compute thread."""

    def __init__(self) -> None:
        self._set = threading.Event()
        self.passed = 0  # how often the compute thread came by: its sign of life

    def set(self) -> None:
        self._set.set()

    def check(self) -> None:
        """Raises Cancelled once the flag is set."""
        self.passed += 1
        if self._set.is_set():
            raise Cancelled
