"""Text to Image: a picture from the prompt alone, as layers over the selection or the image, or as
a new image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gi.repository import Gimp

import wire
from actions import guides, lineage, observing, steering
from actions.work import Begun, Results, Work
from gimpio import layers, sources
from gimpio.destination import Destination
from gimpio.preview_layer import Footprint
from i18n import _
from wire import Box

if TYPE_CHECKING:
    from actions.work import Outcome
    from answers import PlanRequest
    from context import Context
    from option_values import Values


def plan_request(context: Context, values: Values) -> PlanRequest:
    return wire.plan_request(wire.TXT2IMG, _sized(context, values))


def _sized(context: Context, values: Values):
    """The values with a size where none is given: that of the selection or of the image, as far as
    the result goes into one."""
    if not _into_image(context, values):
        return values
    area = _area(context.image)
    sizes: Values = {
        "width": values["width"] or area.width,
        "height": values["height"] or area.height,
    }
    return {**values, **sizes}


def _into_image(context: Context, values: Values):
    return context.image is not None and not Destination.of(values).new_image


def _area(image):
    """Where a picture goes in an image: where the selection is, or over all of it."""
    canvas = sources.canvas(image)
    _ok, some, left, top, right, bottom = Gimp.Selection.bounds(image)
    return Box(left, top, right - left, bottom - top) if some else canvas


def run(context: Context) -> Any:
    return begin(context).to_the_end(context)


def begin(context: Context) -> Begun:
    values = context.values = steering.settled(context.values)
    destination, into_image = Destination.of(values), _into_image(context, values)
    if into_image:
        sources.check_image(context.image, destination)
    observing.check(values)
    work = Work(_("Text to Image"))
    sized = _sized(context, values)
    if not into_image:
        plan = work.plan(plan_request(context, values))
        sized = {**sized, **wire.least_size(plan, values["width"], values["height"])}
    pictures, guiding = _steering(work, context)
    seed, roots, above = wire.seed_of(values), lineage.of(context), _above(context)
    job = wire.job_request(wire.TXT2IMG, sized, seed, controls=pictures, guides=guiding)
    footprint = None
    if into_image:
        box = _middle(context.image, Box(0, 0, *_size(sized)))
        job = wire.located(job, roots.image, box)
        footprint = Footprint.of(context.image, above, box, destination)

    def results(outcome: Outcome) -> Any:
        return _results(work, context, outcome, destination, roots, above)

    sheet = values["contact-sheet"] is not None
    return Begun(work, job, results, wants_sheet=sheet, footprint=footprint)


def _size(sized):
    return sized["width"], sized["height"]


def _results(work, context, outcome, destination, roots, above):
    size = outcome.pictures[0]
    story = observing.story(context.values, outcome)
    if context.image is not None and not destination.new_image:
        box = _middle(context.image, size)
        made = work.pictures(outcome, roots, box)
        place = work.place(outcome, context.image, above, box, destination, roots)
        return Results(made, place, None, story)
    box = Box(0, 0, size.width, size.height)
    return NewImage(work.pictures(outcome, roots, box), box, destination.mark, story)


class NewImage:
    """Results that are an image of their own."""

    def __init__(self, pictures, box, mark, story):
        self._pictures, self._box, self._mark, self._story = pictures, box, mark, story

    def put(self, display):
        empty = Gimp.Image.new(self._box.width, self._box.height, Gimp.ImageBaseType.RGB)
        image = layers.new_image(empty, self._pictures, mark=self._mark, story=self._story)
        return layers.shown(image, display)


def _steering(work, context):
    """What steers and guides is read where the result is going to lie."""
    steered = steering.used(context.values)
    if context.image is None or not (steered or guides.used(context)):
        return [], {}
    size = work.box(plan_request(context, context.values))
    box = _middle(context.image, size)
    return steering.send(work, context, box), guides.send(work, context, box)


def _middle(image, size) -> Box:
    """A box of that size over the middle of the area; an image that is gone has none."""
    if not image.is_valid():
        return Box(0, 0, size.width, size.height)
    area = _area(image)
    x, y = area.x + (area.width - size.width) // 2, area.y + (area.height - size.height) // 2
    return Box(x, y, size.width, size.height)


def _above(context):
    """The selected layer, or the topmost older result that is seen above it."""
    layer = next((item for item in context.drawables if item.is_layer()), None)
    if layer is None:
        return None
    return sources.above_all(context.image, layer, sources.older_results(context.image, []))
