"""Tells when the event loop of a server under test stood still, and what it was doing.

A callback is due every 20 ms; how late it comes is how long the loop was blocked. The time that the
threads of the process waited for a processor meanwhile is taken off (Linux tells it in schedstat;
they wait for each other too, so all of it counts), so that a loaded machine is no fault of the
server. On an idle one nothing is taken off. The processor time that the loop's own thread used
meanwhile is told beside it: where that alone is too much, no load of the machine is to blame.
"""

from __future__ import annotations

import asyncio
import gc
import json
import math
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path

LIMIT = 0.1  # s
BEAT = 0.02  # s between two looks
LARGE = ("numpy", "cv2", "PIL", "torch")
TASKS = Path("/proc/self/task")


class Watchdog:
    """Writes a JSON line to `file` for every stand-still: its seconds and what all threads did.

    A thread looks at the stacks, which holds the interpreter as it does so. (`faulthandler` can do
    it without; it read frames that were just taken away and ended the server under test.)
    """

    def __init__(self, file: Path, limit: float = LIMIT) -> None:
        self._out = file.open("a", encoding="utf-8")
        self._limit = limit
        self._collecting = 0.0
        self._doing = ""
        self._due = math.inf
        gc.callbacks.append(self._collect)

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._thread = threading.get_ident()
        threading.Thread(target=self._look, name="watchdog", daemon=True).start()
        self._start()

    def _start(self) -> None:
        self._doing = ""
        self._waited = _waits()
        self._used = time.thread_time()
        self._due = time.perf_counter() + BEAT
        self._loop.call_later(BEAT, self._beat)

    def _beat(self) -> None:
        late = time.perf_counter() - self._due
        used = time.thread_time() - self._used
        if max(late, used) > self._limit:
            self._report(late, used)
        self._start()

    def _look(self) -> None:
        """In a thread of its own: keeps the stacks of the first look at a loop that is late."""
        while True:
            time.sleep(BEAT)
            if not self._doing and time.perf_counter() > self._due + self._limit / 2:
                self._doing = "\n".join(self._stacks())

    def _stacks(self) -> Iterator[str]:
        """The loop's own first."""
        found = sys._current_frames()
        # among them is this very frame, which holds them: a ring that would keep the pictures in
        # all of them until garbage is collected
        found.pop(threading.get_ident(), None)
        for thread in sorted(found, key=lambda one: one != self._thread):
            lines = traceback.format_stack(found[thread])
            yield f"thread {thread}\n{''.join(lines)}"

    def _report(self, late: float, used: float) -> None:
        before = self._waited
        waited = sum(now - before.get(name, 0) for name, now in _waits().items())
        blocked = max(late - waited, used)
        if blocked > self._limit:
            line = {"seconds": round(blocked, 3), "late": round(late, 3), "doing": self._doing}
            self.tell(line | {"used": round(used, 3)})

    def tell(self, line: dict[str, object]) -> None:
        self._out.write(json.dumps(line) + "\n")
        self._out.flush()

    def _collect(self, phase: str, info: dict[str, int]) -> None:
        """Garbage collections of long duration are told like anything else."""
        if phase == "start":
            self._collecting = time.perf_counter()
        elif (took := time.perf_counter() - self._collecting) > self._limit:
            self.tell({"seconds": 0, "collected": round(took, 3)})


class LateImports(MetaPathFinder):
    """Tells which of the large packages are loaded while the event loop runs, and by its thread.

    How long that takes depends on the disk and on what is cached; that it happens does not.
    """

    def __init__(self, dog: Watchdog) -> None:
        self._dog = dog
        sys.meta_path.insert(0, self)

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        if name in LARGE and asyncio._get_running_loop() is not None:
            self._dog.tell({"seconds": 0, "imported": name, "doing": traceback.format_stack()})
        return None  # the others find it


class WatchedPolicy(asyncio.DefaultEventLoopPolicy):
    """Every new loop is watched."""

    def __init__(self, dog: Watchdog) -> None:
        super().__init__()
        self._dog = dog

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        loop = super().new_event_loop()
        self._dog.watch(loop)
        return loop


def stalls(file: Path) -> list[dict]:
    """Those that were reported, the longest first."""
    found = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    return sorted((one for one in found if one["seconds"]), key=lambda one: -one["seconds"])


def late_imports(file: Path) -> list[str]:
    """What `LateImports` told, with the places in this project."""
    found = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    return [
        f"{one['imported']} is loaded on the event loop: "
        + "".join(line for line in one["doing"] if "pentimento" in line)
        for one in found
        if "imported" in one
    ]


def _waits() -> dict[str, float]:
    """Seconds that each thread has waited for a processor so far; 0 where nobody tells."""
    found: dict[str, float] = {}
    for task in TASKS.iterdir() if TASKS.is_dir() else ():
        try:
            found[task.name] = int((task / "schedstat").read_text().split()[1]) / 1e9
        except (OSError, IndexError, ValueError):
            continue
    return found
