"""GET /v1/openapi.json: the protocol as an OpenAPI document, made from the table of calls."""

from __future__ import annotations

import asyncio
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pentimento import __version__

if TYPE_CHECKING:
    from pentimento.api.calls import Call

SCHEMAS = "#/components/schemas/"


async def document(request: Request) -> Response:
    return JSONResponse(await asyncio.to_thread(build))


@cache
def build() -> dict[str, Any]:
    from pentimento.api.calls import CALLS

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
            str(call.status): _answer(call),
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
    if "/" in call.answer:
        answer["content"] = {call.answer: {}}
    elif call.answer:
        answer["content"] = _json(call.answer)
    return answer


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": SCHEMAS + name}}}


def _schemas(calls: tuple[Call, ...]) -> dict[str, Any]:
    """Everything the calls take and answer, with what those refer to."""
    from pydantic.json_schema import models_json_schema

    from pentimento.api import answers

    named = {call.answer for call in calls if call.answer and "/" not in call.answer}
    models = {getattr(answers, name) for name in named | {"Error"}}
    models |= {call.body for call in calls if call.body}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, definitions = models_json_schema(
        [(model, "validation") for model in ordered], ref_template=SCHEMAS + "{model}"
    )
    schemas: dict[str, Any] = definitions["$defs"]
    return schemas
