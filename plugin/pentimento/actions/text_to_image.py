"""Text to Image: a picture from the prompt alone, as layers in the middle of the image or as a new
image."""

from __future__ import annotations

from gi.repository import Gimp

import wire
from actions import guides, observing, steering
from actions.work import Work
from gimpio import layers, sources
from gimpio.destination import Destination
from i18n import _
from wire import Box


def plan_request(context, values):
    return wire.plan_request(wire.TXT2IMG, values)


def run(context):
    values = context.values
    destination = Destination.of(values)
    into_image = context.image is not None and not destination.new_image
    if into_image:
        sources.check_image(context.image, destination)
    observing.check(values)
    work = Work(_("Text to Image"))
    pictures, guiding = _steering(work, context)
    seed = wire.seed_of(values)
    job = wire.job_request(wire.TXT2IMG, values, seed, controls=pictures, guides=guiding)
    outcome = work.run(job, wants_sheet=values["contact-sheet"] is not None)
    placed = _placed(work, context, outcome, destination, into_image)
    observing.save_sheet(values, outcome)
    return placed


def _placed(work, context, outcome, destination, into_image):
    values = context.values
    size, tattoos = outcome.pictures[0], steering.tattoos_of(values)
    story = observing.story(values, outcome)
    if into_image:
        box = _centred(sources.canvas(context.image), size.width, size.height)
        made = work.pictures(
            outcome, context.action.key, box, control=tattoos, guides=guides.tattoos_of(context)
        )
        place = layers.Place(context.image, _selected_layer(context), box, destination)
        return place.put(made, None, context.interactive, story)
    box = Box(0, 0, size.width, size.height)
    made = work.pictures(
        outcome, context.action.key, box, control=tattoos, guides=guides.tattoos_of(context)
    )
    empty = Gimp.Image.new(box.width, box.height, Gimp.ImageBaseType.RGB)
    image = layers.new_image(empty, made, mark=destination.mark, story=story)
    return layers.shown(image, context.interactive)


def _steering(work, context):
    """What steers and guides is read where the result is going to lie."""
    steered = any(steering.tattoos_of(context.values))
    if context.image is None or not (steered or guides.used(context)):
        return [], {}
    size = work.box(plan_request(context, context.values))
    box = _centred(sources.canvas(context.image), size.width, size.height)
    return steering.send(work, context, box), guides.send(work, context, box)


def _centred(canvas: Box, width: int, height: int) -> Box:
    return Box((canvas.width - width) // 2, (canvas.height - height) // 2, width, height)


def _selected_layer(context):
    return next((item for item in context.drawables if item.is_layer()), None)
