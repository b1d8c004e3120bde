"""Regenerate Selection: the selected area made anew, as layers whose masks hold the selection."""

from __future__ import annotations

import wire
from actions.work import Work
from gimpio import layers, selection, sources
from i18n import _


def _source(context, values):
    return sources.choose(context.image, context.drawables, values["source"])


def plan_request(context, values):
    return wire.plan_request(
        wire.INPAINT,
        values,
        sources.canvas(context.image),
        _source(context, values).extent,
        selection.bounds(context.image),
    )


def run(context):
    """The layer mask is the selection itself; where it is to be grown or feathered, it is the mask
    that the server made of it."""
    values = context.values
    source = _source(context, values)
    request = plan_request(context, values)
    work = Work(_("Regenerate Selection"))
    box = work.box(request)
    picture, mask = source.read(box), selection.read(context.image, box)
    changed = bool(values["grow"] or values["feather"])
    job = wire.job_request(wire.INPAINT, values, wire.seed_of(values), picture, mask)
    outcome = work.run(job, picture, mask, wants_mask=changed)
    made = work.pictures(outcome, context.action.key, box, source.record())
    return {
        "layers": layers.place(context.image, source.above, box, made, outcome.mask or mask),
    }
