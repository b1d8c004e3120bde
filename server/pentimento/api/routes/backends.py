"""/v1/backends: where jobs can run, and what the user allows each service."""

from __future__ import annotations

import asyncio
import socket
from typing import Annotated

from pydantic import Field, SecretStr
from starlette.requests import Request

from pentimento.api import services
from pentimento.api.bodies import read_json
from pentimento.api.jsontext import Answer
from pentimento.api.routes.jobs import bad_query, number
from pentimento.api.services import Services
from pentimento.models.library.registry import STARTER_ID
from pentimento.schema.answers import BackendEntries, BackendEntry, Checked
from pentimento.schema.job import LOCAL, MAX_COUNT, Mode, Strict
from pentimento.services import backend as remote
from pentimento.services import describe
from pentimento.services.describe import ANY, JobWanted
from pentimento.services.keys import LONGEST
from pentimento.services.settings import ServiceChange
from pentimento.services.terms import Terms

CHECK_SECONDS = 20.0
BETWEEN = "Pictures and words go to that machine, encrypted, and to nobody else."


class Agreement(Strict):
    agreed: bool


class Key(Strict):
    key: Annotated[SecretStr, Field(min_length=1, max_length=LONGEST)]


async def listing(request: Request) -> Answer[BackendEntries]:
    mode = request.query_params.get("mode")
    if mode is not None and mode not in set(Mode):
        raise bad_query("mode", f"must be one of {', '.join(Mode)}")
    count = int(number(request, "count", 1, 1, MAX_COUNT))
    wanted = JobWanted(Mode(mode) if mode else None, count)
    found = await asyncio.to_thread(_everything, services.of(request), wanted)
    if request.app.state.from_network:  # what this machine is, and nothing of its owner's accounts
        seen = {"receives": socket.gethostname(), "privacy": BETWEEN}
        found = [one.model_copy(update=seen) for one in found if one.id == LOCAL]
    return Answer(BackendEntries(backends=found))


async def change(request: Request) -> Answer[BackendEntry]:
    server = services.of(request)
    terms = await _terms(request, server)
    wanted = await read_json(request, ServiceChange, server.settings.limits)
    await asyncio.to_thread(server.remotes.settings.change, terms.service, wanted)
    return await _told(request, server)


async def consent(request: Request) -> Answer[BackendEntry]:
    server = services.of(request)
    terms = await _terms(request, server)
    wanted = await read_json(request, Agreement, server.settings.limits)
    await asyncio.to_thread(server.remotes.settings.agree, terms.service, wanted.agreed)
    return await _told(request, server)


async def put_key(request: Request) -> Answer[BackendEntry]:
    server = services.of(request)
    terms = await _terms(request, server)
    wanted = await read_json(request, Key, server.settings.limits)
    secret = wanted.key.get_secret_value()
    await asyncio.to_thread(server.remotes.keys.put, terms.id, terms.place, secret)
    return await _told(request, server)


async def delete_key(request: Request) -> Answer[BackendEntry]:
    server = services.of(request)
    terms = await _terms(request, server)
    await asyncio.to_thread(server.remotes.keys.remove, terms.id, terms.place)
    return await _told(request, server)


async def check(request: Request) -> Answer[Checked]:
    """Whether address and key work, without cost; what the service lists, and what is different
    from its record."""
    server = services.of(request)
    terms = await _terms(request, server)
    return Answer(await asyncio.to_thread(remote.check, server.remotes, terms, CHECK_SECONDS))


async def _terms(request: Request, server: Services) -> Terms:
    return await asyncio.to_thread(server.remotes.terms, request.path_params["id"])


async def _told(request: Request, server: Services) -> Answer[BackendEntry]:
    """The service as it is now."""
    everything = await asyncio.to_thread(_everything, server)
    wanted = request.path_params["id"]
    return Answer(next(one for one in everything if one.id == wanted))


def _everything(server: Services, wanted: JobWanted = ANY) -> list[BackendEntry]:
    usable = [info for info in server.registry.list() if info.ok]
    return describe.everything(
        server.remotes,
        full_model=any(info.id != STARTER_ID for info in usable),
        edits=any(Mode.EDIT in info.modes for info in usable),
        wanted=wanted,
    )
