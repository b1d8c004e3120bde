"""POST /v1/plan: geometry in, plan out."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from pentimento.api import services
from pentimento.api.bodies import read_json
from pentimento.api.services import Services
from pentimento.jobs import remote
from pentimento.jobs.plan import make_plan
from pentimento.jobs.record import Plan, PlanRequest
from pentimento.jobs.styles import applied


async def plan(request: Request) -> Response:
    server = services.of(request)
    wanted = await read_json(request, PlanRequest, server.settings.limits)
    made = await asyncio.to_thread(_made, wanted, server)
    return Response(made.model_dump_json(), media_type="application/json")


def _made(wanted: PlanRequest, server: Services) -> Plan:
    wanted = applied(wanted, server.styles)
    if wanted.backend:
        return remote.make_plan(wanted, server.remotes)
    return make_plan(wanted, server.registry, server.timings.estimate)
