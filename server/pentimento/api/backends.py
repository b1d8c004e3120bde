"""/v1/backends: where jobs can run, and what the user allows each service."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import Field, SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pentimento.api import services
from pentimento.api.bodies import read_json
from pentimento.api.services import Services
from pentimento.backends.remote import adapter as adapters
from pentimento.backends.remote import describe
from pentimento.backends.remote.backend import open_line
from pentimento.backends.remote.keys import LONGEST
from pentimento.backends.remote.settings import Change
from pentimento.backends.remote.terms import Terms
from pentimento.jobs.record import Strict
from pentimento.models.registry import STARTER_ID

CHECK_SECONDS = 20.0


class Agreement(Strict):
    agreed: bool


class Key(Strict):
    key: Annotated[SecretStr, Field(min_length=1, max_length=LONGEST)]


async def listing(request: Request) -> Response:
    server = services.of(request)
    return JSONResponse(await asyncio.to_thread(_everything, server))


async def change(request: Request) -> Response:
    server = services.of(request)
    terms = await _terms(request, server)
    wanted = await read_json(request, Change, server.settings.limits)
    await asyncio.to_thread(server.remotes.settings.change, terms.service, wanted)
    return await _told(request, server)


async def consent(request: Request) -> Response:
    server = services.of(request)
    terms = await _terms(request, server)
    wanted = await read_json(request, Agreement, server.settings.limits)
    await asyncio.to_thread(server.remotes.settings.agree, terms.service, wanted.agreed)
    return await _told(request, server)


async def put_key(request: Request) -> Response:
    server = services.of(request)
    terms = await _terms(request, server)
    wanted = await read_json(request, Key, server.settings.limits)
    secret = wanted.key.get_secret_value()
    await asyncio.to_thread(server.remotes.keys.put, terms.id, terms.place, secret)
    return await _told(request, server)


async def delete_key(request: Request) -> Response:
    server = services.of(request)
    terms = await _terms(request, server)
    await asyncio.to_thread(server.remotes.keys.remove, terms.id, terms.place)
    return await _told(request, server)


async def check(request: Request) -> Response:
    """Whether address and key work, without cost; the models that the service lists."""
    server = services.of(request)
    terms = await _terms(request, server)
    models = await asyncio.to_thread(_checked, server, terms)
    return JSONResponse({"ok": True, "models": models})


async def _terms(request: Request, server: Services) -> Terms:
    return await asyncio.to_thread(server.remotes.terms, request.path_params["id"])


async def _told(request: Request, server: Services) -> Response:
    """The service as it is now."""
    everything = await asyncio.to_thread(_everything, server)
    wanted = request.path_params["id"]
    return JSONResponse(next(one for one in everything["backends"] if one["id"] == wanted))


def _everything(server: Services) -> dict[str, list[dict[str, Any]]]:
    full_model = any(info.ok and info.id != STARTER_ID for info in server.registry.list())
    found = describe.everything(server.remotes, full_model)
    return {"backends": [asdict(one) for one in found]}


def _checked(server: Services, terms: Terms) -> list[str]:
    adapter = adapters.load(terms.id)
    line = open_line(server.remotes, terms, adapter, CHECK_SECONDS)
    try:
        adapter.check(line)
        return adapter.models(line)
    finally:
        line.close()
