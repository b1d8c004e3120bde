#!/usr/bin/env python3
"""Measures the fidelity table in real GIMP and writes it into docs/fidelity.md.

    python docs/make_fidelity.py

Needs the GIMP roots of tools/gimp-root.sh. tests/gimp/test_fidelity.py measures the same again and
checks that the page says so.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
PAGE = REPO / "docs" / "fidelity.md"
BEGIN, END = "<!-- table: begin -->\n", "<!-- table: end -->"
sys.path[:0] = [str(REPO / "server"), str(REPO)]

from tests.gimp.companion import Companion
from tests.gimp.fidelity_report import HEAD, measured
from tests.gimp.harness import HeadlessGimp
from tests.gimp.inside import fidelity_cases


def rows(version: str, companion: Companion, work: Path) -> list[str]:
    gimp = HeadlessGimp(version, work)
    gimp.point_to(companion.url, companion.token)
    answers = gimp.run("fidelity.py", timeout=280)
    return [
        measured(case, answers[case["name"]], companion).line() for case in fidelity_cases.CASES
    ]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for name in ("server", "3.0", "3.2"):
            (work / name).mkdir()
        with Companion(work / "server") as companion:
            found = {
                version: rows(version, companion, work / version) for version in ("3.0", "3.2")
            }
    if found["3.0"] != found["3.2"]:
        apart = [pair for pair in zip(*found.values(), strict=True) if pair[0] != pair[1]]
        sys.exit(f"the two GIMPs differ: {apart}")
    page = PAGE.read_text()
    head, rest = page.split(BEGIN)
    _old, tail = rest.split(END)
    PAGE.write_text(head + BEGIN + "\n".join([*HEAD, *found["3.0"]]) + "\n" + END + tail)


if __name__ == "__main__":
    main()
