"""A short run of the fuzzer; `python -m tests.fuzz.fuzz --calls 50000` is the long one."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.fuzz import ROUTES, fuzz

CALLS = 1200
SEED = 12
MOST_MEMORY = 1024  # MiB
STUCK = 2.0  # s that the event loop stands still: a hang on any machine. The long run, which is
# made on a quiet one, holds it to a tenth of a second.


def test_whatever_is_sent_is_answered_and_nothing_else_waits(tmp_path: Path) -> None:
    found = fuzz(CALLS, SEED, tmp_path)
    assert found.faults == []
    assert [stall for stall in found.stalls if stall["seconds"] > STUCK] == []
    assert found.peak_mb < MOST_MEMORY
    assert found.calls >= CALLS - 10
    assert len(found.succeeded) > len(set(ROUTES)) * 0.7  # not refusals alone
