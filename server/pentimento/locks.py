"""Locks on files that the system gives back when a process ends in any way."""

from __future__ import annotations

import sys
from typing import BinaryIO


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
