"""X/Y Plot: the job of a result layer once for each pair of values of two axes, as a named group
whose layers lie where the result lies, one of them seen."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import axes
import repeats
import wire
from actions import change_result, generate_again, remake
from actions.work import Results, Work
from errors import NotPossible
from gimpio import changing, layers
from gimpio.destination import Destination
from i18n import _

if TYPE_CHECKING:
    from answers import PlanRequest
    from context import Context
    from option_values import Values
    from records import LayerRecord


def cells(values):
    """(label, points) from left to right and from top to bottom. Raises NotPossible."""
    if values["x-axis"] == values["y-axis"] != axes.LORA:
        raise NotPossible(
            _("Both axes change the same."),
            _("Choose another one across or down."),
            "bad_axis",
        )
    across = axes.points(values["x-axis"], values["x-values"])
    down = axes.points(values["y-axis"], values["y-values"])
    return [(f"{x.label} · {y.label}", [x, y]) for y in down for x in across]


def plan_request(context: Context, values: Values) -> PlanRequest:
    """The body for /v1/plan of one of the pictures."""
    first = cells(values)[0][1]
    _layer, record = generate_again.result_layer(context.drawables)
    made_by = record["record"]
    asked = axes.applied(made_by["request"], first)
    changed: LayerRecord = {**record, "record": {**made_by, "request": asked}}
    return repeats.change_plan(changed, change_result.UNCHANGED, change_result.UNCHANGED)


def run(context: Context) -> Any:
    layer, record = generate_again.result_layer(context.drawables)
    image, wanted = context.image, cells(context.values)
    work = Work(_("X/Y Plot"))
    found = remake.inputs(work, image, layer, record)
    base = found.request(record, record["seed"])
    mask, family = generate_again.deep_mask_of(layer), uuid.uuid4().hex
    made = []
    for number, (label, chosen) in enumerate(wanted):
        work.count(number + 1, len(wanted))
        job = axes.applied(base, chosen)
        outcome = work.run(wire.located(job, found.roots.image, found.pose.box))
        picture = work.pictures(outcome, found.roots, found.made_at)[0]
        record_of = {**picture.record, "name": label, "family": family, "member": number}
        made.append(
            changing.posed(image, layers.Picture(picture.pixels, label, record_of), found.pose)
        )
    place = work.place(outcome, image, layer, found.pose.box, Destination(), found.roots)
    return Results(made, place.titled(_title(context.values, base)), mask).put(context.interactive)


def _title(values, request):
    """The group's name: what changes along it, and the beginning of the prompt."""
    across, down = (_(axes.WORDS[values[name]]) for name in ("x-axis", "y-axis"))
    title = layers.title_for(request.get("prompt", ""), "")
    return f"X/Y · {across} × {down}" + (f" · {title}" if title else "")
