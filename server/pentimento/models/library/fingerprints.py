"""Which weights a file or folder holds, told by its sizes and the ends of its files: what a record
is made with, and whether what an id stands for now is still the same.

- `of(path)`: of a file, or of a folder of files; remembered until one of them changes
- `short(path)`: the same in fewer characters, for records
"""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path

from pentimento.core import plain_files

HASHED_WHOLE = 1024 * 1024  # bytes; larger files enter the fingerprint with header and size
DIGITS = 32  # hexadecimal ones of a short fingerprint
State = tuple[tuple[str, int, int], ...]  # name, bytes and time of change of every file


def of(path: Path) -> str:
    """SHA-256 in hexadecimal digits. Raises OSError."""
    return of_folder(path) if plain_files.is_folder(path) else of_file(path)


def short(path: Path) -> str:
    """As records have it: the bytes of a file, 0 for a folder, and the beginning of the hash, so
    that most others need not be read to be told apart. Raises OSError."""
    size = 0 if plain_files.is_folder(path) else path.stat().st_size
    return f"{size}-{of(path)[:DIGITS]}"


def joined(base: str, denoiser: str) -> str:
    """Of a denoiser's file together with the folder that completes it."""
    return hashlib.sha256((base + denoiser).encode()).hexdigest()


def of_file(file: Path) -> str:
    """Over its size and ends. Raises OSError."""
    status = file.stat()
    return _of_file(file, status.st_size, status.st_mtime_ns)


def of_folder(folder: Path) -> str:
    """Over the names, sizes and ends of all its files. Raises OSError."""
    found = sorted(file for file in folder.rglob("*") if file.is_file())
    return _of_folder(folder, tuple(_state(file, folder) for file in found))


def _state(file: Path, folder: Path) -> tuple[str, int, int]:
    status = file.stat()
    return file.relative_to(folder).as_posix(), status.st_size, status.st_mtime_ns


@lru_cache(maxsize=4096)
def _of_file(file: Path, size: int, mtime_ns: int) -> str:
    digest = hashlib.sha256(str(size).encode())
    with plain_files.opened(file) as stream:
        digest.update(stream.read(HASHED_WHOLE))
        stream.seek(-min(size, HASHED_WHOLE), os.SEEK_END)
        digest.update(stream.read())
    return digest.hexdigest()


@lru_cache(maxsize=256)
def _of_folder(folder: Path, files: State) -> str:
    digest = hashlib.sha256()
    for name, size, _ in files:
        digest.update(f"{name}:{size}\n".encode("utf-8", "surrogateescape"))
        with plain_files.opened(folder / name) as stream:
            digest.update(stream.read(HASHED_WHOLE))
            if size > 2 * HASHED_WHOLE:
                stream.seek(-HASHED_WHOLE, os.SEEK_END)
                digest.update(stream.read())
    return digest.hexdigest()
