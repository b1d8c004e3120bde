"""Folders that are looked at again and again: what was read of a file or folder is kept until it
changes, and whether it did is told without opening anything.

- `Disk` keeps what was read, for as long as the server runs.
- `Look` is one look at it. All that one request is told comes from one fixed look, in which nothing
  changes any more; a look that is not fixed sees the disk anew on each call.

A folder's time of change tells that a name came or went, a file's size and times tell that it is
another one. Where such a time is so young that a second change could have the same one, it proves
nothing and is looked at again.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Generic, NamedTuple, TypeVar, cast

SETTLED = 2.0  # s; disks for exchange (FAT) count in steps of two
DEEPEST = 16  # folders in a model's folder
MOST_KEPT = 100_000  # things read, of files that may be gone
SIDECAR = ".pentimento.json"  # of NAME.safetensors: NAME.pentimento.json

T = TypeVar("T")
Stamp = tuple[Any, ...]  # equal as long as nothing changed; the first is the time of change in ns
NOT_THERE: Final[Stamp] = (0, 0, 0, 0, 0)


class DiskEntry(NamedTuple):
    """A name in a folder. `folder` also of a link to one; `link` is where one leads in the end,
    empty for what is none."""

    name: str
    folder: bool
    link: str


@dataclass(slots=True)
class Scan:
    """What is in a folder, in the order of names. The same object as long as that stays so."""

    stamp: Stamp
    settled: bool
    entries: tuple[DiskEntry, ...]
    problem: OSError | None
    paths: tuple[Path, ...] | None = None

    def alike(self, other: Scan) -> bool:
        """Whether the same folder holds the same names."""
        reasons = [one.problem and one.problem.errno for one in (self, other)]
        same_folder = self.stamp[1] == other.stamp[1]
        return same_folder and self.entries == other.entries and reasons[0] == reasons[1]

    def listed(self) -> tuple[DiskEntry, ...]:
        """Raises OSError where it could not be listed."""
        if self.problem:
            raise self.problem
        return self.entries


@dataclass(frozen=True, slots=True)
class _Kept:
    stamp: Stamp
    settled: bool  # or read when a second change could have had the same stamp
    value: Any

    @property
    def restless(self) -> bool:
        """It is looked at again and again: what is damaged may just be on its way here."""
        return not self.settled or getattr(self.value, "ok", True) is False


@dataclass(frozen=True, slots=True)
class Source(Generic[T]):
    """Something that can be read, under an id: where it lies, how, and what else decides it."""

    path: Path
    read: Callable[[str], T]
    of: Hashable = None


@dataclass(frozen=True, slots=True)
class ReadingProgress:
    """How many of the files that are looked at for the first time are read."""

    done: int
    total: int


class Disk:
    """What was read. `reading` says how far a long first look is, None while there is none."""

    def __init__(self) -> None:
        self.lock = threading.RLock()  # of who makes a long list; all others wait for it
        self.reading: ReadingProgress | None = None
        self.walks: dict[Hashable, Any] = {}  # through folders, with what they found
        self.shelves: dict[str, Any] = {}  # long lists that were read
        self._scans: dict[str, Scan] = {}
        self._read: dict[tuple[Hashable, str], _Kept] = {}
        self._derived: dict[Hashable, tuple[tuple[object, ...], Any]] = {}

    def scan(self, folder: str) -> Scan:
        """What is in it now; the same object as before where that is what was there before."""
        known = self._scans.get(folder)
        stamp = stamp_of(folder)
        if known and known.settled and known.stamp == stamp:
            return known
        settled = not is_young(stamp)
        entries, problem = _entries(folder)
        found = Scan(stamp, settled, entries, problem)
        if known and known.alike(found):
            known.stamp, known.settled = stamp, settled
            return known
        self._scans[folder] = found
        return found

    def known(self, what: Hashable, path: str) -> _Kept | None:
        return self._read.get((what, path))

    def read(self, what: Hashable, path: str, stamp: Stamp, read: Callable[[], T]) -> T:
        """What `read` gave when the stamp was this one."""
        known = self._read.get((what, path))
        if known and known.settled and known.stamp == stamp:
            return cast(T, known.value)
        settled = not is_young(stamp)
        found = read()
        if known and known.value == found:
            found = known.value  # so that what was made of it is still of the same
        if len(self._read) >= MOST_KEPT:
            self._read.clear()
        self._read[what, path] = _Kept(stamp, settled, found)
        return found

    def derived(self, what: Hashable, of: tuple[object, ...], make: Callable[[], T]) -> T:
        """What was made last time, if it was made of the same."""
        known = self._derived.get(what)
        if known and known[0] == of:
            return cast(T, known[1])
        made = make()
        self._derived[what] = (of, made)
        return made


class Look:
    """One look at a disk. In one that is `fixed` all stays as it was seen at first. Not `whole`:
    lists of many files say what was read last, as long as no name comes or goes; files that
    somebody asks for are always looked at."""

    def __init__(
        self, disk: Disk | None = None, *, fixed: bool = False, whole: bool = True
    ) -> None:
        self.disk = disk or Disk()
        self.fixed, self.whole = fixed, whole
        self._seen: dict[Hashable, Any] = {}

    def once(self, what: Hashable, see: Callable[[], T]) -> T:
        """In a fixed look what was seen at first."""
        if not self.fixed:
            return see()
        if what not in self._seen:
            self._seen[what] = see()
        return cast(T, self._seen[what])

    def entries(self, folder: Path) -> tuple[Path, ...]:
        """Everything in a folder, in the order of names; nothing where it cannot be listed."""
        name = str(folder)
        found = self.once(("scan", name), lambda: self.disk.scan(name))
        if found.paths is None:
            found.paths = tuple(sorted(folder / entry.name for entry in found.entries))
        return found.paths

    def stamp(self, path: Path | str) -> Stamp:
        """Of a file with its data sheet, or of a folder with all that is in it."""
        name = str(path)
        return self.once(("stamp", name), lambda: whole_stamp(name))

    def read(self, what: Hashable, path: Path, read: Callable[[], T], *, sure: bool = False) -> T:
        """What `read` gave, until the file or folder changes. What it raises is not kept."""
        name = str(path)
        if not sure and not self.whole:
            known = self.disk.known(what, name)
            if known and not known.restless:
                return cast(T, known.value)
        return self.disk.read(what, name, self.stamp(name), read)

    def item(self, kind: str, item_id: str, source: Source[T], *, sure: bool = False) -> T:
        """What a source is, under this id, until it changes."""
        what = (kind, item_id, source.of)
        return self.read(what, source.path, partial(source.read, item_id), sure=sure)

    def derived(self, what: Hashable, of: tuple[object, ...], make: Callable[[], T]) -> T:
        """What `make` gave, until `of` is another."""
        return self.disk.derived(what, of, make)


def stamp_of(path: str) -> Stamp:
    """Of a file or folder by itself, through links; also of what is not there."""
    try:
        return _stamp(os.stat(path))
    except (OSError, ValueError):
        return NOT_THERE


def whole_stamp(path: str) -> Stamp:
    """Of a file and of its data sheet, or of all files in a folder and below."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return NOT_THERE
    own = _stamp(found)
    if not stat.S_ISDIR(found.st_mode):
        stem, dot, _ = path.rpartition(".")
        sheet = stamp_of((stem if dot else path) + SIDECAR)
        return max(own[0], sheet[0]), own, sheet
    inside: list[Stamp] = []
    _add_stamps(path, inside, DEEPEST)
    return max([own[0], *(stamp[0] for stamp in inside)]), own, *inside


