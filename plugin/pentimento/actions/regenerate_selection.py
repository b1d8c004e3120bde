"""Regenerate Selection: the selected area made anew, as layers whose masks hold the selection."""

from __future__ import annotations

import wire
from actions import guides, observing, steering
from actions.work import Work
from gimpio import layers, sources
from gimpio.destination import Destination
from gimpio.selection import Area
from i18n import _


def _area(context, values):
    """What is read, and the part of it that is made anew."""
    destination = Destination.of(values)
    source = sources.choose(context.image, context.drawables, values["source"], destination)
    return Area(source, values["mask-source"], values["mask-channel"])


def plan_request(context, values):
    area = _area(context, values)
    return wire.plan_request(
        wire.INPAINT,
        values,
        sources.canvas(context.image),
        area.source.extent,
        area.bounds(),
    )


def run(context):
    """The layer mask is the selection itself; where the server was to change it, it is the mask
    that the server made of it."""
    values = context.values
    area = _area(context, values)
    request = plan_request(context, values)
    observing.check(values)
    work = Work(_("Regenerate Selection"))
    box = work.box(request)
    sent = work.send(area.source.read(box))
    mask, deep_mask = area.read(box)
    pictures = sent, work.send(mask), steering.send(work, context, box)
    guiding = guides.send(work, context, box)
    job = wire.job_request(wire.INPAINT, values, wire.seed_of(values), *pictures, guides=guiding)
    sheet = values["contact-sheet"] is not None
    outcome = work.run(job, wants_mask="mask_options" in job, wants_sheet=sheet)
    destination = Destination.of(values)
    unchanged = sent if destination.keeps(context.image) else None
    tattoos = steering.tattoos_of(values)
    made = work.pictures(
        outcome,
        context.action.key,
        box,
        area.source,
        unchanged,
        control=tattoos,
        guides=guides.tattoos_of(context),
    )
    place = layers.Place(context.image, area.source.above, box, destination)
    story = observing.story(values, outcome)
    placed = place.put(made, outcome.mask or deep_mask, context.interactive, story)
    observing.save_sheet(values, outcome)
    return placed
