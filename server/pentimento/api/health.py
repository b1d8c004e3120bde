"""GET /v1/health and /v1/status."""

from __future__ import annotations

import asyncio
import os
import shutil
import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pentimento import __version__
from pentimento.api import services
from pentimento.api.settings import MIB


async def health(request: Request) -> Response:
    return JSONResponse({"name": "pentimento", "version": __version__, "status": "ok"})


async def status(request: Request) -> Response:
    server = services.of(request)
    settings, queue = server.settings, server.queue
    limits = settings.limits
    usage = await asyncio.to_thread(shutil.disk_usage, settings.data_dir)
    used = await server.store.result_bytes() + await server.blobs.used_bytes()
    return JSONResponse(
        {
            "name": "pentimento",
            "version": __version__,
            "pid": os.getpid(),
            "uptime_seconds": round(time.monotonic() - server.started_at, 1),
            "data_dir": str(settings.data_dir),
            "backend": server.backend.name,
            "engine": await server.backend.status(),
            "queue": {
                "running": queue.running_id,
                "queued": queue.queued,
                "limit": limits.queued,
            },
            "disk": {
                "free_mb": usage.free // MIB,
                "used_mb": used // MIB,
                "limit_mb": (limits.result_bytes + limits.blob_bytes) // MIB,
            },
        }
    )
