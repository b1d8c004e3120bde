"""GET /models: the installed ones that work."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pentimento.api import services
from pentimento.api.jsontext import JSONAnswer
from pentimento.core.errors import NotFound
from pentimento.models.library.model import ModelInfo


async def listing(request: Request) -> Response:
    found = await _usable(request)
    return JSONAnswer({"object": "list", "data": [_told(info) for info in found]})


async def show(request: Request) -> Response:
    wanted = request.path_params["id"]
    for info in await _usable(request):
        if info.id == wanted:
            return JSONAnswer(_told(info))
    raise NotFound("model_not_found", "There is no such model.", "GET /models lists them.")


async def _usable(request: Request) -> list[ModelInfo]:
    found = await asyncio.to_thread(services.of(request).registry.list)
    return [info for info in found if info.ok]


def _told(info: ModelInfo) -> dict[str, Any]:
    return {"id": info.id, "object": "model", "created": 0, "owned_by": "pentimento"}
