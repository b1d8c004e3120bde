"""The application: the table of all calls, the router and the OpenAPI document made from it,
wrapped in security and error handling."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pentimento import __version__
from pentimento.api import compat, middleware, other_machines, services
from pentimento.api.bodies import DrainMiddleware
from pentimento.api.compat.face import Face
from pentimento.api.jsontext import Answer, JSONAnswer
from pentimento.api.routes import (
    backends,
    blobs,
    engine,
    events,
    folders,
    health,
    images,
    jobs,
    models,
    pairing,
    plan,
    pulls,
    stages,
    styles,
    workflow,
)
from pentimento.api.services import Services
from pentimento.core.settings import Settings
from pentimento.jobs.blobs import RAW_TYPE
from pentimento.schema.answers import Error
from pentimento.schema.job import JobRequest, LentPicture
from pentimento.schema.plan import PlanRequest
from pentimento.schema.style import StyleFields
from pentimento.schema.task import Backend
from pentimento.services.settings import ServiceChange


def create_app(
    settings: Settings,
    *,
    token: str,
    port: int,
    backend: Backend | None = None,
    stop: Callable[[], None] = lambda: None,
    admitted: Callable[[Any], None] = lambda peer: None,
) -> Starlette:
    """The server for `settings`, listening at `port`. Without `backend` jobs run on this machine;
    `stop` is what ends the process; `admitted` hears which clients have shown the token."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            await app.state.services.open()
        except (OSError, sqlite3.Error) as problem:
            app.state.problem = problem  # `serving` says it, once everything is closed
            stop()
        try:
            yield
        finally:
            await app.state.services.close()

    spoken = compat.load(settings.faces)
    is_own = middleware.authorities(settings.host, port).__contains__
    app = Starlette(
        routes=[*_routes(CALLS), *(route for face in spoken for route in face.routes)],
        middleware=_middleware(settings, token, is_own, spoken, admitted),
        exception_handlers={HTTPException: middleware.handler(spoken)},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.problem = None
    app.state.token, app.state.port, app.state.from_network = token, port, False
    app.state.services = services.build(settings, backend, stop)
    app.state.services.network.make_app = partial(_network_app, app.state.services)
    compat.install(app, settings.faces)
    return app


def _network_app(
    server: Services, token: str, port: int, admitted: Callable[[Any], None]
) -> Starlette:
    """The same services for other machines, with fewer calls."""
    allowed = [call for call in CALLS if (call.method, call.path) in other_machines.CALLS]
    others = [
        replace(call, endpoint=other_machines.refused) for call in CALLS if call not in allowed
    ]
    app = Starlette(
        routes=_routes([*allowed, PAIRING, *others]),
        middleware=_middleware(
            server.settings, token, other_machines.is_own_name(port), (), admitted
        ),
        exception_handlers={HTTPException: middleware.handler(())},
    )
    app.router.redirect_slashes = False
    app.state.token, app.state.port, app.state.from_network = token, port, True
    app.state.services = server
    return app


def _middleware(
    settings: Settings,
    token: str,
    is_own: Callable[[str], bool],
    spoken: Sequence[Face],
    admitted: Callable[[Any], None],
) -> list[Middleware]:
    return [
        Middleware(DrainMiddleware, settings.limits),
        Middleware(middleware.HeaderMiddleware),
        Middleware(middleware.ErrorMiddleware, spoken),
        Middleware(middleware.SecurityMiddleware, token, is_own, spoken, admitted),
    ]


def _routes(calls: Iterable[Call]) -> list[Route]:
    return [Route(call.path, call.endpoint, methods=[call.method]) for call in calls]


SCHEMAS = "#/components/schemas/"


async def document(request: Request) -> Response:
    return JSONAnswer(await asyncio.to_thread(build))


@cache
def build() -> dict[str, Any]:

    paths: dict[str, dict[str, Any]] = {}
    for call in CALLS:
        paths.setdefault(call.path, {})[call.method.lower()] = _operation(call)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Pentimento", "version": __version__},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(CALLS),
        },
    }


