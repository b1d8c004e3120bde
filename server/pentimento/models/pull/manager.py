"""The downloads of one server: one at a time in a thread of their own, beside the queue of jobs, so
that painting goes on meanwhile. What a server did not finish is there as paused when it starts
again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pentimento.errors import NotFound, PentimentoError
from pentimento.models import catalogue as catalogues
from pentimento.models.catalogue import Entry
from pentimento.models.pull import pull as pulls
from pentimento.models.pull.hub import Stopped
from pentimento.models.pull.pull import Progress, Pull
from pentimento.models.pull.settings import HubSettings

log = logging.getLogger(__name__)

TELL_EVERY = 0.2  # s between two changes of a progress
RATE_OVER = 5.0  # s over which the speed is measured
ACTIVE = ("queued", "running")


@dataclass(slots=True)
class State:
    """`rev` grows with every change; `rate` in bytes a second."""

    entry: Entry
    status: str = "queued"  # queued running paused succeeded failed cancelled
    rev: int = 1
    done: int = 0
    total: int = 0
    file: str = ""
    rate: float = 0.0
    error: PentimentoError | None = None
    wanted: str = "running"  # or paused, cancelled: what its end will be called
    pull: Pull | None = field(default=None, repr=False)

    def snapshot(self) -> dict[str, Any]:
        total = self.total or self.entry.bytes
        left = total - self.done
        running = self.status == "running" and self.rate > 0
        return {
            "id": self.entry.id,
            "title": self.entry.title,
            "rev": self.rev,
            "status": self.status,
            "bytes": total,
            "done": self.done,
            "fraction": min(self.done / total, 1.0),
            "file": self.file,
            "bytes_per_second": round(self.rate),
            "eta_seconds": round(left / self.rate) if running else None,
            "error": self.error.body()["error"] if self.error else None,
        }


class Pulls:
    """All methods may be called from any thread. `settings` is asked anew for each download."""

    def __init__(self, data_dir: Path, settings: Callable[[], HubSettings], reserve: int) -> None:
        self._data_dir = data_dir
        self._settings = settings
        self._reserve = reserve
        self._states: dict[str, State] = {}
        self._lock = threading.RLock()
        self._work = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None
        self._closing = False
        self._listeners: list[Callable[[], object]] = []

    @property
    def catalogue(self) -> catalogues.Catalogue:
        return catalogues.load(self._data_dir)

    def list(self) -> list[dict[str, Any]]:
        """Snapshots of this server's downloads and of those that wait to be resumed."""
        with self._lock:
            for entry in self.catalogue.entries.values():
                self._find(entry)
            return [state.snapshot() for state in self._states.values()]

    def get(self, entry_id: str) -> dict[str, Any]:
        """Raises NotFound."""
        with self._lock:
            return self._known(entry_id).snapshot()

    def start(self, entry_id: str, accept_licence: bool) -> dict[str, Any]:
        """Begins a download, or goes on with it. Raises NotFound, Conflict, licence_needed."""
        catalogue = self.catalogue
        entry = catalogue.get(entry_id)
        if entry.place(self._data_dir).exists():
            raise pulls.already_there(entry)
        pulls.agreed(catalogue, entry, accept_licence, self._data_dir)
        with self._lock:
            before = self._find(entry)
            if before and before.status in ACTIVE and before.wanted == "running":
                return before.snapshot()
            state = State(entry)
            if before:
                state.rev, state.done, state.total = before.rev + 1, before.done, before.total
            self._states.pop(entry.id, None)
            self._states[entry.id] = state
            self._begin()
            self._changed()
            return state.snapshot()

    def pause(self, entry_id: str) -> dict[str, Any]:
        return self._end(entry_id, "paused")

    def cancel(self, entry_id: str) -> dict[str, Any]:
        """Ends it and throws away what has come."""
        return self._end(entry_id, "cancelled")

    def close(self, seconds: float) -> None:
        """What runs is paused; it can be resumed by the next server."""
        with self._lock:
            self._closing = True
            for state in self._states.values():
                state.wanted = "paused"
                if state.pull:
                    state.pull.stop()
            self._work.notify_all()
        if self._thread:
            self._thread.join(seconds)

    @contextmanager
    def heard(self, listener: Callable[[], object]) -> Iterator[None]:
        """`listener` is called after each change, from the thread that made it."""
        with self._lock:
            self._listeners.append(listener)
        try:
            yield
        finally:
            with self._lock:
                self._listeners.remove(listener)

    # Inside

    def _known(self, entry_id: str) -> State:
        state = self._states.get(entry_id)
        if state is None and entry_id in (entries := self.catalogue.entries):
            state = self._find(entries[entry_id])
        if state is None:
            raise NotFound(
                "pull_not_found",
                f"There is no download of “{entry_id}”.",
                "`GET /v1/models/pulls` lists them.",
            )
        return state

    def _find(self, entry: Entry) -> State | None:
        """The download of this entry, also one that another run of the server began."""
        if entry.id not in self._states and (begun := pulls.begun(self._data_dir, entry)):
            state = State(entry, "paused", done=begun.done, total=begun.total)
            self._states[entry.id] = state
        return self._states.get(entry.id)

    def _end(self, entry_id: str, wanted: str) -> dict[str, Any]:
        with self._lock:
            state = self._known(entry_id)
            state.wanted = wanted
            if state.status == "running":
                if state.pull:
                    state.pull.stop()
            elif state.status != "succeeded":
                self._settle(state)
            return state.snapshot()

    def _settle(self, state: State, error: PentimentoError | None = None) -> None:
        """The end of a download that did not succeed; what comes of its files."""
        if state.wanted == "cancelled":
            try:
                pulls.forget(self._data_dir, state.entry)
            except PentimentoError as problem:
                error, state.wanted = problem, "failed"
            else:
                error, state.done = None, 0
        state.status = state.wanted if state.wanted != "running" else "failed"
        state.error = error if state.status == "failed" else None
        state.rate, state.file, state.pull = 0.0, "", None
        self._changed(state)

    def _changed(self, state: State | None = None) -> None:
        if state:
            state.rev += 1
        for listener in self._listeners:
            listener()

    def _begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="pulls", daemon=True)
            self._thread.start()
        self._work.notify_all()

    def _run(self) -> None:
        while True:
            with self._lock:
                self._work.wait_for(lambda: self._closing or self._next() is not None)
                state = self._next()
                if self._closing or state is None:
                    return
                state.status = "running"
                self._changed(state)
            self._one(state)

    def _next(self) -> State | None:
        waiting = (state for state in self._states.values() if state.status == "queued")
        return next(waiting, None)

    def _one(self, state: State) -> None:
        entry = state.entry
        try:
            licence = self.catalogue.licence(entry)
            pull = Pull(self._data_dir, entry, licence, self._settings(), self._reserve)
            with self._lock:
                state.pull = pull
                if state.wanted != "running":
                    pull.stop()
            pull.run(Speed(state, self._lock, self._changed))
        except Stopped:
            error = None
        except PentimentoError as problem:
            log.warning("the download of %s failed: %s", entry.id, problem.code)
            error = problem
        except Exception:
            log.exception("the download of %s failed", entry.id)
            error = PentimentoError("internal", "The download ran into an error of the server.")
        else:
            with self._lock:
                state.status, state.rate, state.pull = "succeeded", 0.0, None
                self._changed(state)
            return
        with self._lock:
            self._settle(state, error)


class Speed:
    """Takes progress into a state, not too often, and measures the speed."""

    def __init__(
        self, state: State, lock: threading.RLock, changed: Callable[[State], None]
    ) -> None:
        self._state = state
        self._lock = lock
        self._changed = changed
        self._told = 0.0
        self._marks: list[tuple[float, int]] = []

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._told < TELL_EVERY and progress.done < progress.total:
            return
        self._told = now
        self._marks.append((now, progress.done))
        self._marks = [mark for mark in self._marks if now - mark[0] <= RATE_OVER]
        (since, before), state = self._marks[0], self._state
        with self._lock:
            state.done, state.total, state.file = progress.done, progress.total, progress.file
            state.rate = (progress.done - before) / (now - since) if now > since else state.rate
            self._changed(state)
