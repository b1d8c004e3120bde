"""Image to Image: a source repainted from the prompt, as new layers above it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import wire
from actions import guides, lineage, observing, steering
from actions.work import Begun, Results, Work
from gimpio import sources
from gimpio.destination import Destination
from gimpio.preview_layer import Footprint
from i18n import _

if TYPE_CHECKING:
    from actions.work import Outcome
    from answers import PlanRequest
    from context import Context
    from option_values import Values


def plan_request(context: Context, values: Values) -> PlanRequest:
    canvas = sources.canvas(context.image)
    source = guides.chosen(context, values)
    return wire.plan_request(wire.IMG2IMG, values, canvas, source.extent)


def run(context: Context) -> Any:
    return begin(context).to_the_end(context)


def begin(context: Context) -> Begun:
    values = context.values = steering.settled(context.values)
    source = guides.chosen(context, values)
    observing.check(values)
    work = Work(_("Image to Image"))
    values = context.values = work.in_numbers(values)
    box = work.box(plan_request(context, values))
    sent = work.send(source.read(box))
    pictures, guiding = steering.send(work, context, box), guides.send(work, context, box)
    seed = wire.seed_of(values)
    job = wire.job_request(wire.IMG2IMG, values, seed, sent, controls=pictures, guides=guiding)
    destination = Destination.of(values)
    unchanged = sent if destination.keeps(context.image) else None
    roots, above = lineage.of(context, source), guides.above(context, values, source)

    def results(outcome: Outcome) -> Any:
        made = work.pictures(outcome, roots, box, source, unchanged)
        place = work.place(outcome, context.image, above, box, destination, roots)
        return Results(made, place, None, observing.story(values, outcome))

    job = wire.located(job, roots.image, box)
    sheet = values["contact-sheet"] is not None
    footprint = Footprint.of(context.image, above, box, destination)
    return Begun(work, job, results, wants_sheet=sheet, footprint=footprint)
