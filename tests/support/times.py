"""Where the time of a test run goes: per file, on the clock and of the processor; and what failed.

`pytest -p tests.support.times --times out.json ...` writes what a run took; `python -m
tests.support.times out.json ...` prints tables of such files, as CI does at its end, and below them
why each test failed, since the end is what is seen of a long output. The processor's time includes
that of all processes that a test has started, ended or not.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import psutil
import pytest

REASON = 600  # characters of it


def processor() -> float:
    """Seconds of processor that this process, its ended and its living descendants have used."""
    times = os.times()
    used = times.user + times.system + times.children_user + times.children_system
    for child in psutil.Process().children(recursive=True):
        try:
            of_child = child.cpu_times()
        except psutil.Error:
            continue
        used += of_child.user + of_child.system
        # What a living child has already collected of its own children.
        used += getattr(of_child, "children_user", 0) + getattr(of_child, "children_system", 0)
    return used


class Clock:
    """Adds up for each file what its tests take. The processor's time is looked up once a file:
    that reads all processes of the machine."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.begun = time.monotonic()
        self.collected = 0.0
        self.used = 0.0
        self.failed: list[list[str]] = []  # id, reason
        self.files: dict[str, dict[str, Any]] = defaultdict(
            lambda: {"tests": 0, "clock": 0.0, "processor": 0.0, "slowest": ["", 0.0]}
        )

    def pytest_collection_finish(self) -> None:
        self.collected = time.monotonic() - self.begun
        self.used = processor()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> Any:
        clock = time.monotonic()
        result = yield
        took = time.monotonic() - clock
        file = self.files[_file(item)]
        file["tests"] += 1
        file["clock"] += took
        if took > file["slowest"][1]:
            file["slowest"] = [item.name, took]
        if nextitem is None or _file(nextitem) != _file(item):
            now = processor()
            file["processor"] += max(0.0, now - self.used)
            self.used = now
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._keep(report, report.when)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._keep(report, "collection")

    def _keep(self, report: pytest.TestReport | pytest.CollectReport, when: str) -> None:
        """A file that can't be read has no crash, and says why in its last lines."""
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            whole = report.longreprtext
            reason = f"line {crash.lineno}: {crash.message}"[:REASON] if crash else whole[-REASON:]
            self.failed.append([f"{report.nodeid} ({when})", reason])

    def pytest_sessionfinish(self) -> None:
        total = {"clock": time.monotonic() - self.begun, "processor": processor()}
        whole = {"collection": self.collected, "total": total, "files": self.files}
        whole["failed"] = self.failed
        self.out.parent.mkdir(parents=True, exist_ok=True)
        self.out.write_text(json.dumps(whole, indent=1))


def _file(item: pytest.Item) -> str:
    return item.nodeid.split("::")[0]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--times", type=Path, help="write what each file took into this file")


def pytest_configure(config: pytest.Config) -> None:
    if out := config.getoption("--times"):
        config.pluginmanager.register(Clock(out))


def table(files: dict[str, dict[str, Any]], slowest: int) -> str:
    """Folders, and below them the files that take longest, as Markdown."""
    folders: dict[str, list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
    for name, file in files.items():
        row = folders["/".join(name.split("/")[:2])]
        for place, key in enumerate(("tests", "clock", "processor")):
            row[place] += file[key]
    lines = ["| folder | tests | clock, s | processor, s |", "|---|---|---|---|"]
    for name, (tests, clock, used) in sorted(folders.items(), key=lambda row: -row[1][1]):
        lines.append(f"| {name} | {tests:.0f} | {clock:.0f} | {used:.0f} |")
    lines += ["", "| file | tests | clock, s | processor, s | its slowest test, s |"]
    lines.append("|---|---|---|---|---|")
    for name, file in sorted(files.items(), key=lambda row: -row[1]["clock"])[:slowest]:
        numbers = f"{file['tests']} | {file['clock']:.0f} | {file['processor']:.0f}"
        lines.append(f"| {name} | {numbers} | {file['slowest'][0]} {file['slowest'][1]:.0f} |")
    return "\n".join(lines)


def main() -> None:
    """Prints the table of all given files together, and their failed tests."""
    files: dict[str, dict[str, Any]] = {}
    failed: list[list[str]] = []
    for path in sys.argv[1:]:
        run = json.loads(Path(path).read_text())
        files |= run["files"]
        failed += run["failed"]
        clock, used = run["total"]["clock"], run["total"]["processor"]
        print(
            f"{path}: {clock:.0f} s, processor {used:.0f} s, collection {run['collection']:.0f} s"
        )
    print(table(files, slowest=25))
    for name, reason in failed:
        print(f"\nFAILED {name}\n{reason}")


if __name__ == "__main__":
    main()
