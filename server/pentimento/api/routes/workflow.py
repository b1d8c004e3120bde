"""A job written out for ComfyUI: GET /v1/jobs/{id}/workflow of one that is kept here, and POST
/v1/workflow of a record, such as a layer of GIMP carries."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from pydantic import Field
from starlette.requests import Request

from pentimento.api import services
from pentimento.api.bodies import read_json
from pentimento.api.jsontext import Answer
from pentimento.api.routes.jobs import find
from pentimento.core.errors import BadInput, field_error
from pentimento.core.geometry import Size
from pentimento.schema.answers import WorkflowAnswer
from pentimento.schema.job import JobRequest, Strict
from pentimento.services import comfyui_export

FORMS = ("editor", "api")


class RecordedJob(Strict):
    """The `request` of a job's record; `facts` of it say at which size it was made."""

    request: JobRequest
    facts: dict[str, Any] = Field(default={})
    form: Literal["editor", "api"] = "editor"


async def of_job(request: Request) -> Answer[WorkflowAnswer]:
    job = await find(request)
    form = request.query_params.get("form", FORMS[0])
    if form not in FORMS:
        raise BadInput(
            "bad_request",
            f"There is no form “{form}”.",
            "It is editor or api.",
            details=field_error("form", "is editor or api"),
        )
    return await _exported(job.request, job.state.facts, form)


async def of_record(request: Request) -> Answer[WorkflowAnswer]:
    server = services.of(request)
    asked = await read_json(request, RecordedJob, server.settings.limits)
    return await _exported(asked.request, asked.facts, asked.form)


async def _exported(
    request: JobRequest, facts: dict[str, Any], form: str
) -> Answer[WorkflowAnswer]:
    exported = await asyncio.to_thread(comfyui_export.of_job, request, _size(facts))
    made = exported.api if form == "api" else exported.editor
    return Answer(WorkflowAnswer(workflow=made, notes=exported.notes))


def _size(facts: dict[str, Any]) -> Size | None:
    return comfyui_export.size_of({"facts": facts})
