"""Text to Image: a picture from the prompt alone, as layers in the middle of the image or as a new
image."""

from __future__ import annotations

from gi.repository import Gimp

import options
import wire
from actions.work import Work
from gimpio import layers, sources
from i18n import _
from wire import Box


def plan_request(context, values):
    return wire.plan_request(wire.TXT2IMG, values)


def run(context):
    values = context.values
    into_image = context.image is not None and values["target"] == options.NEW_LAYER
    if into_image:
        sources.check_image(context.image)
    work = Work(_("Text to Image"))
    outcome = work.run(wire.job_request(wire.TXT2IMG, values, wire.seed_of(values)))
    size = outcome.pictures[0]
    if into_image:
        box = _centred(sources.canvas(context.image), size.width, size.height)
        made = work.pictures(outcome, context.action.key, box)
        placed = layers.place(context.image, _selected_layer(context), box, made)
        return {"layers": placed, "image": context.image}
    box = Box(0, 0, size.width, size.height)
    image = layers.new_image(work.pictures(outcome, context.action.key, box))
    if context.interactive:
        Gimp.Display.new(image)
    return {"layers": image.get_layers(), "image": image}


def _centred(canvas: Box, width: int, height: int) -> Box:
    return Box((canvas.width - width) // 2, (canvas.height - height) // 2, width, height)


def _selected_layer(context):
    return next((item for item in context.drawables if item.is_layer()), None)
