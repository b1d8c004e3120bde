"""Change Result: the job that a result layer carries, with some of its values changed. The new
pixels take the place of the old ones in the same layer, wherever that lies now."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, List, Optional

import options
import repeats
import wire
from actions import generate_again, remake
from actions.work import Begun, Work
from errors import NotPossible
from gimpio import changing, layers, sources
from gimpio.pose import Pose
from gimpio.variations import NUMBERED
from i18n import _

if TYPE_CHECKING:
    from actions.work import Outcome
    from answers import PlanRequest
    from context import Context
    from option_values import Values
    from records import LayerRecord, Placed

COPY_NUMBER = re.compile(r" #\d+$")  # what GIMP adds to keep names apart
KEPT = ("mask", "mask_print")  # of the layer, which its mask stays in
UNCHANGED = options.defaults_of(options.CHANGES)


def plan_request(context: Context, values: Values) -> PlanRequest:
    """The body for /v1/plan: the recorded job at its own size, with the changed values."""
    _layer, record = generate_again.result_layer(context.drawables)
    return repeats.change_plan(record, values, context.start)


def run(context: Context) -> Any:
    return begin(context).to_the_end(context)


def begin(context: Context) -> Begun:
    layer, record = generate_again.result_layer(context.drawables)
    image, work = context.image, Work(_("Change Result"), remake.name_of(record))
    found = remake.inputs(work, image, layer, record)
    seed = repeats.changed_seed(context.values, context.start, record["seed"])
    again = found.request(record, seed)
    job = repeats.changed_request(again, context.values, context.start)

    def results(outcome: Outcome) -> Any:
        made = work.pictures(outcome, found.roots, found.made_at)
        place = work.place(
            outcome, image, layer, found.pose.box, sources.Destination(), found.roots
        )
        return Changed(layer, record, made, found.pose, place)

    return Begun(work, wire.located(job, found.roots.image, found.pose.box), results)


@dataclass(frozen=True)
class Changed:
    """A result for a layer that has had one; as Results for what shows it."""

    layer: Any
    before: LayerRecord
    pictures: List[layers.Picture]
    pose: Pose
    place: layers.Place

    def put(self, _display: bool) -> Placed:
        image = self.place.image
        sources.check_open(image)
        if self.layer not in sources.tree(image):
            raise NotPossible(
                _("The layer was removed before the result arrived."), self.place.kept, "layer_gone"
            )
        picture = self.pictures[0]
        before = self.before
        record = {
            **{key: value for key, value in before.items() if key in KEPT},
            **picture.record,
            "family": before.get("family", before["job"]),
            "member": before.get("member", before["index"]),
        }
        made = layers.Picture(picture.pixels, picture.name, record)
        assert self.place.ledger is not None
        changing.change(self.layer, made, self.pose, self.place.ledger, self._name())
        return {"layers": [self.layer], "image": image}

    def _name(self) -> Optional[str]:
        """By the rule for results, with its number among variations; None for a layer that a person
        has named."""
        name = COPY_NUMBER.sub("", self.layer.get_name())
        number = NUMBERED.match(name)
        own = NUMBERED.sub("", name)
        given = self.before.get("name")
        by_rule = (
            own == NUMBERED.sub("", given) if given else own.endswith(f"· {self.before['seed']}")
        )
        if not by_rule:
            return None
        return (number.group() if number else "") + self.pictures[0].name
