"""When live painting begins its next run. Nothing here needs GIMP; all times are in seconds of a
clock that never goes back."""

from __future__ import annotations

from collections import deque
from typing import Deque, Optional

SLOW = 1.5  # a mean run of more is not worth beginning in the middle of a stroke
REST = 0.25  # without a change, before a slow run
MOST = 3.0  # a slow run waits no longer than this after the first change
REMEMBERED = 10  # runs that the mean is of


class Pace:
    """One run at a time: at once where they are fast, after a moment's rest where they are slow."""

    def __init__(self) -> None:
        self._runs: Deque[float] = deque(maxlen=REMEMBERED)
        self._first: Optional[float] = None  # change that no run has seen
        self._last = 0.0
        self._begun: Optional[float] = None

    def change(self, now: float) -> None:
        """What would be painted is not what it was."""
        if self._first is None:
            self._first = now
        self._last = now

    def is_due(self, now: float) -> bool:
        if self._begun is not None or self._first is None:
            return False
        if self.mean <= SLOW:
            return True
        return now - self._last >= REST or now - self._first >= MOST

    def begin(self, now: float) -> None:
        """A run has seen all changes up to now."""
        self._begun, self._first = now, None

    def end(self, now: float) -> None:
        if self._begun is not None:
            self._runs.append(now - self._begun)
        self._begun = None

    def give_up(self) -> None:
        """The run came to nothing."""
        self._begun = None

    @property
    def mean(self) -> float:
        return sum(self._runs) / len(self._runs) if self._runs else 0.0
