"""Files: where the data folder is and what other programs read in it, locks that the system gives
back when a process ends in any way, and room on the disk, asked for before something is written."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pentimento.core.errors import PentimentoError


@dataclass(frozen=True, slots=True)
class ServerFile:
    """What a running server wrote about itself into `server.json`."""

    url: str
    token: str
    pid: int
    version: str


def data_dir(chosen: Path | None = None) -> Path:
    """The data folder: as chosen, else PENTIMENTO_DATA, else the platform's per-user one. The same
    rule stands in the plug-in's `server.py` and in `tools/install/user.sh`."""
    named = str(chosen) if chosen is not None else os.environ.get("PENTIMENTO_DATA")
    if named:
        return Path(os.path.abspath(os.path.expanduser(named)))
    home = Path(os.path.expanduser("~"))
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "pentimento"
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "pentimento"
    base = os.environ.get("XDG_DATA_HOME", "")
    # A relative path is invalid, says the specification of XDG's base directories.
    return (Path(base) if os.path.isabs(base) else home / ".local" / "share") / "pentimento"


def server_file(folder: Path) -> ServerFile | None:
    """The address of the server that last ran with this data folder; None when none is known."""
    try:
        data = json.loads((folder / "server.json").read_text("utf-8"))
        return ServerFile(
            str(data["url"]), str(data["token"]), int(data["pid"]), str(data["version"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_private(path: Path, data: bytes, *, lasting: bool = False) -> None:
    """A file only its owner can read, from its first byte on; replaces what was there. `lasting`
    waits until it is on the disk."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            if lasting:
                stream.flush()
                os.fsync(stream.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def whole(path: Path, *, lasting: bool = False) -> Iterator[BinaryIO]:
    """A stream to a file that has its name only once it is complete; it is `NAME.part` until then,
    which goes where writing fails. `lasting` waits until it is on the disk."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as stream:
            yield stream
            if lasting:
                stream.flush()
                os.fsync(stream.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def try_lock(stream: BinaryIO) -> bool:
    """Whether the open file is now ours alone, until it is closed."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


CODES = (errno.ENOSPC, errno.EDQUOT)
NO_ROOM = 2**17  # bytes; less than a database begins with


def require_space(folder: Path, size: int, reserve: int) -> None:
    """Raises disk_full when `size` bytes more would leave less than `reserve` free."""
    if shutil.disk_usage(folder).free < size + reserve:
        raise disk_full()


def is_disk_full(problem: BaseException) -> bool:
    if isinstance(problem, OSError):
        return problem.errno in CODES
    return isinstance(problem, sqlite3.OperationalError) and "disk is full" in str(problem)


def is_full(folder: Path) -> bool:
    """For when the system gives another reason: SQLite says "disk I/O error" there."""
    try:
        return shutil.disk_usage(folder).free < NO_ROOM
    except OSError:
        return False


def disk_full() -> PentimentoError:
    return PentimentoError(
        "disk_full",
        "The disk with Pentimento's data folder is full.",
        "Free some space there, then try again.",
        status=507,
    )
