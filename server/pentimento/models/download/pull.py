"""Downloads of whole models, one at a time in a thread beside the queue of jobs.

Everything arrives in `<data-dir>/.pulls/ID` and is moved to its place in one step when every file
is whole and right. What a server did not finish is there as paused when it starts again.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pentimento.core.errors import Conflict, NotFound, PentimentoError
from pentimento.core.files import is_disk_full, try_lock
from pentimento.models import catalogue as catalogues
from pentimento.models.catalogue import ARRIVALS, Catalogue, CatalogueEntry, Licence
from pentimento.models.download import plan as plans
from pentimento.models.download.civitai import hub_of
from pentimento.models.download.hub import Stopped, fetch
from pentimento.models.download.linked import found
from pentimento.models.download.plan import DownloadPlan
from pentimento.models.download.problems import amount, problem
from pentimento.models.download.settings import HubSettings
from pentimento.models.library.sidecar import DATA_SHEET, place_of, read_json
from pentimento.models.manage import SUMS, remove_beside, sums_of
from pentimento.models.weights import check
from pentimento.models.weights.header import Damaged
from pentimento.schema.answers import ErrorParts, PullSnapshot, PullStatus, PullUrls

PLAN, LOCK, FILES = "plan.json", "lock", "files"


@dataclass(frozen=True, slots=True)
class PullProgress:
    """Bytes that are there, of how many, and the file that is being fetched."""

    done: int
    total: int
    file: str


Tell = Callable[[PullProgress], None]


class Pull:
    """`run` once, from one thread; `stop` from another. `reserve`: bytes of the disk that stay
    free."""

    def __init__(
        self,
        data_dir: Path,
        entry: CatalogueEntry,
        licence: Licence,
        settings: HubSettings,
        reserve: int,
    ) -> None:
        self.entry = entry
        self.target = entry.place(data_dir)
        self._licence = licence
        self._folder = arrivals(data_dir, entry)
        self._reserve = reserve
        self._hub = hub_of(entry.source, settings, entry.title, entry.repo)

    def stop(self) -> None:
        self._hub.stop()

    def run(self, tell: Tell) -> None:
        """Fetches what is missing and installs it. Raises PullProblem, Conflict, Stopped; what has
        come stays for the next time."""
        if self.target.exists():
            raise already_there(self.entry)
        try:
            with self._alone():
                plan = self._planned()
                self._fetch(plan, tell)
                self._check(plan)
                self._install(plan)
        except OSError as error:
            if is_disk_full(error):
                raise self._full(0) from None
            reason = error.strerror or type(error).__name__
            raise self._hub.problem("pull_unwritable", reason=reason) from error
        finally:
            self._hub.close()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two processes never write the same files."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / LOCK).open("ab") as stream:
            if not try_lock(stream):
                raise self._hub.problem("pull_elsewhere")
            yield

    def _planned(self) -> DownloadPlan:
        kept = plans.read_plan(self._folder / PLAN)
        if kept and kept.id == self.entry.id and kept.repo == self.entry.repo:
            return kept
        plan = plans.make_plan(self.entry, self._hub)
        shutil.rmtree(self._folder / FILES, ignore_errors=True)
        plan.write(self._folder / PLAN)
        return plan

    def _fetch(self, plan: DownloadPlan, tell: Tell) -> None:
        files = self._folder / FILES
        self._require(plan.bytes - present(files))
        done = 0
        for file in plan.files:
            before = done

            def told(size: int, name: str = file.path, before: int = before) -> None:
                tell(PullProgress(before + size, plan.bytes, name))

            fetch(
                *(self._hub, plan.repo, plan.commit, file, files / file.stored),
                *(lambda: self._require(0), told),
            )
            done += file.size
        tell(PullProgress(plan.bytes, plan.bytes, ""))

    def _require(self, needed: int) -> None:
        if shutil.disk_usage(self._folder).free < needed + self._reserve:
            raise self._full(needed)

    def _full(self, needed: int) -> Exception:
        free = shutil.disk_usage(self._folder).free
        details = {"needed": needed, "free": free, "reserve": self._reserve}
        words = {"needed": amount(needed + self._reserve), "free": amount(free)}
        return self._hub.problem("disk_full", details=details, **words)

    def _check(self, plan: DownloadPlan) -> None:
        """Weights are weights, by their own headers; what is not is thrown away whole."""
        try:
            for file in plan.files:
                if file.stored.endswith(plans.WEIGHTS):
                    check.check_file(self._folder / FILES / file.stored)
        except Damaged as damage:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise self._hub.problem("download_damaged", reason=str(damage)) from damage

    def _install(self, plan: DownloadPlan) -> None:
        source = files = self._folder / FILES
        sheet, sums, single = files / DATA_SHEET, files / SUMS, self.entry.is_file
        self.target.parent.mkdir(parents=True, exist_ok=True)
        if single:
            source = files / plan.files[0].stored
            remove_beside(self.target)
            sheet, sums = place_of(self.target), sums_of(self.target)
        weights = [file for file in plan.files if file.stored.endswith(plans.WEIGHTS)]
        known = {self.target.name if single else file.stored: file.sha256 for file in weights}
        sums.write_text(json.dumps(known, indent=2), "utf-8")
        if self.entry.role == "model":
            self._write_sheet(sheet)
        try:
            _move(source, self.target)
        except OSError:
            if self.target.exists():
                raise already_there(self.entry) from None
            raise
        _sync(self.target.parent)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _write_sheet(self, file: Path) -> None:
        said = read_json(file) if file.is_file() else {}
        ours = {"title": self.entry.title, "licence": self._licence.title}
        file.write_text(json.dumps(said | ours, indent=2), "utf-8")


def arrivals(data_dir: Path, entry: CatalogueEntry) -> Path:
    """Where a model's files arrive."""
    return data_dir / ARRIVALS / entry.id


