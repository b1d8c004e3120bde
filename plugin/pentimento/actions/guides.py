"""What guides a job besides prompt and control layers: reference layers, and layers whose names
are the words for their areas."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Dict, List

import options
from errors import NotPossible
from gimpio import identity, sources
from gimpio.destination import Destination
from i18n import _
from turning import STRAIGHT, Turn
from wire import Box

if TYPE_CHECKING:
    from answers import BlobRef, JobRequest, Reference, Region
    from context import Context
    from option_values import Values
    from options import ReferenceValues
    from records import Guides, LayerReference

References = Dict[str, List["LayerReference"]]
MARK = "region:"
MOST_REGIONS = 8
COPY_NUMBER = re.compile(r" #\d+$")  # what GIMP adds to keep names apart


def used(context: Context) -> bool:
    """Whether any layer guides."""
    return any(_layers(context.image, context.values).values())


def references(context: Context, ledger: identity.Ledger) -> References:
    """How to find the layers again, for the metadata; empty where none guides."""
    return _references(_layers(context.image, context.values), ledger)


def renamed(image: Any, kept: References, ledger: identity.Ledger) -> References:
    """The references of a record, in today's form."""
    return _references({name: _found(image, kept, name) for name in kept}, ledger)


def _references(layers: Dict[str, List[Any]], ledger: identity.Ledger) -> References:
    return {
        name: [ledger.reference(layer) for layer in found]
        for name, found in layers.items()
        if found
    }


def chosen(context: Context, values: Values) -> sources.Source:
    """The source that the values name. Of all that is seen it is without what steers and guides and
    without other tries of the same job."""
    regions = named_regions(context.image) if values.get("regions") else []
    return sources.choose(
        context.image,
        context.drawables,
        values["source"],
        Destination.of(values),
        (*regions, *context.left_out),
    )


def above(context: Context, values: Values, source: sources.Source) -> Any:
    """The layer that results go above, so that neither what they were made from nor an older result
    covers them."""
    image = context.image
    regions = named_regions(image) if values.get("regions") else []
    steering = [control.layer for control in options.controls_of(values)]
    steering += [reference.layer for reference in options.references_of(values)]
    older = sources.older_results(image, source.layers) if source.layers else []
    others = [layer for layer in (*steering, *regions, *older) if layer is not None]
    return sources.above_all(image, source.above, others)


def send(work: Any, context: Context, box: Box) -> Guides:
    """The references and regions of a job, their pictures given to the server. Regions are read
    in a box of the canvas, references as a whole."""
    values = context.values
    fields: Guides = {}
    references = [_reference(work, context, one) for one in options.references_of(values)]
    if references:
        fields["references"] = references
    if values.get("regions"):
        fields["regions"] = [_region(work, layer, box) for layer in region_layers(context.image)]
    return fields


def send_again(
    work: Any,
    image: Any,
    kept: References,
    request: JobRequest,
    box: Box,
    turn: Turn = STRAIGHT,
) -> Guides:
    """The same of a recorded job, from the layers as they are now, turned so."""
    fields: Guides = {}
    references: List[Reference] = [
        {**old, "image": _picture(work, image, layer, turn)}
        for layer, old in zip(_found(image, kept, "references"), request.get("references", ()))
    ]
    if references:
        fields["references"] = references
    regions = [_region(work, layer, box, turn) for layer in _found(image, kept, "regions")]
    if regions:
        fields["regions"] = regions
    return fields


def region_layers(image: Any) -> List[Any]:
    """All layers that are named as regions, from top to bottom. Raises NotPossible for none or for
    too many."""
    found = named_regions(image)
    if not found:
        raise NotPossible(
            _("There is no layer whose name begins with “region:”."),
            _("Name a layer “region: snow” and paint where it should count, or leave this off."),
            "no_region",
        )
    if len(found) > MOST_REGIONS:
        raise NotPossible(
            _("There are more than {n} layers whose names begin with “region:”.").format(
                n=MOST_REGIONS
            ),
            _("Rename or merge some of them."),
            "too_many_regions",
        )
    return found


def words_of(name: str) -> str:
    """The prompt that a region's layer is named with."""
    return COPY_NUMBER.sub("", name.strip()[len(MARK) :]).strip()


def named_regions(image: Any) -> List[Any]:
    """The same, also none and many."""
    layers = sources.tree(image) if image is not None else []
    return [layer for layer in layers if layer.get_name().strip().lower().startswith(MARK)]


def _layers(image: Any, values: Values) -> Dict[str, List[Any]]:
    return {
        "references": [one.layer for one in options.references_of(values)],
        "regions": named_regions(image) if values.get("regions") else [],
    }


def _found(image: Any, kept: References, name: str) -> List[Any]:
    tree = sources.tree(image)
    layers = [identity.find(tree, reference) for reference in kept.get(name, ())]
    if None in layers:
        raise NotPossible(
            _("A layer that guided this result is gone."),
            _("Undo its removal, or start again from the action's dialog."),
            "guide_gone",
        )
    return layers


def _check_image(image: Any, layer: Any) -> None:
    if image is None or layer.get_image() != image:
        raise NotPossible(
            _("The reference layer belongs to another image."),
            _("Choose a layer of the image that is worked on."),
            "foreign_layer",
        )


def _reference(work: Any, context: Context, used: ReferenceValues) -> Reference:
    """An action without kind and weight, whose model reads the reference itself, sends none."""
    _check_image(context.image, used.layer)
    found: Reference = {"image": _picture(work, context.image, used.layer)}
    if used.kind is not None and used.weight is not None:
        found["kind"], found["weight"] = used.kind, used.weight
    return found


def _picture(work: Any, image: Any, layer: Any, turn: Turn = STRAIGHT) -> BlobRef:
    source = sources.of_layer(image, layer)
    return {"blob": work.send(turn.pixels(source.read(source.extent))).blob_id}


def _region(work: Any, layer: Any, box: Box, turn: Turn = STRAIGHT) -> Region:
    """The layer's alpha is its area, its opacity how much it counts."""
    mask = work.send(turn.pixels(sources.alpha_of(layer, box)))
    return {
        "mask": {"blob": mask.blob_id},
        "prompt": words_of(layer.get_name()),
        "weight": round(layer.get_opacity() / 100, 4),
    }
