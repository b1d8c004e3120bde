"""Plans and defaults of jobs that a service makes; `plan` has those of this machine. No numpy."""

from __future__ import annotations

from typing import Any

from pentimento.core.errors import BadInput, field_error
from pentimento.core.geometry import Size
from pentimento.imaging import sizing
from pentimento.jobs import intents, plan
from pentimento.jobs.resolve import seed_of
from pentimento.prompts import syntax
from pentimento.schema import wording
from pentimento.schema.job import JobRequest, Mode, Rect
from pentimento.schema.plan import Plan, PlanRequest, SizeOut
from pentimento.services.frames import frame
from pentimento.services.own_workflows import OwnWorkflow
from pentimento.services.records import Operation
from pentimento.services.routing import OPERATION, Way, choose, route
from pentimento.services.terms import Remotes, Terms

OF_THIS_MACHINE = {  # fields of a job, and why a service has no use for them
    "loras": "LoRAs of this machine cannot be used at {title}.",
    "vae": "VAEs of this machine cannot be used at {title}.",
    "regions": "{title} takes one prompt for the whole picture.",
    "observe": "How a picture is made at {title} cannot be seen.",
}
REFERENCES = "{title} takes no reference pictures, but in an edit by instruction."


def resolve(request: JobRequest, remotes: Remotes, source_size: Size | None) -> JobRequest:
    """The request with nothing left to chance, as `plan.resolve` does it; what the service decides
    stays None. Raises also key_missing, consent_needed, budget_exceeded: nothing is sent then."""
    terms = remotes.terms(str(request.backend)).asked_for(request.model)
    _refuse_mode(request.mode, terms)
    for field, sentence in OF_THIS_MACHINE.items():
        allowed = field == "loras" and terms.capabilities.loras
        if getattr(request, field) and not allowed:
            raise _only_here(terms, field, sentence)
    if request.references and request.mode is not Mode.EDIT:
        raise _only_here(terms, "references", REFERENCES)
    if syntax.cut_lora_tags(request.prompt)[1]:
        raise _only_here(terms, "prompt", OF_THIS_MACHINE["loras"])
    size = source_size or Size(
        request.width or terms.sizes.native_size, request.height or terms.sizes.native_size
    )
    sizing.refuse_huge(size)
    strength = intents.strength_of(request)
    way = choose(request, strength, terms.capabilities)
    model = terms.model_for(way.operation, request.model)
    if workflow := remotes.workflow(terms, model):
        _check_workflow(workflow, request, way, terms)
    if strength > 0:
        remotes.permit(terms, request.count, model)
    chosen: dict[str, Any] = {"strength": strength, "seed": seed_of(request)}
    chosen |= {"intent": intents.recorded_intent(request)}
    chosen |= {"model": model or None}
    if request.mode is Mode.TXT2IMG:
        chosen |= {"width": size.width, "height": size.height}
    else:
        chosen |= plan.appearance(request, strength)
    return request.model_copy(update=chosen)


def make_plan(request: PlanRequest, remotes: Remotes) -> Plan:
    """As `plan.make_plan`, with a route. Nothing is asked of the service, so it costs nothing."""
    terms = remotes.terms(str(request.backend)).asked_for(request.model)
    _refuse_mode(request.mode, terms)
    box = plan.box_of(request, terms.sizes)
    sizing.refuse_huge(box.size)
    placed = frame(box.size, terms.sizes)
    strength = intents.strength_of(request)
    way = choose(request, strength, terms.capabilities)
    notices = plan.place_notices(request, box)
    if strength == 0:
        notices.append(wording.notice("nothing_changes"))
    elif placed.inner.size.pixels < box.size.pixels:
        notices.append(wording.reduced(box.size, placed.inner.size))
    told = route(way, terms, placed, request)
    return Plan(
        mode=request.mode,
        sentence=told.sentence,
        box=Rect(x=box.x, y=box.y, width=box.width, height=box.height),
        generation=SizeOut(width=placed.inner.width, height=placed.inner.height),
        reach=plan.reach_of(request, terms.sizes.native_size),
        intent=intents.intent_of(request),
        button=intents.button_of(request),
        model=terms.model_for(way.operation, request.model),
        sampler="",
        strength=strength,
        steps=0,
        steps_run=0,
        guidance=0.0,
        start_noise=0.0,
        seconds=None,
        memory_mb=None,
        warnings=[notice.message for notice in notices],
        notices=notices,
        route=told,
    )


def _check_workflow(workflow: OwnWorkflow, request: JobRequest, way: Way, terms: Terms) -> None:
    """Raises BadInput for a job whose pictures or LoRAs the workflow does not take: what it made
    would have nothing to do with them."""
    needed = {
        "source": way.operation is not Operation.TXT2IMG,
        "map": way.control is not None,
    }
    lacking = [name for name, wanted in needed.items() if wanted and name not in workflow.places]
    if lacking:
        raise BadInput(
            "bad_workflow",
            f"The workflow {workflow.name} takes no picture: no node of it is titled "
            f"“pentimento: {lacking[0]}”.",
            "Give the node that loads the picture that title in ComfyUI, and export it again.",
        )
    if request.loras:
        raise _only_here(terms, "loras", "A workflow of your own at {title} has LoRAs of its own.")


def _refuse_mode(mode: Mode, terms: Terms) -> None:
    plan.refuse_mode(mode)
    if mode not in OPERATION:
        raise BadInput(
            "unsupported_mode",
            f"{terms.title} cannot be asked to {mode} a picture yet.",
            "Run the job on this machine.",
        )


def _only_here(terms: Terms, field: str, sentence: str) -> BadInput:
    what = "them" if field == "prompt" else f"“{field}”"
    return BadInput(
        "unsupported",
        sentence.format(title=terms.title),
        f"Leave {what} out, or run the job on this machine.",
        details=field_error(field, "is for this machine"),
    )
