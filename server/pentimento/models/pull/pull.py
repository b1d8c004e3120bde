"""A whole model: everything arrives in `<data-dir>/.pulls/ID` and is moved to its place in one step
when every file is whole and right."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pentimento.errors import Conflict
from pentimento.jobs.space import is_disk_full
from pentimento.locks import try_lock
from pentimento.models import weights
from pentimento.models.catalogue import Catalogue, Entry, Licence
from pentimento.models.inspect import DATA_SHEET, read_json
from pentimento.models.install import SUMS
from pentimento.models.pull import plan as plans
from pentimento.models.pull.hub import Hub
from pentimento.models.pull.plan import Plan
from pentimento.models.pull.problems import amount, problem
from pentimento.models.pull.settings import HubSettings
from pentimento.models.pull.transfer import fetch

ARRIVALS = ".pulls"  # in the data folder
PLAN, LOCK, FILES = "plan.json", "lock", "files"


@dataclass(frozen=True, slots=True)
class Progress:
    """Bytes that are there, of how many, and the file that is being fetched."""

    done: int
    total: int
    file: str


Tell = Callable[[Progress], None]


class Pull:
    """`run` once, from one thread; `stop` from another. `reserve`: bytes of the disk that stay
    free."""

    def __init__(
        self, data_dir: Path, entry: Entry, licence: Licence, settings: HubSettings, reserve: int
    ) -> None:
        self.entry = entry
        self.target = entry.place(data_dir)
        self._licence = licence
        self._folder = arrivals(data_dir, entry)
        self._reserve = reserve
        self._hub = Hub(settings, {"title": entry.title, "repo": entry.repo})

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

    def _planned(self) -> Plan:
        kept = plans.read(self._folder / PLAN)
        if kept and kept.id == self.entry.id and kept.repo == self.entry.repo:
            return kept
        plan = plans.make(self.entry, self._hub)
        shutil.rmtree(self._folder / FILES, ignore_errors=True)
        plan.write(self._folder / PLAN)
        return plan

    def _fetch(self, plan: Plan, tell: Tell) -> None:
        files = self._folder / FILES
        self._require(plan.bytes - present(files))
        done = 0
        for file in plan.files:
            before = done

            def told(size: int, name: str = file.path, before: int = before) -> None:
                tell(Progress(before + size, plan.bytes, name))

            fetch(
                *(self._hub, plan.repo, plan.commit, file, files / file.stored),
                *(lambda: self._require(0), told),
            )
            done += file.size
        tell(Progress(plan.bytes, plan.bytes, ""))

    def _require(self, needed: int) -> None:
        if shutil.disk_usage(self._folder).free < needed + self._reserve:
            raise self._full(needed)

    def _full(self, needed: int) -> Exception:
        free = shutil.disk_usage(self._folder).free
        details = {"needed": needed, "free": free, "reserve": self._reserve}
        words = {"needed": amount(needed + self._reserve), "free": amount(free)}
        return self._hub.problem("disk_full", details=details, **words)

    def _check(self, plan: Plan) -> None:
        """Weights are weights, by their own headers; what is not is thrown away whole."""
        try:
            for file in plan.files:
                if file.stored.endswith(plans.WEIGHTS):
                    weights.check_file(self._folder / FILES / file.stored)
        except weights.Damaged as damage:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise self._hub.problem("download_damaged", reason=str(damage)) from damage

    def _install(self, plan: Plan) -> None:
        files = self._folder / FILES
        source = files
        if self.entry.role == "lora":
            source = files / plan.files[0].stored
        else:
            sums = {f.stored: f.sha256 for f in plan.files if f.stored.endswith(plans.WEIGHTS)}
            (files / SUMS).write_text(json.dumps(sums, indent=2), "utf-8")
            if self.entry.role == "model":
                self._write_sheet(files / DATA_SHEET)
        self.target.parent.mkdir(parents=True, exist_ok=True)
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


def arrivals(data_dir: Path, entry: Entry) -> Path:
    """Where a model's files arrive."""
    return data_dir / ARRIVALS / entry.id


def begun(data_dir: Path, entry: Entry) -> Progress | None:
    """How far a download has come that was not finished; None where there is none."""
    folder = arrivals(data_dir, entry)
    kept = plans.read(folder / PLAN)
    return Progress(present(folder / FILES), kept.bytes, "") if kept else None


def forget(data_dir: Path, entry: Entry) -> None:
    """Throws away what has come. Raises pull_elsewhere while another process fetches it."""
    folder = arrivals(data_dir, entry)
    if not folder.is_dir():
        return
    with (folder / LOCK).open("ab") as stream:
        if not try_lock(stream):
            raise problem("pull_elsewhere", title=entry.title)
        shutil.rmtree(folder, ignore_errors=True)


def agreed(catalogue: Catalogue, entry: Entry, accept: bool, data_dir: Path) -> None:
    """Raises licence_needed where a licence has to be agreed to and was not, now or when this
    download began."""
    licence = catalogue.licence(entry)
    if accept or begun(data_dir, entry) or licence.open:
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


def already_there(entry: Entry) -> Conflict:
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
