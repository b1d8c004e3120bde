"""The stages of an observed job: one by one, and all of them on a sheet."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from pentimento.api import services
from pentimento.api.routes.images import missing, picture
from pentimento.api.routes.jobs import find
from pentimento.core.errors import Conflict
from pentimento.jobs import results as stages
from pentimento.jobs.job import Job


async def stage(request: Request) -> Response:
    job = await find(request)
    wanted = request.path_params["n"]
    for stored in job.state.stages:
        if str(stored.index) == wanted:
            return await picture(request, job, stored)
    _require_later(job)
    raise missing("There is no such stage in this job.")


async def contact_sheet(request: Request) -> Response:
    job = await find(request)
    if not job.final:
        _require_later(job)
    if not job.state.stages:
        raise missing("This job was not observed, so there are no stages for a sheet.")
    results = services.of(request).results
    files = [results.file(job.id, stored).path for stored in job.state.stages]
    if not all([await asyncio.to_thread(file.is_file) for file in files]):
        raise missing("The files of the stages are gone.")
    drawn = await asyncio.to_thread(stages.stage_sheet, job.state, results)
    return Response(drawn, media_type="image/png")


def _require_later(job: Job) -> None:
    """Raises Conflict while stages may still come."""
    if job.request.observe and not job.final:
        raise Conflict("not_ready", "This stage is not there yet.", "Wait for the job's end.")
