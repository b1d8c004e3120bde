"""Expand: the canvas grows, and the picture is continued on it as a new layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import choices
import wire
from actions import lineage
from actions.work import Begun, Results, Work
from errors import NotPossible
from gimpio import sources
from gimpio.destination import Destination
from i18n import _
from wire import Box, Pixels, Sides

if TYPE_CHECKING:
    from actions.work import Outcome
    from answers import PlanRequest
    from context import Context
    from option_values import Values


def plan_request(context: Context, values: Values) -> PlanRequest:
    sources.check_image(context.image, Destination.of(values))
    return wire.expand_plan(values, sources.canvas(context.image), sides(context, values))


def sides(context, values) -> Sides:
    """px that the canvas grows by. Raises NotPossible where that is nothing."""
    canvas, way = sources.canvas(context.image), values["grow-by"]
    if way == choices.TO_LAYERS:
        found = _to_layers(context, canvas)
    elif way == choices.TO_ASPECT:
        found = _to_aspect(canvas, values["aspect"])
    else:
        across, down = (1, 1) if way == choices.BY_PX else (canvas.width / 100, canvas.height / 100)
        found = Sides(
            round(values["left"] * across),
            round(values["top"] * down),
            round(values["right"] * across),
            round(values["bottom"] * down),
        )
    if not any(found):
        hint = _("Say how far at one side at least.")
        if way == choices.TO_LAYERS:
            hint = _("Select a layer that reaches beyond the canvas, or say how far.")
        raise NotPossible(_("The canvas would not grow."), hint, "nothing_to_expand")
    return found


def _to_layers(context, canvas: Box) -> Sides:
    """As far as the selected layers reach."""
    whole = canvas
    for item in context.drawables:
        layer = sources.layer_of(item)
        if layer is not None:
            whole = whole.joined(sources.extent(layer))
    right = whole.x + whole.width - canvas.width
    return Sides(-whole.x, -whole.y, right, whole.y + whole.height - canvas.height)


def _to_aspect(canvas: Box, text: str) -> Sides:
    """What the ratio lacks, on both sides alike."""
    width, _colon, height = text.replace(",", ".").replace("/", ":").partition(":")
    try:
        wanted = float(width) / float(height)
    except (ValueError, ZeroDivisionError):
        wanted = 0.0
    if not 0.01 <= wanted <= 100:
        raise NotPossible(
            _("“{text}” is no aspect ratio.").format(text=text.strip()),
            _("Give width and height, such as 16:9."),
            "no_aspect",
        )
    if canvas.width / canvas.height < wanted:
        missing = round(canvas.height * wanted) - canvas.width
        return Sides(missing // 2, 0, missing - missing // 2, 0)
    missing = round(canvas.width / wanted) - canvas.height
    return Sides(0, missing // 2, 0, missing - missing // 2)


def run(context: Context) -> Any:
    return begin(context).to_the_end(context)


def begin(context: Context) -> Begun:
    image, values, goal = context.image, context.values, Destination.of(context.values)
    source = sources.choose(image, context.drawables, choices.VISIBLE, goal)
    grown, old = sides(context, values), source.extent
    work = Work(_("Expand"))
    work.plan(plan_request(context, values))
    sent = work.send(source.read(old))
    roots = lineage.of(context, source)
    request = wire.expand_request(values, wire.seed_of(values), sent, grown)
    whole = Box(0, 0, *grown.around(old))

    def results(outcome: Outcome) -> Any:
        made = work.pictures(outcome, roots, whole)
        placed = work.place(outcome, image, None, whole, goal, roots)
        if goal.new_image:
            return Results(made, placed)
        mask = new_part(old, grown, int(values["feather"]))
        return Results(made, placed.after(lambda: _grow(image, whole, grown)), mask)

    return Begun(work, wire.located(request, roots.image, old), results)


def _grow(image, whole: Box, grown: Sides):
    image.resize(whole.width, whole.height, grown.left, grown.top)


def new_part(old: Box, grown: Sides, band: int) -> Pixels:
    """The mask of the result's layer: white where the canvas is new, and over so much of the old
    picture as the new part fades out over, along the sides that grow."""
    width, height = grown.around(old)
    left = grown.left + (band if grown.left else 0)
    right = grown.left + old.width - (band if grown.right else 0)
    top = grown.top + (band if grown.top else 0)
    bottom = grown.top + old.height - (band if grown.bottom else 0)
    kept = max(0, right - left)
    white = b"\xff" * width
    middle = b"\xff" * left + b"\0" * kept + b"\xff" * max(0, width - left - kept)
    rows = max(0, bottom - top)
    data = white * top + middle[:width] * rows + white * max(0, height - top - rows)
    return Pixels("y-u8", width, height, data[: width * height])
