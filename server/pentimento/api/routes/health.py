"""GET /v1/health and /v1/status."""

from __future__ import annotations

import asyncio
import os
import shutil
import time

from starlette.requests import Request

from pentimento import __version__
from pentimento.api import services
from pentimento.api.jsontext import Answer, dump
from pentimento.core import identity
from pentimento.core.settings import MIB
from pentimento.jobs.shared import is_offered
from pentimento.schema.answers import DiskState, Health, LibraryReading, QueueState, Status


async def health(request: Request) -> Answer[Health]:
    proof = shared = None
    nonce = request.query_params.get("nonce", "")
    if identity.NONCE.fullmatch(nonce):
        token, port = request.app.state.token, request.app.state.port
        proof = identity.proof(token, port, nonce)
        client = None if request.app.state.from_network else request.client
        shared = is_offered(client.host if client else None)
    health = Health(
        name="pentimento", version=__version__, status="ok", proof=proof, shared_files=shared
    )
    return Answer(dump(health.model_dump(exclude_none=True)))  # nothing more without a nonce


async def status(request: Request) -> Answer[Status]:
    server = services.of(request)
    settings, queue = server.settings, server.queue
    limits = settings.limits
    reading = server.registry.disk.reading
    usage = await asyncio.to_thread(shutil.disk_usage, settings.data_dir)
    used = await server.store.result_bytes() + await server.blobs.used_bytes()
    status = Status(
        name="pentimento",
        version=__version__,
        pid=os.getpid(),
        uptime_seconds=round(time.monotonic() - server.started_at, 1),
        data_dir=str(settings.data_dir),
        backend=server.backend.name,
        engine=await server.backend.status(),
        queue=QueueState(running=queue.running_id, queued=queue.queued, limit=limits.queued),
        disk=DiskState(
            free_mb=usage.free // MIB,
            used_mb=used // MIB,
            limit_mb=(limits.result_bytes + limits.blob_bytes) // MIB,
        ),
        library=LibraryReading(read=reading.done, total=reading.total) if reading else None,
    )
    return Answer(status)