def progress_on_disk(data_dir: Path, entry: CatalogueEntry) -> PullProgress | None:
    """How far a download has come that was not finished; None where there is none."""
    folder = arrivals(data_dir, entry)
    kept = plans.read_plan(folder / PLAN)
    return PullProgress(present(folder / FILES), kept.bytes, "") if kept else None


def forget(data_dir: Path, entry: CatalogueEntry) -> None:
    """Throws away what has come. Raises pull_elsewhere while another process fetches it."""
    folder = arrivals(data_dir, entry)
    if not folder.is_dir():
        return
    with (folder / LOCK).open("ab") as stream:
        if not try_lock(stream):
            raise problem("pull_elsewhere", title=entry.title)
        shutil.rmtree(folder, ignore_errors=True)


def agreed(catalogue: Catalogue, entry: CatalogueEntry, accept: bool, data_dir: Path) -> None:
    """Raises licence_needed where a licence has to be agreed to and was not, now or when this
    download began."""
    licence = catalogue.licence(entry)
    if accept or progress_on_disk(data_dir, entry) or licence.open:
        return
    raise problem(
        "licence_needed",
        details={"licence": licence.title, "url": licence.url, "notice": licence.notice},
        title=entry.title,
        licence=licence.title,
        url=licence.url,
    )


def present(files: Path) -> int:
    """Bytes that have come, of all files."""
    return sum(file.stat().st_size for file in files.rglob("*") if file.is_file())


def already_there(entry: CatalogueEntry) -> Conflict:
    return Conflict(
        "model_exists",
        f"{entry.title} is installed already, as “{entry.id}”.",
        "Remove it first to fetch it anew.",
    )


def _move(source: Path, target: Path) -> None:
    """In one step, also where the place of the models is on another disk."""
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        near = target.with_name(f".incoming-{target.name}")
        shutil.rmtree(near, ignore_errors=True)
        shutil.copytree(source, near) if source.is_dir() else shutil.copyfile(source, near)
        near.rename(target)


