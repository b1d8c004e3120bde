"""Replace Background: a new background behind the subject, which becomes a masked layer of its own
above it, without the colors of the old one at its edge; if wished in the light of the new one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

from gi.repository import Gimp

import choices
import log
import wire
from actions import cutting, lineage
from actions.work import Begun, Results, Work
from errors import NotPossible, PluginError
from gimpio import layers, object_masks, pasted, sources
from gimpio.destination import Destination
from i18n import _
from wire import Pixels

if TYPE_CHECKING:
    from actions.work import Outcome
    from answers import PlanRequest
    from context import Context
    from option_values import Values
    from records import Placed

# All around the subject is new, and the mask is made here.
FIXED: Values = {
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
    """The background as `results` place it, the subject to be put above it, and its light."""

    results: Results
    subject: cutting.Found
    light: Optional[Pixels] = None

    def put(self, display: bool) -> Placed:
        image = self.results.place.image
        with layers.one_undo_step(image):
            placed = self.results.put(display)
            if placed["image"] != image:
                return placed  # a window of its own: the image could not take it
            above = layers.with_group(placed["layers"][0])
            made = self.subject.as_layer(above)["layers"]
            if self.light is not None:
                box = self.results.place.box
                made = [pasted.put_light(image, made[0], self.light, box), *made]
            return {**placed, "layers": [*made, *placed["layers"]]}


def _source(context: Context, values: Values) -> sources.Source:
    goal = Destination.of(values)
    return sources.choose(context.image, context.drawables, values["source"], goal)


def plan_request(context: Context, values: Values) -> PlanRequest:
    """Without the subject, which is not looked for yet."""
    source, canvas = _source(context, values), sources.canvas(context.image)
    settled: Values = {**values, **FIXED}
    return wire.plan_request(wire.INPAINT, settled, canvas, source.extent, source.extent)


def run(context: Context) -> Any:
    return begin(context).to_the_end(context)


def begin(context: Context) -> Begun:
    values: Values = {**context.values, **FIXED}
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

    def results(outcome: Outcome) -> Any:
        made = work.pictures(outcome, roots, box)
        place = work.place(outcome, image, source.above, box, Destination.of(values), roots)
        light = _light(work, made[0].pixels, subject, around, box) if values["fit-light"] else None
        return _Behind(Results(made, place, mask), subject, light)

    return Begun(work, wire.located(job, roots.image, box), results)


def _light(
    work: Work, behind: Any, subject: cutting.Found, around: Pixels, box: wire.Box
) -> Optional[Pixels]:
    """The layer of light for the subject on the topmost of the backgrounds. Where it can't be made
    the background is there all the same."""
    assert subject.colors is not None
    try:
        extent = subject.source.extent
        seen = pasted.together(behind, subject.colors, subject.mask, extent, box)
        request = wire.harmony_request(work.send(seen), work.send(around))
        _edge, light, _shadow = work.run(request).pictures
        return light
    except PluginError as error:
        log.warning("no light: %s", error.code)
        Gimp.message(_("The subject's light could not be fitted:") + "\n" + str(error))
        return None
