"""Hostile and clumsy requests for every route of a server, faces too, from a seed.

    python -m tests.fuzz.fuzz --calls 50000            the long run
    python -m tests.fuzz.fuzz --calls 2000 --seed 7    the same calls again

A call begins as one that a client could make and is then changed: values from the awkward corpus,
fields taken out and put in, JSON that is none, other types, other methods. What comes back must be
an answer of the protocol or the face, never a bug. The server's memory and its event loop are
watched; nothing outside this machine is asked.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fuzz.corpus import NOWHERE, ROUTES
from tests.fuzz.fuzzer import Fuzzer, Outcome, Target
from tests.fuzz.server import DATA, STALLS
from tests.server.front import ENVIRONMENT, REPO
from tests.support.watchdog import late_imports, stalls

WORKERS = 6


def fuzz(calls: int, seed: int, folder: Path) -> Outcome:
    """Runs a server in `folder` and so many calls against it."""
    started = time.monotonic()
    with running(folder) as (target, process):
        fuzzers = [Fuzzer(target, f"{seed}-{number}") for number in range(WORKERS)]
        threads = [
            threading.Thread(target=fuzzer.run, args=(calls // WORKERS,)) for fuzzer in fuzzers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(60)
                done = _together([fuzzer.outcome for fuzzer in fuzzers])
                past = time.monotonic() - started
                print(f"{past:.0f} s: {done.calls} calls", file=sys.stderr, flush=True)
                if process.poll() is not None:  # told below; the rest would only be refused
                    for fuzzer in fuzzers:
                        fuzzer.ended = True
        fuzzers[0].large()
        found = _together([fuzzer.outcome for fuzzer in fuzzers])
        found.peak_mb = _peak(process.pid)
        if process.poll() is not None:
            found.faults.append(f"the server ended with {process.returncode}")
    found.seconds = time.monotonic() - started
    found.stalls = stalls(folder / STALLS)
    found.faults += late_imports(folder / STALLS)
    log = (folder / DATA / "logs" / "server.log").read_text("utf-8", "replace")
    for bug in ("a request failed", "a job failed"):
        found.faults += [f"in the log: {bug}{trace[:3000]}" for trace in log.split(bug)[1:]]
    return found


@contextmanager
def running(folder: Path) -> Iterator[tuple[Target, subprocess.Popen[str]]]:
    """The watched server in `folder`, ended at the end."""
    target, process = _start(folder)
    try:
        yield target, process
    finally:
        process.terminate()
        process.wait(60)


def _start(folder: Path) -> tuple[Target, subprocess.Popen[str]]:
    outside = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"), NOWHERE)
    environment = ENVIRONMENT | outside | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    environment |= {"PYTHONPATH": f"{REPO / 'server'}{os.pathsep}{REPO}"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fuzz.server", str(folder)],
        cwd=REPO,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    found = re.search(r"http://127\.0\.0\.1:(\d+)", process.stdout.readline())
    assert found, "the server did not start"
    token = json.loads((folder / DATA / "server.json").read_text())["token"]
    others = folder / "folders"
    others.mkdir(exist_ok=True)
    return Target(int(found[1]), token, others), process


def _peak(pid: int) -> int:
    """MiB of memory at most (VmHWM); 0 where it is not told."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) // 1024 if found else 0


def _together(outcomes: list[Outcome]) -> Outcome:
    whole = Outcome()
    for one in outcomes:
        whole.calls += one.calls
        whole.statuses += one.statuses
        whole.succeeded += one.succeeded
        whole.faults += one.faults
    return whole


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--calls", type=int, default=50_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--routes", action="store_true", help="say what succeeded how often")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="pentimento-fuzz-") as folder:
        outcome = fuzz(given.calls, given.seed, Path(folder))
    for fault in outcome.faults[:20]:
        print(fault, end="\n\n")
    for stall in outcome.stalls[:5]:
        print(f"still for {stall['seconds']} s (late {stall['late']}, busy {stall['used']})")
        print(stall["doing"], end="\n\n")
    if given.routes:
        for method, path in sorted(set(ROUTES)):
            print(f"{outcome.succeeded[f'{method} {path}']:6} {method} {path}")
    print(outcome.told())
    return 1 if outcome.faults or outcome.stalls or outcome.peak_mb >= 1024 else 0


if __name__ == "__main__":
    sys.exit(main())
