"""Replace Background: a new background behind the subject, which becomes a masked layer of its own
above it, without the colors of the old one at its edge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict

import choices
import wire
from actions import cutting, lineage
from actions.work import Begun, Results, Work
from errors import NotPossible
from gimpio import layers, object_masks, sources
from gimpio.destination import Destination
from i18n import _
from wire import Pixels

# All around the subject is new, and the mask is made here.
FIXED = {
    "strength": 1.0,
    "strength-preset": choices.CUSTOM,
    "intent": "replace-background",
    "context": "whole",
    "exact-edge": True,
    "color-match": False,
    "alpha": choices.OPAQUE,
}
INTO_MASK = bytes([255] * 255 + [0])  # what is not wholly the subject's


@dataclass(frozen=True)
class _Behind:
    """The background as `results` place it, and the subject to be put above it."""

    results: Results
    subject: cutting.Found

    def put(self, display: bool) -> Dict[str, Any]:
        image = self.results.place.image
        with layers.one_undo_step(image):
            placed = self.results.put(display)
            if placed["image"] != image:
                return placed  # a window of its own: the image could not take it
            above = layers.with_group(placed["layers"][0])
            subject = self.subject.as_layer(above)["layers"]
            return {**placed, "layers": [*subject, *placed["layers"]]}


def _source(context, values) -> sources.Source:
    goal = Destination.of(values)
    return sources.choose(context.image, context.drawables, values["source"], goal)


def plan_request(context, values):
    """Without the subject, which is not looked for yet."""
    source, canvas = _source(context, values), sources.canvas(context.image)
    settled = {**values, **FIXED}
    return wire.plan_request(wire.INPAINT, settled, canvas, source.extent, source.extent)


def run(context):
    return begin(context).to_the_end(context)


def begin(context):
    values = {**context.values, **FIXED}
    if not values["prompt"].strip():
        raise NotPossible(
            _("Nothing says what is to be behind the subject."),
            _("Describe the new background, such as “a beach at sunset”."),
            "no_background",
        )
    image, source = context.image, _source(context, values)
    work = Work(_("Replace Background"))
    subject = cutting.subject(work, image, source)
    sources.check_open(image)
    box = work.box(plan_request(context, values))
    around = object_masks.moved(subject.mask, source.extent, box)
    mask = Pixels(around.format, box.width, box.height, bytes(around.data).translate(INTO_MASK))
    if not any(mask.data):
        raise NotPossible(
            _("The subject fills all of the source."),
            _("Select the subject, and try again."),
            "no_background",
        )
    sent = work.send(source.read(box))
    job = wire.job_request(wire.INPAINT, values, wire.seed_of(values), sent, work.send(mask))
    roots = lineage.of(context, source)

    def results(outcome):
        made = work.pictures(outcome, roots, box)
        place = work.place(outcome, image, source.above, box, Destination.of(values), roots)
        return _Behind(Results(made, place, mask), subject)

    return Begun(work, wire.located(job, roots.image, box), results)
