"""POST /v1/engine/start, /v1/engine/stop and /v1/shutdown."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from pentimento.api import services
from pentimento.api.bodies import content_length, read_json
from pentimento.api.jsontext import Answer
from pentimento.core.errors import Conflict
from pentimento.schema.answers import EngineAnswer, ShuttingDown
from pentimento.schema.job import EngineStart


async def start(request: Request) -> Answer[EngineAnswer]:
    """Answers while the engine is still starting; its state tells."""
    server = services.of(request)
    wanted = EngineStart()
    if content_length(request):
        wanted = await read_json(request, EngineStart, server.settings.limits)
    if wanted.model:
        await asyncio.to_thread(server.registry.get, wanted.model)  # unknown ones are refused now
    server.warm_up(wanted.model)
    return Answer(EngineAnswer(engine=await server.backend.status()))


async def stop(request: Request) -> Answer[EngineAnswer]:
    server = services.of(request)
    if server.queue.running_id:
        raise Conflict(
            "engine_busy",
            "The engine is working on a job.",
            "Cancel the job first, or wait for it.",
            details={"job": server.queue.running_id},
        )
    await server.backend.close()
    return Answer(EngineAnswer(engine=await server.backend.status()))


async def shutdown(request: Request) -> Answer[ShuttingDown]:
    services.of(request).stop()
    return Answer(ShuttingDown(status="shutting_down"), 202)
