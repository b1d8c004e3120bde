"""Sends each job to where it is to be made: this machine, or a service."""

from __future__ import annotations

from typing import Any

from pentimento.schema.answers import EngineState
from pentimento.schema.task import Backend, Emit, Task


class Dispatcher:
    """Implements `backends.base.Backend`; what is not about one job is about this machine."""

    def __init__(self, local: Backend, remote: Backend) -> None:
        self.name = local.name
        self._local = local
        self._remote = remote
        self._at_work: dict[str, Backend] = {}  # by job

    async def run(self, task: Task, emit: Emit) -> dict[str, Any]:
        backend = self._remote if task.request.backend else self._local
        self._at_work[task.job_id] = backend
        try:
            return await backend.run(task, emit)
        finally:
            del self._at_work[task.job_id]

    async def cancel(self, job_id: str) -> None:
        await self._local.cancel(job_id)
        await self._remote.cancel(job_id)

    async def finish(self, job_id: str) -> bool:
        """Also of a job that is on its way here: its pictures may still be read."""
        return await self._at_work.get(job_id, self._local).finish(job_id)

    async def status(self) -> EngineState:
        return await self._local.status()

    async def start(self, model: str | None = None) -> None:
        await self._local.start(model)

    async def close(self) -> None:
        await self._remote.close()
        await self._local.close()
