"""Results that a person chooses among: which are there, which one is seen, and keeping one of them.

They are of one job, or tries one by one at the same place of the same source. They lie side by
side, in a group of their own or among other layers; what belongs together is told by the records
that they carry.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, List

import texts
from errors import NotPossible
from gimpio import layers, metadata, sources
from i18n import _

if TYPE_CHECKING:
    from records import LayerRecord

NUMBERED = re.compile(r"^\d+/\d+ (?:· )?")  # before the words of one of several


def family(image, drawables) -> List[Any]:
    """The variations that the selected layer is one of, or the group of them, from the first to the
    last. Those of its job, else also those that Generate Again made, else all tries at the same
    place of the same source. Raises NotPossible."""
    record: LayerRecord = metadata.read(_chosen(image, drawables)) or {}
    records = [(layer, metadata.read(layer)) for layer in sources.tree(image)]
    results = [(layer, other) for layer, other in records if other is not None]
    for key in (_job, _origin, _place):
        of = key(record)
        found = [(layer, other) for layer, other in results if of is not None and key(other) == of]
        if len(found) > 1:
            found.sort(key=lambda one: _number(one[1]))
            return [layer for layer, _other in found]
    raise NotPossible(
        _("There is only one variation."),
        _("Generate several at once, use Generate Again, or try once more from the same layer."),
        "one_variation",
    )


def _place(record: LayerRecord) -> Any:
    """What a result was made from and where in it, to be compared; None for one from words alone.
    Another selection in the same layers is another place."""
    kept = record.get("record")
    request = kept.get("request") if isinstance(kept, dict) else None
    if not record.get("source") or not isinstance(request, dict):
        return None
    return record.get("action"), record["source"], record.get("box"), request.get("mask")


def _chosen(image, drawables) -> Any:
    for item in drawables:
        layer = sources.layer_of(item)
        if layer is None:
            continue
        inside = sources.within(layer) if layer.is_group() else [layer]
        found = next((one for one in inside if metadata.read(one) is not None), None)
        if found is not None:
            return found
    raise NotPossible(
        _("The selected layer is no variation."),
        _("Select a layer that Pentimento made, or the group of several."),
        "no_record",
    )


def _job(record: LayerRecord) -> Any:
    """The job that its layer came with: Change Result makes it the result of another one."""
    return record.get("family", record.get("job"))


def _origin(record: LayerRecord) -> Any:
    return record.get("origin")


def _number(record: LayerRecord) -> int:
    return record.get("member", record.get("index", 0))


def step(image, drawables, forward: bool) -> Any:
    """Shows the next variation, or the one before, in the place of the one that is seen; after the
    last one comes the first. One undo step."""
    members = family(image, drawables)
    seen = [number for number, layer in enumerate(members) if layer.get_visible()]
    present = seen[0] if seen else (-1 if forward else 0)
    following = members[(present + (1 if forward else -1)) % len(members)]
    image.undo_group_start()
    try:
        for layer in members:
            layer.set_visible(layer == following)
        image.set_selected_layers([following])
    finally:
        image.undo_group_end()
    return following


def sort(image, drawables) -> List[Any]:
    """The one whose edge shows least comes first: it lies topmost and is seen, and the others come
    below it. Each takes a place that one of them had. One undo step. Raises NotPossible."""
    told = [(layer, metadata.read(layer) or {}) for layer in family(image, drawables)]
    if not any("seam" in record for _layer, record in told):
        raise NotPossible(
            _("It is not known how much the edges of these variations show."),
            _("It is measured where a selection is filled or repainted, and where Expand begins."),
            "no_seam",
        )
    told.sort(key=lambda one: one[1].get("seam", math.inf))
    members = [layer for layer, _record in told]
    with layers.one_undo_step(image):
        for parent in {layer.get_parent() for layer in members}:
            _exchange(image, parent, [one for one in members if one.get_parent() == parent])
        for number, (layer, record) in enumerate(told):
            layer.set_visible(number == 0)
            if record.get("member") != number:
                metadata.attach(layer, {**record, "member": number})
        image.set_selected_layers(members[:1])
    return members


def _exchange(image, parent, wanted: List[Any]) -> None:
    """Gives layers of one parent their places among themselves, from the top; others stay where
    they are."""
    places = sorted(image.get_item_position(layer) for layer in wanted)
    for place, layer in zip(places, wanted):
        other = next(one for one in wanted if image.get_item_position(one) == place)
        from_place = image.get_item_position(layer)
        if layer != other and not (
            image.reorder_item(layer, parent, place)
            and image.reorder_item(other, parent, from_place)
        ):
            raise NotPossible(
                _("GIMP does not take a layer to another place there."),
                _("Unlock the position of the layers and of their group, and try again."),
                "not_reordered",
            )


def keep(image, drawables) -> Any:
    """The variation that is seen stays and the others go, with the groups that held nothing else.
    Of several that are seen it is the selected one, or the topmost. One undo step."""
    members = family(image, drawables)
    seen = [layer for layer in members if layer.get_visible()]
    selected = [layer for layer in seen if layer in map(sources.layer_of, drawables)]
    kept = (selected or seen or members)[0]
    groups = {layer.get_parent() for layer in members} - {None, kept.get_parent()}
    image.undo_group_start()
    try:
        for layer in members:
            if layer != kept:
                image.remove_layer(layer)
        for group in groups:
            if (
                not group.get_children()
                and metadata.read_mark(group, metadata.VARIATIONS) is not None
            ):
                image.remove_layer(group)
        group = kept.get_parent()
        if group is not None and list(group.get_children()) == [kept] and _is_of(group, kept):
            parent, position = group.get_parent(), image.get_item_position(group)
            image.reorder_item(kept, parent, position)
            image.remove_layer(group)
        kept.set_visible(True)
        kept.set_name(NUMBERED.sub("", kept.get_name()) or texts.line(kept.get_name()))
        image.set_selected_layers([kept])
    finally:
        image.undo_group_end()
    return kept


def _is_of(group, kept) -> bool:
    """Whether a group is one of variations and nothing that a person made."""
    return NUMBERED.match(kept.get_name()) is not None or group.get_name() in kept.get_name()
