"""What `pentimento doctor` looks at: each check is one finding with the remedy.

A check never raises for what it is there to find out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"  # works, or works after the hint; exit code 0
    FAILED = "failed"  # a job cannot work; exit code 1


@dataclass(frozen=True, slots=True)
class Finding:
    """`text` says what was seen, `hint` what to do about it."""

    name: str
    state: State
    text: str
    hint: str = ""


def ok(name: str, text: str) -> Finding:
    return Finding(name, State.OK, text)


def warning(name: str, text: str, hint: str) -> Finding:
    return Finding(name, State.WARNING, text, hint)


def failed(name: str, text: str, hint: str) -> Finding:
    return Finding(name, State.FAILED, text, hint)
