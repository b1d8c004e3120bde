"""Whose the data folder is: a server only works in one that is certainly its own.

A file in it, MARKER, says so. A folder without it is taken when it is empty, holds nothing but what
people lay there before the first start, or was a data folder of a version without markers; any
other stays untouched. Rights of a folder that is there already are never changed.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import stat
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import NoReturn

from pentimento.core.errors import PentimentoError
from pentimento.core.files import write_private

MARKER = ".pentimento-data"
MARKER_TEXT = (
    "This is a data folder of Pentimento: its server keeps jobs, pictures and models here and\n"
    "deletes results that are too old. Keep files of your own elsewhere.\n"
)
DATABASE, LOCK, LOGS = "jobs.sqlite", "server.lock", "logs"
START_LOCK = "start.lock"  # of who starts a server
JOBS, BLOBS = "jobs", "blobs"
FILES = (LOCK, START_LOCK, DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", MARKER)
FOLDERS = (JOBS, BLOBS, LOGS)
PREPARED = frozenset(  # what people and install.sh lay into a folder before its first start
    (
        *("models", "controlnets", "loras", "vaes", "ip_adapters", "annotators"),
        *("embeddings", "upscalers", "wildcards", "styles", LOGS, "venv", "install.json"),
        *("settings.json", "folders.json", "backends.json", "keys.json", "spending.json"),
        *("styles.json", "catalogue.toml", "token", "server.json", LOCK, START_LOCK),
        *("remote.json", "network"),
        *("lost+found", ".DS_Store", "desktop.ini", ".directory"),
    )
)
PARTS = re.compile(r"[a-z.-]+\.[0-9]+\.part")  # of write_private, in the folder itself
OTHERS = 0o077  # rights of anybody but the owner


def check_place(folder: Path) -> os.stat_result | None:
    """None where it is not there yet. Raises PentimentoError where it cannot be a folder at all."""
    try:
        there = folder.stat()
    except FileNotFoundError:
        if folder.is_symlink():
            refuse(folder, f"it is a link to {os.readlink(folder)}, which is not there")
        _check_way(folder)
        return None
    except OSError as error:
        refuse(folder, error.strerror or type(error).__name__)
    if not stat.S_ISDIR(there.st_mode):
        refuse(folder, "it is not a folder")
    return there


def check(folder: Path) -> None:
    """Raises PentimentoError where a server must not work in this folder. Changes nothing; a folder
    that is not there yet is fine."""
    there = check_place(folder)
    if there is None:
        return
    if os.name != "nt" and os.geteuid() == 0 and there.st_uid != 0:
        refuse(
            folder,
            f"it belongs to another user (number {there.st_uid}), and this is root",
            "Start the server as that user, or choose another folder with --data-dir.",
        )
    try:
        names = os.listdir(folder)
    except OSError as error:
        refuse(folder, error.strerror or type(error).__name__)
    if not _is_ours(folder, names):
        others = sorted(name for name in names if name not in PREPARED)
        refuse(
            folder,
            f"it holds files that are not Pentimento's, such as {others[0]!a}",
            "Choose an empty or a new folder with --data-dir or PENTIMENTO_DATA.",
        )
    _check_kinds(folder)


def claim(folder: Path) -> None:
    """Makes the folder, if need be for this user alone, and marks it. Raises as `check`, and
    OSError."""
    check(folder)
    make(folder)
    marker = folder / MARKER
    if not marker.is_file():
        write_private(marker, MARKER_TEXT.encode())


def make(folder: Path) -> None:
    """For this user alone, unless it is there already. Raises OSError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)


def too_open(folder: Path) -> str:
    """A sentence about rights that others have in the folder; empty where there are none."""
    if os.name == "nt":
        return ""
    mode = stat.S_IMODE(folder.stat().st_mode)
    if not mode & OTHERS:
        return ""
    able = "change" if mode & 0o022 else "look into"
    return (
        f"Others can {able} the data folder {folder} (its rights are {mode:o}); "
        f"`chmod 700 {folder}` keeps it to you."
    )


def remove_parts(folder: Path) -> None:
    """Files of ours that an earlier server did not finish writing. Only for who holds the lock."""
    for name in os.listdir(folder):
        place = folder / name
        if PARTS.fullmatch(name) and is_file(place):
            place.unlink(missing_ok=True)


def is_file(path: Path) -> bool:
    """A regular file itself, not a link to one."""
    with suppress(OSError):
        return stat.S_ISREG(path.lstat().st_mode)
    return False


def is_folder(path: Path) -> bool:
    """A folder itself, not a link to one."""
    with suppress(OSError):
        return stat.S_ISDIR(path.lstat().st_mode)
    return False


def refuse(folder: Path, reason: str, hint: str = "") -> NoReturn:
    raise PentimentoError(
        "data_dir",
        f"The data folder {folder} cannot be used: {reason}.",
        hint or "Choose another one with --data-dir or PENTIMENTO_DATA.",
    )


def _check_way(folder: Path) -> None:
    """Of a folder that is to be made: what it is to lie in has to be folders."""
    for parent in folder.parents:
        if parent.is_dir():
            return
        if parent.is_symlink():
            refuse(folder, f"{parent} is a link to a place that is not there")
        if parent.exists():
            refuse(folder, f"{parent} is not a folder")


def _is_ours(folder: Path, names: Iterable[str]) -> bool:
    names = {name for name in names if not PARTS.fullmatch(name)}
    return (
        is_file(folder / MARKER)
        or names <= PREPARED
        or _says(folder / "server.json", {"url", "pid", "token"})
        or _says(folder / "install.json", {"command", "version"})
        or _is_database(folder / DATABASE)
        or (is_file(folder / "token") and is_file(folder / LOCK))
    )


def _says(file: Path, keys: set[str]) -> bool:
    with suppress(OSError, ValueError):
        told = json.loads(file.read_bytes()) if is_file(file) else None
        return isinstance(told, dict) and keys <= told.keys()
    return False


def _is_database(file: Path) -> bool:
    """Of an earlier version: with its tables."""
    if not is_file(file):
        return False
    query = "SELECT count(*) FROM sqlite_master WHERE name IN ('jobs', 'blobs', 'timings')"
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"file:{_quoted(file)}?mode=ro", uri=True)) as db,
    ):
        return bool(db.execute(query).fetchone()[0] == 3)
    return False


def _quoted(file: Path) -> str:
    from urllib.parse import quote

    return quote(os.fsencode(file))


def _check_kinds(folder: Path) -> None:
    """What the server writes must lie in the folder itself: a link could lead anywhere."""
    wanted = {folder / name: stat.S_ISREG for name in FILES}
    wanted |= {folder / name: stat.S_ISDIR for name in FOLDERS}
    wanted |= {folder / LOGS / name: stat.S_ISREG for name in ("server.log", "engine.log")}
    for place, fits in wanted.items():
        try:
            mode = place.lstat().st_mode
        except OSError:
            continue
        name = place.relative_to(folder)
        if stat.S_ISLNK(mode):
            refuse(
                folder,
                f"{name} in it is a link",
                "Delete that link. To keep everything on another disk, choose a folder there "
                "with --data-dir or PENTIMENTO_DATA.",
            )
        if not fits(mode):
            refuse(folder, f"{name} in it is not what it should be", f"Move {place} away.")
