"""Regenerate Selection: the selected area made anew, as layers whose masks hold the selection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import wire
from actions import guides, lineage, observing, steering
from actions.work import Begun, Results, Work
from gimpio import sources
from gimpio.destination import Destination
from gimpio.preview_layer import Footprint
from gimpio.selection import Area
from i18n import _

if TYPE_CHECKING:
    from actions.work import Outcome
    from answers import PlanRequest
    from context import Context
    from option_values import Values


def _area(context: Context, values: Values):
    """What is read, and the part of it that is made anew."""
    return Area(guides.chosen(context, values), values["mask-source"], values["mask-channel"])


def plan_request(context: Context, values: Values) -> PlanRequest:
    area = _area(context, values)
    return wire.plan_request(
        wire.INPAINT,
        values,
        sources.canvas(context.image),
        area.source.extent,
        area.bounds(),
        sources.joined_extent(context.drawables),
    )


def run(context: Context) -> Any:
    return begin(context).to_the_end(context)


def begin(context: Context) -> Begun:
    """The layer mask is the selection itself; where the server was to change it, it is the mask
    that the server made of it."""
    values = context.values = steering.settled(context.values)
    area = _area(context, values)
    plan_request(context, values)  # refuses what can't be done before a server is started
    observing.check(values)
    work = Work(_("Regenerate Selection"))
    values = context.values = work.in_numbers(values)
    box = work.box(plan_request(context, values))
    sent = work.send(area.source.read(box))
    mask, deep_mask = area.read(box)
    pictures = sent, work.send(mask), steering.send(work, context, box)
    guiding = guides.send(work, context, box)
    job = wire.job_request(wire.INPAINT, values, wire.seed_of(values), *pictures, guides=guiding)
    destination = Destination.of(values)
    unchanged = sent if destination.keeps(context.image) else None
    roots = lineage.of(context, area.source)
    above = guides.above(context, values, area.source)

    def results(outcome: Outcome) -> Any:
        made = work.pictures(outcome, roots, box, area.source, unchanged)
        place = work.place(outcome, context.image, above, box, destination, roots)
        story = observing.story(values, outcome)
        return Results(made, place, outcome.mask or deep_mask, story)

    job = wire.located(job, roots.image, box)
    sheet = values["contact-sheet"] is not None
    footprint = Footprint.of(context.image, above, box, destination, deep_mask)
    return Begun(work, job, results, "mask_options" in job, sheet, footprint)
