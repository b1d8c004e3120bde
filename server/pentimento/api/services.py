"""Everything the routes work with, made once a server and found again from a request."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

from starlette.requests import Request

from pentimento.api.listing import everything
from pentimento.api.other_machines import Network
from pentimento.api.sharing import SharedReading
from pentimento.backends.dispatch import Dispatcher
from pentimento.core import heap
from pentimento.core.errors import PentimentoError
from pentimento.core.settings import Settings
from pentimento.jobs.admission import Admission
from pentimento.jobs.blobs import BlobLimits, Blobs
from pentimento.jobs.queue import JobQueue, QueueLimits
from pentimento.jobs.results import Results
from pentimento.jobs.shared import SharedFiles
from pentimento.jobs.store import Store
from pentimento.jobs.styles import Styles
from pentimento.jobs.sweeper import ResultLimits, Sweeper
from pentimento.jobs.timings import Timings
from pentimento.models.download.pull import Pulls
from pentimento.models.library.registry import Registry
from pentimento.schema.answers import Models
from pentimento.schema.task import Backend
from pentimento.services.backend import RemoteBackend
from pentimento.services.hub_token import hub_settings
from pentimento.services.terms import Remotes

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Services:
    settings: Settings
    backend: Backend
    registry: Registry
    store: Store
    blobs: Blobs
    shared: SharedFiles
    results: Results
    timings: Timings
    queue: JobQueue
    remotes: Remotes
    pulls: Pulls
    styles: Styles
    sweeper: Sweeper
    listing: SharedReading[Models]  # GET /v1/models
    network: Network
    stop: Callable[[], None]  # asks the process to end
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    started_at: float = field(default_factory=time.monotonic)
    _pixel_work: asyncio.Lock = field(default_factory=asyncio.Lock)
    _sweeping: asyncio.Task[None] | None = None
    _warming: asyncio.Task[None] | None = None

    async def open(self) -> None:
        await self.timings.load()
        await self.sweeper.tidy_up()
        await self.queue.open()
        self._sweeping = asyncio.create_task(self.sweeper.run_for_ever())
        await self.network.open_again()

    async def close(self) -> None:
        self.stopping.set()
        await self.network.close()
        for task in (self._sweeping, self._warming):
            if task:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        await asyncio.to_thread(self.pulls.close, self.settings.limits.farewell_seconds)
        await self.queue.close(self.settings.limits.farewell_seconds)
        with suppress(sqlite3.Error):
            await self.store.keep_time()
        self.store.close()

    @asynccontextmanager
    async def pixel_turn(self) -> AsyncIterator[None]:
        """Whoever holds arrays of pictures, which are large, waits for a turn; what they took goes
        back to the system."""
        async with self._pixel_work:
            try:
                yield
            finally:
                asyncio.get_running_loop().run_in_executor(None, heap.give_back)

    def warm_up(self, model: str | None = None) -> None:
        """Starts the engine in the background, and lets it read this model's weights while nothing
        else waits for it."""
        idle = self.queue.idle_here
        if self._warming is None or self._warming.done() or model:
            self._warming = asyncio.create_task(self._start_engine(model if idle else None))

    async def _start_engine(self, model: str | None) -> None:
        try:
            await self.backend.start(model)
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
    blobs.in_use = queue.blobs_in_use
    sweeper = Sweeper(
        *(store, blobs, results, queue), ResultLimits(limits.result_age, limits.result_bytes)
    )
    return Services(
        *(settings, backend, registry, store, blobs, SharedFiles(blobs)),
        *(results, timings, queue, remotes),
        Pulls(data, lambda: hub_settings(data), limits.disk_reserve),
        *(admission.styles, sweeper, SharedReading(partial(everything, registry))),
        *(Network(data, limits), stop),
    )


def of(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _local_backend(settings: Settings, registry: Registry) -> Backend:
    from pentimento.backends.local import LocalBackend

    return LocalBackend(data_dir=settings.data_dir, registry=registry, options=settings.engine)
