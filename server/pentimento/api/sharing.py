"""One reading of the disk for all who ask at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedReading(Generic[T]):
    """Who asks while a reading is under way shares the next one with all others who do: what was
    there when they asked is in it, and however many ask, no two read at once."""

    def __init__(self, read: Callable[[], T]) -> None:
        self._read = read
        self._current: asyncio.Task[T] | None = None
        self._next: asyncio.Task[T] | None = None

    async def get(self) -> T:
        if self._next is None:
            self._next = asyncio.create_task(self._run(self._current))
        return await asyncio.shield(self._next)

    async def _run(self, before: asyncio.Task[T] | None) -> T:
        if before:
            await asyncio.wait([before])
        self._current, self._next = asyncio.current_task(), None
        return await asyncio.to_thread(self._read)
