"""POST /v1/plan: geometry in, plan out."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from pentimento.api import services
from pentimento.api.bodies import read_json
from pentimento.api.jsontext import Answer
from pentimento.api.other_machines import refuse_elsewhere
from pentimento.api.services import Services
from pentimento.core.errors import BadInput, NotFound
from pentimento.jobs import expanding, remote_plan
from pentimento.jobs.plan import make_plan
from pentimento.jobs.styles import applied
from pentimento.models.library import tokens
from pentimento.schema.job import Mode
from pentimento.schema.plan import Plan, PlanRequest, Tokens


async def plan(request: Request) -> Answer[Plan]:
    server = services.of(request)
    wanted = await read_json(request, PlanRequest, server.settings.limits)
    refuse_elsewhere(request, wanted.backend)
    made = await asyncio.to_thread(_made, wanted, server)
    return Answer(made)


def _made(wanted: PlanRequest, server: Services) -> Plan:
    wanted = applied(wanted, server.styles)
    if wanted.backend:
        return remote_plan.make_plan(wanted, server.remotes)
    if wanted.mode is Mode.OUTPAINT:
        made = expanding.make_plan(wanted, server.registry, server.timings.estimate)
    else:
        made = make_plan(wanted, server.registry, server.timings.estimate)
    return made.model_copy(update={"tokens": _tokens(made, wanted.prompt, server)})


def _tokens(made: Plan, prompt: str, server: Services) -> Tokens | None:
    """Of the words with those of their style; an upscaler reads none. An embedding that nobody can
    follow counts as the words that it is written with: the job will be refused."""
    if not prompt.strip():
        return None
    try:
        known = server.registry.get(made.model)
    except NotFound:
        return None
    if not known.ok:
        return None
    try:
        loras = [one.id for one in made.loras or ()]
        named = server.registry.embeddings_named([prompt], known, loras)
    except (BadInput, NotFound):
        named = ()
    vectors = {one.name: one.vectors for one in named if one.fits(known)}
    return tokens.count(known, prompt, vectors)