def _sync(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


log = logging.getLogger(__name__)

LINK = "/v1/models/pulls/"
TELL_EVERY = 0.2  # s between two changes of a progress
RATE_OVER = 5.0  # s over which the speed is measured
ACTIVE = ("queued", "running")


@dataclass(slots=True)
class PullState:
    """`rev` grows with every change; `rate` in bytes a second."""

    entry: CatalogueEntry
    status: PullStatus = "queued"
    rev: int = 1
    done: int = 0
    total: int = 0
    file: str = ""
    rate: float = 0.0
    error: PentimentoError | None = None
    wanted: PullStatus = "running"  # or paused, cancelled: what its end will be called
    pull: Pull | None = field(default=None, repr=False)

    def snapshot(self) -> PullSnapshot:
        total = self.total or self.entry.bytes
        left = total - self.done
        running = self.status == "running" and self.rate > 0
        link = LINK + self.entry.id
        return PullSnapshot(
            id=self.entry.id,
            title=self.entry.title,
            rev=self.rev,
            status=self.status,
            bytes=total,
            done=self.done,
            fraction=min(self.done / total, 1.0),
            file=self.file,
            bytes_per_second=round(self.rate),
            eta_seconds=round(left / self.rate) if running else None,
            error=ErrorParts.of(self.error) if self.error else None,
            urls=PullUrls(self=link, pause=f"{link}/pause", cancel=link),
        )


class Pulls:
    """All methods may be called from any thread. `settings` is asked anew for each download."""

    def __init__(self, data_dir: Path, settings: Callable[[], HubSettings], reserve: int) -> None:
        self._data_dir = data_dir
        self._settings = settings
        self._reserve = reserve
        self._states: dict[str, PullState] = {}
        self._lock = threading.RLock()
        self._work = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None
        self._closing = False
        self._listeners: list[Callable[[], object]] = []

    @property
    def catalogue(self) -> catalogues.Catalogue:
        return catalogues.load(self._data_dir)

    def list(self) -> list[PullSnapshot]:
        """Snapshots of this server's downloads and of those that wait to be resumed."""
        with self._lock:
            for entry in self.catalogue.entries.values():
                self._find(entry)
            return [state.snapshot() for state in self._states.values()]

    def get(self, entry_id: str) -> PullSnapshot:
        """Raises NotFound."""
        with self._lock:
            return self._known(entry_id).snapshot()

    def start(self, entry_id: str, accept_licence: bool) -> PullSnapshot:
        """Begins a download, or goes on with it; of an id, or of what a link leads to. Raises
        NotFound, Conflict, licence_needed, BadInput, PullProblem."""
        entry = found(entry_id, self._data_dir, self._settings)
        catalogue = self.catalogue
        if entry.place(self._data_dir).exists():
            raise already_there(entry)
        agreed(catalogue, entry, accept_licence, self._data_dir)
        with self._lock:
            before = self._find(entry)
            if before and before.status in ACTIVE and before.wanted == "running":
                return before.snapshot()
            state = PullState(entry)
            if before:
                state.rev, state.done, state.total = before.rev + 1, before.done, before.total
            self._states.pop(entry.id, None)
            self._states[entry.id] = state
            self._begin()
            self._changed()
            return state.snapshot()

    def pause(self, entry_id: str) -> PullSnapshot:
        return self._end(entry_id, "paused")

    def cancel(self, entry_id: str) -> PullSnapshot:
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

    def _known(self, entry_id: str) -> PullState:
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

    def _find(self, entry: CatalogueEntry) -> PullState | None:
        """The download of this entry, also one that another run of the server began."""
        if entry.id not in self._states and (begun := progress_on_disk(self._data_dir, entry)):
            state = PullState(entry, "paused", done=begun.done, total=begun.total)
            self._states[entry.id] = state
        return self._states.get(entry.id)

    def _end(self, entry_id: str, wanted: PullStatus) -> PullSnapshot:
        with self._lock:
            state = self._known(entry_id)
            state.wanted = wanted
            if state.status == "running":
                if state.pull:
                    state.pull.stop()
            elif state.status != "succeeded":
                self._settle(state)
            return state.snapshot()

    def _settle(self, state: PullState, error: PentimentoError | None = None) -> None:
        """The end of a download that did not succeed; what comes of its files."""
        if state.wanted == "cancelled":
            try:
                forget(self._data_dir, state.entry)
            except PentimentoError as problem:
                error, state.wanted = problem, "failed"
            else:
                error, state.done = None, 0
        state.status = state.wanted if state.wanted != "running" else "failed"
        state.error = error if state.status == "failed" else None
        state.rate, state.file, state.pull = 0.0, "", None
        self._changed(state)

    def _changed(self, state: PullState | None = None) -> None:
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

    def _next(self) -> PullState | None:
        waiting = (state for state in self._states.values() if state.status == "queued")
        return next(waiting, None)

    def _one(self, state: PullState) -> None:
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
        self, state: PullState, lock: threading.RLock, changed: Callable[[PullState], None]
    ) -> None:
        self._state = state
        self._lock = lock
        self._changed = changed
        self._told = 0.0
        self._marks: list[tuple[float, int]] = []

    def __call__(self, progress: PullProgress) -> None:
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
