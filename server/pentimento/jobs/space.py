"""Room on the disk: asked for before something is written, never used up to the last byte."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from pathlib import Path

from pentimento.errors import PentimentoError

CODES = (errno.ENOSPC, errno.EDQUOT)


def require(folder: Path, size: int, reserve: int) -> None:
    """Raises disk_full when `size` bytes more would leave less than `reserve` free."""
    if shutil.disk_usage(folder).free < size + reserve:
        raise disk_full()


def is_disk_full(problem: BaseException) -> bool:
    if isinstance(problem, OSError):
        return problem.errno in CODES
    return isinstance(problem, sqlite3.OperationalError) and "disk is full" in str(problem)


def disk_full() -> PentimentoError:
    return PentimentoError(
        "disk_full",
        "The disk with Pentimento's data folder is full.",
        "Free some space there, then try again.",
        status=507,
    )
