"""The time by which things expire: never ahead of what is certain.

A computer's clock may be wrong by years, for a moment or for days, and what is deleted stays
deleted. So a step that cannot be true yet is held back, and is believed only when the clock still
says so much later: the larger the step, the longer it takes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

HOUR, WEEK = 3600.0, 7 * 86_400.0
SMALL_STEP = HOUR  # s that a clock may be put forward without doubt
DOUBT_SHARE = 0.1  # of the step; for so long a large one is not believed


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen last, for the next start. `lag`: seconds of the clock that are in doubt."""

    wall: float  # seconds since 1970
    lag: float = 0.0
    doubted_at: float | None = None  # by the clock that is in doubt


def steady_seconds() -> float:
    """Goes on while the computer sleeps, where the system has such a clock."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.clock_gettime(boot) if boot is not None else time.monotonic()


class CautiousClock:
    def __init__(
        self,
        sight: Sight | None = None,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = steady_seconds,
    ) -> None:
        self._wall, self._steady = wall, steady
        self._seen = sight or Sight(wall())
        self._seen_steady = steady()

    def now(self) -> float:
        """Seconds since 1970; at most what the computer's clock says."""
        wall, steady = self._wall(), self._steady()
        passed = max(0.0, steady - self._seen_steady)
        self._seen = _looked(self._seen, wall, passed)
        self._seen_steady = steady
        return wall - self._seen.lag

    @property
    def sight(self) -> Sight:
        self.now()
        return self._seen


def _looked(before: Sight, wall: float, passed: float) -> Sight:
    """`passed`: seconds that certainly went by since `before`."""
    step = wall - before.wall - passed
    lag, doubted_at = before.lag, before.doubted_at
    if step < -1.0:
        lag = max(0.0, lag + step)  # put back: so much less is in doubt
    if lag == 0.0 or doubted_at is None or wall - doubted_at >= _patience(lag):
        lag, doubted_at = 0.0, None
    if step > SMALL_STEP:
        return Sight(wall, lag + step, wall)
    return Sight(wall, lag, doubted_at)


def _patience(lag: float) -> float:
    return min(max(HOUR, lag * DOUBT_SHARE), WEEK)
