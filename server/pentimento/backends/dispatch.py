"""Sends each job to where it is to be made: this machine, or a service."""

from __future__ import annotations

from typing import Any

from pentimento.backends.base import Backend, Emit, Task


class Dispatcher:
    """Implements `backends.base.Backend`; what is not about one job is about this machine."""

    def __init__(self, local: Backend, remote: Backend) -> None:
        self.name = local.name
        self._local = local
        self._remote = remote

    async def run(self, task: Task, emit: Emit) -> dict[str, Any]:
        backend = self._remote if task.request.backend else self._local
        return await backend.run(task, emit)

    async def cancel(self, job_id: str) -> None:
        await self._local.cancel(job_id)
        await self._remote.cancel(job_id)

    async def status(self) -> dict[str, Any]:
        return await self._local.status()

    async def start(self) -> None:
        await self._local.start()

    async def close(self) -> None:
        await self._remote.close()
        await self._local.close()
