"""GET /v1/styles, PUT and DELETE /v1/styles/{name}."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pentimento.api import services
from pentimento.api.bodies import read_json
from pentimento.jobs.styles import StyleFields


async def listing(request: Request) -> Response:
    found = await asyncio.to_thread(services.of(request).styles.list)
    return JSONResponse({"styles": [entry.as_json() for entry in found]})


async def save(request: Request) -> Response:
    server = services.of(request)
    fields = await read_json(request, StyleFields, server.settings.limits)
    saved = await asyncio.to_thread(server.styles.save, request.path_params["name"], fields)
    return JSONResponse(saved.as_json())


async def remove(request: Request) -> Response:
    name = request.path_params["name"]
    await asyncio.to_thread(services.of(request).styles.remove, name)
    return JSONResponse({"name": name, "removed": True})
