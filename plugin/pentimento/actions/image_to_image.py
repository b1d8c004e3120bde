"""Image to Image: a source repainted from the prompt, as new layers above it."""

from __future__ import annotations

import wire
from actions import guides, observing, steering
from actions.work import Work
from gimpio import layers, sources
from gimpio.destination import Destination
from i18n import _


def _source(context, values):
    destination = Destination.of(values)
    return sources.choose(context.image, context.drawables, values["source"], destination)


def plan_request(context, values):
    canvas = sources.canvas(context.image)
    source = _source(context, values)
    return wire.plan_request(wire.IMG2IMG, values, canvas, source.extent)


def run(context):
    values = context.values
    source = _source(context, values)
    observing.check(values)
    work = Work(_("Image to Image"))
    box = work.box(plan_request(context, values))
    sent = work.send(source.read(box))
    pictures, guiding = steering.send(work, context, box), guides.send(work, context, box)
    seed = wire.seed_of(values)
    job = wire.job_request(wire.IMG2IMG, values, seed, sent, controls=pictures, guides=guiding)
    outcome = work.run(job, wants_sheet=values["contact-sheet"] is not None)
    destination = Destination.of(values)
    unchanged = sent if destination.keeps(context.image) else None
    tattoos = steering.tattoos_of(values)
    made = work.pictures(
        outcome,
        context.action.key,
        box,
        source,
        unchanged,
        control=tattoos,
        guides=guides.tattoos_of(context),
    )
    place = layers.Place(context.image, source.above, box, destination)
    placed = place.put(made, None, context.interactive, observing.story(values, outcome))
    observing.save_sheet(values, outcome)
    return placed
