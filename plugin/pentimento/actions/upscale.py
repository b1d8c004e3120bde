"""Upscale: a picture enlarged, as a new image or as the image itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gi.repository import Gimp

import choices
import wire
from actions import lineage
from actions.work import Begun, Results, Work
from gimpio import sources
from gimpio.destination import Destination
from i18n import _
from wire import Box

if TYPE_CHECKING:
    from actions.work import Outcome
    from answers import PlanRequest
    from context import Context
    from option_values import Values


def plan_request(context: Context, values: Values) -> PlanRequest:
    source = sources.choose(context.image, context.drawables, values["source"], _goal(values))
    return wire.upscale_plan(values, source.extent)


def _goal(values):
    return Destination(values["enlarged"] == choices.NEW_IMAGE)


def run(context: Context) -> Any:
    return begin(context).to_the_end(context)


def begin(context: Context) -> Begun:
    image, values, goal = context.image, context.values, _goal(context.values)
    source = sources.choose(image, context.drawables, values["source"], goal)
    work = Work(_("Upscale"))
    work.plan(plan_request(context, values))  # refuses what is too large before it is sent
    box, canvas = source.extent, sources.canvas(image)
    sent = work.send(source.read(box))
    roots = lineage.of(context, source)
    request = wire.upscale_request(values, sent)

    def results(outcome: Outcome) -> Any:
        size = outcome.pictures[0]
        if goal.new_image:
            place = Box(0, 0, size.width, size.height)
            made = work.pictures(outcome, roots, place)
            return Results(made, work.place(outcome, image, None, place, goal, roots))
        across, down = size.width / box.width, size.height / box.height
        place = Box(round(box.x * across), round(box.y * down), size.width, size.height)
        made = work.pictures(outcome, roots, place)
        whole = max(1, round(canvas.width * across)), max(1, round(canvas.height * down))
        placed = work.place(outcome, image, source.above, place, goal, roots)
        return Results(made, placed.after(lambda: _scale(image, *whole)))

    return Begun(work, wire.located(request, roots.image, box), results)


def _scale(image, width, height):
    """All layers, masks and channels, in the best way that GIMP has."""
    Gimp.context_push()
    Gimp.context_set_interpolation(Gimp.InterpolationType.NOHALO)
    image.scale(width, height)
    Gimp.context_pop()
