"""Edit by Instruction: a source changed by instruction, all of it or within the selection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import wire
from actions import guides, lineage
from actions.work import Begun, Results, Work
from errors import NotPossible
from gimpio import sources
from gimpio.destination import Destination
from gimpio.selection import Area
from i18n import _

if TYPE_CHECKING:
    from actions.work import Outcome
    from answers import PlanRequest
    from context import Context
    from option_values import Values


def _area(context: Context, values: Values):
    """What is read, and the part of it that may change; None for all of it."""
    source = guides.chosen(context, values)
    area = Area(source)
    return source, None if not values["only-selection"] or area.is_empty() else area


def plan_request(context: Context, values: Values) -> PlanRequest:
    source, area = _area(context, values)
    canvas, selection = sources.canvas(context.image), area.bounds() if area else None
    return wire.plan_request(wire.EDIT, values, canvas, source.extent, selection)


def run(context: Context) -> Any:
    return begin(context).to_the_end(context)


def begin(context: Context) -> Begun:
    values = context.values
    if not values["prompt"].strip():
        raise NotPossible(
            _("There is no instruction."),
            _("Say what to change, such as “make it winter”."),
            "no_instruction",
        )
    source, area = _area(context, values)
    work = Work(_("Edit by Instruction"))
    box = work.box(plan_request(context, values))
    sent = work.send(source.read(box))
    mask, deep_mask = area.read(box) if area else (None, None)
    sent_mask = work.send(mask) if mask else None
    guiding = guides.send(work, context, box)
    job = wire.job_request(wire.EDIT, values, wire.seed_of(values), sent, sent_mask, guides=guiding)
    if values["only-changes"] and area is None:
        job["only_changes"] = True  # elsewhere the mask says what stays
    destination, roots = Destination.of(values), lineage.of(context, source)
    above = guides.above(context, values, source)

    def results(outcome: Outcome) -> Any:
        made = work.pictures(outcome, roots, box)
        place = work.place(outcome, context.image, above, box, destination, roots)
        return Results(made, place, deep_mask)

    return Begun(work, wire.located(job, roots.image, box), results)
