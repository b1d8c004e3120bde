"""Everything the routes work with, made once a server and found again from a request."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from starlette.requests import Request

from pentimento.api.settings import Settings
from pentimento.backends.base import Backend
from pentimento.backends.dispatch import Dispatcher
from pentimento.backends.remote.backend import RemoteBackend
from pentimento.backends.remote.terms import Remotes
from pentimento.errors import PentimentoError
from pentimento.jobs.admission import Admission
from pentimento.jobs.blobs import BlobLimits, Blobs
from pentimento.jobs.queue import JobQueue, QueueLimits
from pentimento.jobs.results import Results
from pentimento.jobs.store import Store
from pentimento.jobs.styles import Styles
from pentimento.jobs.sweeper import Sweeper
from pentimento.jobs.timings import Timings
from pentimento.models import Registry
from pentimento.models.pull.manager import Pulls
from pentimento.models.pull.tokens import hub_settings

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Services:
    settings: Settings
    backend: Backend
    registry: Registry
    store: Store
    blobs: Blobs
    results: Results
    timings: Timings
    queue: JobQueue
    remotes: Remotes
    pulls: Pulls
    styles: Styles
    sweeper: Sweeper
    stop: Callable[[], None]  # asks the process to end
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    started_at: float = field(default_factory=time.monotonic)
    _sweeping: asyncio.Task[None] | None = None
    _warming: asyncio.Task[None] | None = None

    async def open(self) -> None:
        await self.timings.load()
        await self.sweeper.tidy_up()
        await self.queue.open()
        self._sweeping = asyncio.create_task(self.sweeper.run_for_ever())

    async def close(self) -> None:
        self.stopping.set()
        for task in (self._sweeping, self._warming):
            if task:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        await asyncio.to_thread(self.pulls.close, self.settings.limits.farewell_seconds)
        await self.queue.close(self.settings.limits.farewell_seconds)
        self.store.close()

    def warm_up(self) -> None:
        """Starts the engine in the background."""
        if self._warming is None or self._warming.done():
            self._warming = asyncio.create_task(self._start_engine())

    async def _start_engine(self) -> None:
        try:
            await self.backend.start()
        except PentimentoError as error:  # the engine's state says so too
            log.warning("%s", error.message)


def build(settings: Settings, backend: Backend | None, stop: Callable[[], None]) -> Services:
    """Wires the parts together; opens the store."""
    limits, data = settings.limits, settings.data_dir
    registry = Registry(data)
    store = Store(data / "jobs.sqlite")
    blob_limits = BlobLimits(
        limits.pixels, limits.side, limits.blob_age, limits.blob_bytes, limits.disk_reserve
    )
    blobs = Blobs(data / "blobs", store, blob_limits)
    results = Results(data / "jobs")
    timings = Timings(store, registry)
    remotes = Remotes(data)
    local = backend or _local_backend(settings, registry)
    backend = Dispatcher(local, RemoteBackend(remotes))
    admission = Admission(registry, blobs, remotes, data, limits.disk_reserve)
    queue = JobQueue(
        *(store, results, admission),
        *(backend, timings),
        QueueLimits(limits.queued, limits.lease, limits.result_age),
    )
    sweeper = Sweeper(store, blobs, results, queue, limits.result_bytes)
    return Services(
        *(settings, backend, registry, store, blobs, results, timings, queue, remotes),
        Pulls(data, lambda: hub_settings(data), limits.disk_reserve),
        *(admission.styles, sweeper, stop),
    )


def of(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _local_backend(settings: Settings, registry: Registry) -> Backend:
    from pentimento.backends.local import LocalBackend

    return LocalBackend(data_dir=settings.data_dir, registry=registry, options=settings.engine)
