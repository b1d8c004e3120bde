"""When memory is looked through, and that it goes back to the system.

Memory that large pictures took goes back where the C library is glibc.

By itself glibc keeps it: after the first large block is freed it takes further ones from its heaps,
one for each thread, which shrink only from their end.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # malloc.h
LARGE = 2**20  # bytes; blocks of this size are the system's own, given back when they are freed
HEAPS = 2


@contextmanager
def importing() -> Iterator[None]:
    """While modules are loaded: they make many objects and no garbage, and looking through them
    again and again is a sixth of the time. Afterwards they are never looked through."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def settle() -> None:
    """Once, before threads begin."""
    if libc := _glibc():
        libc.mallopt(M_MMAP_THRESHOLD, LARGE)
        libc.mallopt(M_TRIM_THRESHOLD, LARGE)
        libc.mallopt(M_ARENA_MAX, HEAPS)


def give_back() -> None:
    """What is free now; milliseconds, but not for every call."""
    if libc := _glibc():
        libc.malloc_trim(0)


@cache
def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018  # others have no mallopt of this kind
    except (OSError, AttributeError):
        return None
    return library