def _operation(call: Call) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": call.summary,
        "operationId": call.endpoint.__module__.rpartition(".")[2] + "_" + call.endpoint.__name__,
        "parameters": _parameters(call),
        "responses": {
            **{str(status): _answer(call) for status in (call.status, call.known) if status},
            "default": {"description": "An error", "content": _json("Error")},
        },
    }
    if call.body:
        operation["requestBody"] = {"required": True, "content": _json(call.body.__name__)}
    if call.path == "/v1/blobs":
        binary = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {"required": True, "content": {"*/*": binary}}
    if call.path == "/v1/health":
        operation["security"] = []
    return operation


def _parameters(call: Call) -> list[dict[str, Any]]:
    places = {
        "path": re.findall(r"{(\w+)}", call.path),
        "query": call.query,
        "header": call.headers,
    }
    return [
        {"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}}
        for place, names in places.items()
        for name in names
    ]


def _answer(call: Call) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": call.summary}
    if model := answer_of(call.endpoint):
        answer["content"] = _json(model.__name__)
    elif call.types:
        answer["content"] = {kind: {} for kind in call.types}
    return answer


def answer_of(endpoint: Endpoint) -> type[BaseModel] | None:
    """The model that a route returns; None for one that answers with something else than JSON."""
    returned = get_type_hints(endpoint)["return"]
    return get_args(returned)[0] if get_origin(returned) is Answer else None


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": SCHEMAS + name}}}


def _schemas(calls: tuple[Call, ...]) -> dict[str, Any]:
    """Everything the calls take and answer, with what those refer to."""
    from pydantic.json_schema import models_json_schema

    models: set[type[BaseModel]] = {Error}
    for call in calls:
        models |= {model for model in (call.body, answer_of(call.endpoint)) if model}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, definitions = models_json_schema(
        [(model, "validation") for model in ordered], ref_template=SCHEMAS + "{model}"
    )
    schemas: dict[str, Any] = definitions["$defs"]
    return schemas


Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Call:
    """One row. `types`: of an answer that is no JSON; what JSON is made of, its route tells.
    `known`: the status where all was there already."""

    method: str
    path: str
    endpoint: Endpoint
    summary: str
    status: int = 200
    body: type[BaseModel] | None = None
    types: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    known: int | None = None


PICTURE = ("image/png", RAW_TYPE)
PAIRING = Call(  # for other machines alone
    *("POST", "/v1/pair", pairing.pair, "Show the code, get the token; open to all"),
    body=pairing.PairingProof,
)

CALLS = (
    Call(
        *("GET", "/v1/health", health.health, "Whether it lives; open to all"),
        query=("nonce",),
    ),
    Call("GET", "/v1/status", health.status, "Engine, queue and disk"),
    Call("GET", "/v1/models", models.models, "Installed models"),
    Call("GET", "/v1/models/folders", folders.listing, "Other programs' folders"),
    Call(
        *("PUT", "/v1/models/folders", folders.replace, "Choose other programs' folders"),
        body=folders.FolderList,
    ),
    Call("GET", "/v1/models/available", pulls.available, "What can be fetched"),
    Call(
        *("POST", "/v1/models/pull", pulls.pull, "Fetch a model, or go on", 202),
        body=pulls.PullRequest,
    ),
    Call("GET", "/v1/models/pulls", pulls.listing, "Downloads"),
    Call(
        *("GET", "/v1/models/pulls/{id}", pulls.show, "A download, or its next change"),
        query=("wait", "since"),
    ),
    Call("POST", "/v1/models/pulls/{id}/pause", pulls.pause, "Pause a download"),
    Call("DELETE", "/v1/models/pulls/{id}", pulls.cancel, "Give a download up"),
    Call("DELETE", "/v1/models/{id}", pulls.remove, "Remove a model"),
    Call("GET", "/v1/network", pairing.show, "Whether other machines are let in"),
    Call(
        *("POST", "/v1/network/pairing", pairing.offer, "A code for another machine"),
        body=pairing.PairingOffer,
    ),
    Call("DELETE", "/v1/network", pairing.close, "Let no other machine in any more"),
    Call("GET", "/v1/capabilities", models.capabilities, "What works"),
    Call(
        *("GET", "/v1/backends", backends.listing, "Where jobs can run"),
        query=("mode", "count"),
    ),
    Call(
        *("PUT", "/v1/backends/{id}", backends.change, "Set a service up"),
        body=ServiceChange,
    ),
    Call(
        *("POST", "/v1/backends/{id}/consent", backends.consent, "Agree, or no longer"),
        body=backends.Agreement,
    ),
    Call(
        *("PUT", "/v1/backends/{id}/key", backends.put_key, "Keep a key"),
        body=backends.Key,
    ),
    Call("DELETE", "/v1/backends/{id}/key", backends.delete_key, "Forget a key"),
    Call("POST", "/v1/backends/{id}/check", backends.check, "Does it work"),
    Call("GET", "/v1/styles", styles.listing, "Styles"),
    Call(
        *("PUT", "/v1/styles/{name}", styles.save, "Save a style"),
        body=StyleFields,
    ),
    Call("DELETE", "/v1/styles/{name}", styles.remove, "Remove a style"),
    Call("POST", "/v1/plan", plan.plan, "What a job would do", body=PlanRequest),
    Call("PUT", "/v1/blobs", blobs.put, "Send a picture", 201, known=200),
    Call(
        *("POST", "/v1/shared", blobs.lend, "A file to write a picture into", 201),
        body=LentPicture,
    ),
    Call("PUT", "/v1/shared/{name}", blobs.take, "Take that picture in", 201, known=200),
    Call("HEAD", "/v1/blobs/{id}", blobs.head, "Whether a picture is there"),
    Call(
        *("POST", "/v1/jobs", jobs.create, "Start a job", 202),
        body=JobRequest,
        headers=("Idempotency-Key",),
    ),
    Call(
        *("GET", "/v1/jobs", jobs.listing, "Jobs, newest first"),
        query=("client", "status", "q", "model", "image", "starred", "pictures", "before", "limit"),
    ),
    Call(
        *("GET", "/v1/jobs/{id}", jobs.show, "A job, or its next change"),
        query=("wait", "since"),
    ),
    Call(
        *("GET", "/v1/jobs/{id}/events", events.events, "Its events"),
        types=("text/event-stream",),
        headers=("Last-Event-ID",),
    ),
    Call("GET", "/v1/jobs/{id}/preview", images.preview, "Newest preview", types=("image/jpeg",)),
    Call(
        *("GET", "/v1/jobs/{id}/images/{n}", images.image, "A result"),
        types=(*PICTURE, "image/webp"),
        query=("thumbnail",),
    ),
    Call("GET", "/v1/jobs/{id}/mask", images.mask, "The effective mask", types=PICTURE),
    Call("GET", "/v1/jobs/{id}/stages/{n}", stages.stage, "A stage", types=PICTURE),
    Call(
        "GET", "/v1/jobs/{id}/contact-sheet", stages.contact_sheet, "Stages", types=("image/png",)
    ),
    Call(
        *("GET", "/v1/jobs/{id}/workflow", workflow.of_job, "It, for ComfyUI"),
        query=("form",),
    ),
    Call(
        *("POST", "/v1/workflow", workflow.of_record, "A recorded job, for ComfyUI"),
        body=workflow.RecordedJob,
    ),
    Call(
        *("PATCH", "/v1/jobs/{id}", jobs.change, "Its place, or a star"),
        body=jobs.JobChange,
    ),
    Call("POST", "/v1/jobs/{id}/finish", jobs.finish, "Stop and keep"),
    Call("DELETE", "/v1/jobs/{id}", jobs.cancel, "Cancel a job, or forget it", query=("forget",)),
    Call("POST", "/v1/engine/start", engine.start, "Warm the engine up"),
    Call("POST", "/v1/engine/stop", engine.stop, "Give its memory back"),
    Call("POST", "/v1/shutdown", engine.shutdown, "End the server", 202),
    Call("GET", "/v1/openapi.json", document, "This document"),
)
