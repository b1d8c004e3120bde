"""What a job of the mode `outpaint` will do: its plan. Its defaults are those of every job that
paints. No numpy."""

from __future__ import annotations

from pentimento.core.errors import BadInput, field_error
from pentimento.core.geometry import Box, Size
from pentimento.imaging import sizing
from pentimento.imaging.expansion import Sides, sections
from pentimento.jobs import plan
from pentimento.jobs.plan import Timings
from pentimento.models.library.registry import Registry
from pentimento.schema.job import Intent, Mode, Rect
from pentimento.schema.plan import Button, Pass, Plan, PlanRequest, SizeOut

OF_A_SELECTION = "begins_with_surroundings"


def make_plan(request: PlanRequest, registry: Registry, timings: Timings | None = None) -> Plan:
    """Raises BadInput without a place or sides, NotFound for an unknown model. The `box` is the
    enlarged canvas, and the one pass has as many tiles as there are sections."""
    place, sides = request.source or request.canvas, Sides.of(request.expand)
    if place is None or not sides.any:
        raise BadInput(
            "bad_request",
            "This mode needs “source”, the rectangle of the picture, and “expand”.",
            details=field_error("expand", "is missing"),
        )
    size = Size(place.width, place.height)
    around = sides.around(size)
    sizing.refuse_huge(around)
    model = registry.get(request.model or registry.default_id)
    parts = sections(size, sides, model.native_size)
    largest = max(parts, key=lambda part: part.box.size.pixels)
    painted = plan.make_plan(_of_section(request, largest.box, largest.new), registry, timings)
    times = len(parts)
    work = painted.passes[0] if painted.passes else None
    size_out = work or painted.generation
    steps = painted.steps_run
    pictures = f", {request.count} pictures" if request.count > 1 else ""
    sentence = f"Continue the picture to {around} px: {times} × {steps} steps{pictures}"
    notices = [notice for notice in painted.notices if notice.code != OF_A_SELECTION]
    return painted.model_copy(
        update={
            "mode": Mode.OUTPAINT,
            "sentence": sentence,
            "box": Rect(
                x=place.x - sides.left,
                y=place.y - sides.top,
                width=around.width,
                height=around.height,
            ),
            "generation": SizeOut(width=size_out.width, height=size_out.height),
            "passes": [
                Pass(width=size_out.width, height=size_out.height, steps=steps, tiles=times)
            ],
            "notices": notices,
            "warnings": [notice.message for notice in notices],
            "reach": request.mask_options.feather,
            "intent": Intent.EXPAND,
            "button": _button(sides),
            "seconds": painted.seconds and round(painted.seconds * times, 2),
        }
    )


def _of_section(request: PlanRequest, box: Box, new: tuple[Box, ...]) -> PlanRequest:
    """As a fill of one section, which is what it is."""
    seen = Rect(x=0, y=0, width=box.width, height=box.height)
    first = new[0].to_inner(box)
    selected = Rect(x=first.x, y=first.y, width=first.width, height=first.height)
    return request.model_copy(
        update={
            "mode": Mode.INPAINT,
            "canvas": seen,
            "source": seen,
            "selection": selected,
            "context": "whole",
            "intent": Intent.EXPAND,
            "expand": None,
        }
    )


def _button(sides: Sides) -> Button:
    grown = [side for side in ("left", "top", "right", "bottom") if getattr(sides, side)]
    return Button(code=f"expand_{grown[0]}" if len(grown) == 1 else "expand")
