"""Looking at folders that may hold anything: pipes, sockets, devices, links in a circle, names that
are no text, folders that may be listed and not entered. Nothing here blocks, and only `opened` and
`read` raise.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class NotPlain(OSError):
    """What should be a file is something else; `strerror` says what, as "it is a named pipe"."""


def is_folder(path: Path) -> bool:
    """Also through links. False for whatever cannot be looked at."""
    return os.path.isdir(path)


def is_file(path: Path) -> bool:
    """Also through links. False for whatever cannot be looked at."""
    return os.path.isfile(path)


def is_shut(folder: Path) -> bool:
    """A folder that is there and may not be listed or entered."""
    if not is_folder(folder):
        return False
    try:
        os.listdir(folder)
        os.stat(os.path.join(folder, "."))  # pathlib would leave the dot out
    except OSError:
        return True
    return False


def entries(folder: Path) -> list[Path]:
    """Everything in a folder, in the order of names; nothing where it cannot be listed."""
    try:
        return sorted(folder / name for name in os.listdir(folder))
    except (OSError, ValueError):
        return []


def is_inside(path: Path, root: Path) -> bool:
    """Whether it lies below `root` once all links are followed."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def status(path: Path) -> os.stat_result:
    """Of a regular file. Raises OSError as `opened`, without opening it."""
    seen = os.stat(path)
    _require_file(seen)
    return seen


def opened(path: Path) -> BinaryIO:
    """A regular file for reading, also through links. Raises OSError: NotPlain for a pipe or the
    like, which is not touched."""
    status(path)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    stream = os.fdopen(os.open(path, flags), "rb")
    try:
        _require_file(os.fstat(stream.fileno()))  # it may have been changed in between
    except OSError:
        stream.close()
        raise
    return stream


def read(path: Path, most: int) -> bytes:
    """All of a regular file; raises OSError, also for one of more than `most` bytes."""
    with opened(path) as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise NotPlain(errno.EFBIG, "it is too large")
    return data


def reason(problem: OSError) -> str:
    """Why something cannot be read, without its path."""
    if problem.errno == errno.ELOOP:
        return "it is a link that leads in a circle"
    if problem.errno == errno.ENOENT:
        return "it is a link that leads nowhere, or was just removed"
    return problem.strerror or type(problem).__name__


def _require_file(seen: os.stat_result) -> None:
    if stat.S_ISREG(seen.st_mode):
        return
    what = next((name for fits, name in KINDS if fits(seen.st_mode)), "no file")
    raise NotPlain(errno.EINVAL, f"it is {what}, not a file")
