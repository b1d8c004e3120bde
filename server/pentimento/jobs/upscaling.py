"""What a job of the mode `upscale` will do: its plan, and its defaults at admission. No numpy."""

from __future__ import annotations

from typing import Any

from pentimento.core.errors import BadInput, field_error
from pentimento.core.geometry import Size
from pentimento.imaging import sizing
from pentimento.jobs.resolve import seed_of
from pentimento.models.library.model import ModelInfo
from pentimento.models.library.parts.upscaler import Upscaler
from pentimento.models.library.registry import Registry
from pentimento.schema.job import PLAIN, Control, JobRequest, Mode, Rect
from pentimento.schema.plan import Button, Pass, Plan, PlanRequest, SizeOut
from pentimento.schema.vocabulary import ControlType

DEFAULT_SCALE = 2.0
LEAST_STRENGTH, MOST_STRENGTH = 0.1, 0.6  # of the pass that paints detail
PICTURE_BYTES = 24  # for each pixel of the source
ENGINE_MB = 500  # torch in a process
NETWORK_MB = 300  # what a network works in, for one part


def resolve(request: JobRequest, registry: Registry, size: Size | None) -> JobRequest:
    """With nothing left to choose. Raises NotFound, BadInput and TooLarge."""
    scale = request.scale or DEFAULT_SCALE
    if size:
        _refuse_huge(size, scale)
    refined = request.detail > 0
    chosen: dict[str, Any] = {
        "scale": scale,
        "upscaler": _id(registry.upscalers.chosen(request.upscaler)),
        "seed": seed_of(request),
        "backend": None,
        "strength": strength_of(request.detail) if refined else None,
        "style": None,
        "model": request.model if refined else None,
        "made_with": request.made_with if refined else {},
    }
    return request.model_copy(update=chosen)


def guided(request: JobRequest, model: ModelInfo, registry: Registry) -> JobRequest:
    """With a ControlNet of the kind tile, where one is installed for the model and no control is
    asked for: what is painted then keeps to what was enlarged, the more the more faithful it is to
    be. Weight and end go over the ranges that InvokeAI's upscaling has for its creativity and
    structure (facts from its documentation)."""
    if request.controls or registry.addons.control_for(model, ControlType.TILE) is None:
        return request
    tile = Control(
        type=ControlType.TILE,
        preprocess=True,
        weight=round(0.3 + 0.65 * request.faithfulness, 3),
        end=round(0.3 + 0.5 * request.faithfulness, 3),
    )
    return request.model_copy(update={"controls": [tile]})


def strength_of(detail: float) -> float:
    """How strongly an enlarged picture is repainted for so much detail, 0 to 1."""
    return round(LEAST_STRENGTH + (MOST_STRENGTH - LEAST_STRENGTH) * detail, 3)


def make_plan(request: PlanRequest, registry: Registry) -> Plan:
    """Geometry in, plan out. Raises as `resolve`, and BadInput without a source."""
    place = request.source or request.canvas
    if place is None:
        raise BadInput(
            "bad_request",
            "This mode needs “source”: the rectangle of the source in the canvas.",
            details=field_error("source", "is missing"),
        )
    size = Size(place.width, place.height)
    scale = request.scale or DEFAULT_SCALE
    _refuse_huge(size, scale)
    made = size.scaled(scale)
    chosen = registry.upscalers.chosen(request.upscaler)
    memory = ENGINE_MB + NETWORK_MB + size.pixels * PICTURE_BYTES // 2**20
    return Plan(
        mode=Mode.UPSCALE,
        sentence=f"Enlarge to {made} px by {chosen.title if chosen else 'Lanczos'}",
        box=Rect(x=place.x, y=place.y, width=place.width, height=place.height),
        generation=SizeOut(width=made.width, height=made.height),
        passes=[Pass(width=made.width, height=made.height, steps=1)],
        button=Button(code="upscale"),
        model=_id(chosen),
        sampler="",
        strength=0.0,
        steps=0,
        steps_run=0,
        guidance=0.0,
        start_noise=0.0,
        seconds=None,
        memory_mb=memory,
    )


def _refuse_huge(size: Size, scale: float) -> None:
    sizing.refuse_huge(size)
    sizing.refuse_huge(size.scaled(scale))


def _id(chosen: Upscaler | None) -> str:
    return chosen.id if chosen else PLAIN
