"""Waiting for services that take an order and tell later what became of it; for adapters."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pentimento.backends.remote.problems import RemoteProblem
from pentimento.backends.remote.session import Line
from pentimento.errors import Cancelled

FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.5, 3.0, 1.5  # s between two looks

Found = TypeVar("Found")


def collect(line: Line, look: Callable[[], Found | None], undo: tuple[str, str]) -> Found:
    """What `look()` finds once it is not None. `undo` is the method and path that take the order
    back when the job is cancelled or its time is up."""
    pause = FIRST_PAUSE
    try:
        while True:
            line.pause(pause)
            found = look()
            if found is not None:
                return found
            pause = min(pause * GROWTH, LONGEST_PAUSE)
    except (Cancelled, RemoteProblem):
        line.withdraw(*undo)
        raise
