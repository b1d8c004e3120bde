"""GET /v1/styles, PUT and DELETE /v1/styles/{name}."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from pentimento.api import services
from pentimento.api.bodies import read_json
from pentimento.api.jsontext import Answer
from pentimento.schema.answers import StyleEntry, StyleList, StyleRemoved
from pentimento.schema.style import StyleFields


async def listing(request: Request) -> Answer[StyleList]:
    found = await asyncio.to_thread(services.of(request).styles.list)
    return Answer(StyleList(styles=[entry.answer() for entry in found]))


async def save(request: Request) -> Answer[StyleEntry]:
    server = services.of(request)
    fields = await read_json(request, StyleFields, server.settings.limits)
    saved = await asyncio.to_thread(server.styles.save, request.path_params["name"], fields)
    return Answer(saved.answer())


async def remove(request: Request) -> Answer[StyleRemoved]:
    name = request.path_params["name"]
    await asyncio.to_thread(services.of(request).styles.remove, name)
    return Answer(StyleRemoved(name=name, removed=True))
