"""Harmonize Layer: a pasted layer is fitted to what is around it, by three layers that can be
turned down: its shadow, its light and color, its edge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import choices
import wire
from actions.work import Work
from errors import NotPossible
from gimpio import pasted
from i18n import _

if TYPE_CHECKING:
    from context import Context
    from option_values import Values

# For the model, in the language that models know.
HARMONY = (
    "Match the light, the colors and the shadow of the pasted object to the rest of the picture. "
    "Keep everything else as it is."
)
FIXED: Values = {"steps": 0, "guidance": 0.0, "count": 1, "loras": ""}


def run(context: Context) -> Any:
    found = pasted.choose(context.image, context.drawables)
    work = Work(_("Harmonize Layer"))
    picture, mask = found.read(), found.mask()
    if not any(mask.data):
        raise NotPossible(_("The layer is empty."), _("Select another layer."), "empty_layer")
    source, around = work.send(picture), work.send(mask)
    target = None
    if _by_model(work, context.values):
        target = work.send(_painted(work, context.values, found.box, source))
    outcome = work.run(wire.harmony_request(source, around, target))
    return found.dress(*outcome.pictures)


def _by_model(work: Work, values: Values) -> bool:
    if values["way"] != choices.AUTOMATIC:
        return values["way"] == choices.BY_MODEL
    return bool(values["model"].strip()) or work.can(wire.EDIT)


def _painted(work: Work, values: Values, box: wire.Box, source: wire.Sent) -> wire.Pixels:
    """The picture in harmony as a model paints it; what it does not change is the source's."""
    told: Values = {**values, **FIXED, "prompt": values["prompt"].strip() or HARMONY}
    work.plan(wire.plan_request(wire.EDIT, told, box, box))  # refuses before anything is painted
    request = wire.job_request(wire.EDIT, told, wire.seed_of(values), source)
    return work.run({**request, "only_changes": True}).pictures[0]