def is_young(stamp: Stamp) -> bool:
    """Whether a second change could leave the same stamp. Times to come, of a clock that was set
    back, are old enough."""
    return abs(time.time() - stamp[0] / 1e9) < SETTLED


def _stamp(found: os.stat_result) -> Stamp:
    """The time of change comes first: the one that programs cannot set, where there is one."""
    changed = found.st_mtime_ns if os.name == "nt" else found.st_ctime_ns
    return changed, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _add_stamps(folder: str, found: list[Stamp], depth: int) -> None:
    try:
        with os.scandir(folder) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
    except OSError as problem:
        found.append((0, problem.errno))
        return
    for entry in inside:
        target = _leads_to(entry)
        found.append((*stamp_of(entry.path), entry.name, target))
        if depth and not target and entry.is_dir():
            _add_stamps(entry.path, found, depth - 1)


def _entries(folder: str) -> tuple[tuple[DiskEntry, ...], OSError | None]:
    try:
        with os.scandir(folder) as inside:
            found = [DiskEntry(one.name, _is_folder(one), _leads_to(one)) for one in inside]
    except OSError as problem:
        return (), problem
    except ValueError:  # a name that cannot be
        return (), None
    return tuple(sorted(found)), None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in a circle
        return False


def _leads_to(entry: os.DirEntry[str]) -> str:
    return os.path.realpath(entry.path) if entry.is_symlink() else ""
