"""POST /v1/engine/start, /v1/engine/stop and /v1/shutdown."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pentimento.api import services
from pentimento.errors import Conflict


async def start(request: Request) -> Response:
    """Answers while the engine is still starting; its state tells."""
    server = services.of(request)
    server.warm_up()
    return JSONResponse({"engine": await server.backend.status()})


async def stop(request: Request) -> Response:
    server = services.of(request)
    if server.queue.running_id:
        raise Conflict(
            "engine_busy",
            "The engine is working on a job.",
            "Cancel the job first, or wait for it.",
            details={"job": server.queue.running_id},
        )
    await server.backend.close()
    return JSONResponse({"engine": await server.backend.status()})


async def shutdown(request: Request) -> Response:
    services.of(request).stop()
    return JSONResponse({"status": "shutting_down"}, 202)
