"""What steers a job besides its prompt: layers for ControlNets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, Optional

import choices
import options
from errors import NotPossible
from gimpio import identity, metadata, sources
from i18n import _
from turning import STRAIGHT, Turn
from wire import Box, Sent

if TYPE_CHECKING:
    from context import Context
    from option_values import Values
    from records import LayerReference

References = List[Optional["LayerReference"]]


def check(values: Values, has_source: bool) -> None:
    """Raises NotPossible for a control that has nothing to be drawn from."""
    for control in options.controls_of(values):
        if control.layer is None:
            _check_source(control.kind, has_source)


def settled(values: Values) -> Values:
    """The values, but a map that Pentimento drew of the same kind is used as it is: edges of edges
    are nobody's wish."""
    found: Any = dict(values)
    for control in options.controls_of(values):
        drawn = metadata.map_of(control.layer) if control.layer is not None else None
        if drawn and drawn["type"] == control.kind:
            found[control.name + "-is-map"] = True
    return found


def _check_source(kind: str, has_source: bool) -> None:
    if not has_source:
        raise NotPossible(
            _("A picture from text has no source that could steer it."),
            _("Choose a control layer."),
            "no_control_layer",
        )
    if kind not in choices.DRAWN_CONTROLS:
        raise NotPossible(
            _("That kind of map cannot be detected on the way."),
            _(
                "Choose a layer that already is such a map; with a model for it Make Control Layer "
                "makes one."
            ),
            "no_control_layer",
        )


def used(values: Values) -> bool:
    """Whether any layer steers."""
    return any(control.layer is not None for control in options.controls_of(values))


def send(work: Any, context: Context, box: Box) -> List[Optional[Sent]]:
    """For each control that is used its layer's own pixels in a box of the canvas, given to the
    server; None where the source itself steers."""
    layers = [control.layer for control in options.controls_of(context.values)]
    return [None if layer is None else _sent(work, context.image, layer, box) for layer in layers]


def _sent(work: Any, image: Any, layer: Any, box: Box) -> Sent:
    if image is None or layer.get_image() != image:
        raise NotPossible(
            _("The control layer belongs to another image."),
            _("Choose a layer of the image that is worked on."),
            "foreign_layer",
        )
    return work.send(sources.of_layer(image, layer).read(box))


def send_again(
    work: Any, image: Any, kept: Any, box: Box, turn: Turn = STRAIGHT
) -> List[Optional[Sent]]:
    """The control layers of a recorded job as they are now, turned so."""
    layers = _layers_again(image, kept)
    return [
        None if layer is None else work.send(turn.pixels(sources.of_layer(image, layer).read(box)))
        for layer in layers
    ]


def _layers_again(image: Any, kept: Any) -> List[Optional[Any]]:
    """Older versions kept the tattoo of one or None."""
    references = kept if isinstance(kept, list) else [kept]
    return [None if one is None else _layer_again(image, one) for one in references]


def _layer_again(image: Any, reference: Any) -> Any:
    layer = identity.find(sources.tree(image), reference)
    if layer is None:
        raise NotPossible(
            _("The control layer of this result is gone."),
            _("Undo its removal, or start again from the action's dialog."),
            "control_layer_gone",
        )
    return layer


def references(values: Values, ledger: identity.Ledger) -> References:
    """How to find the control layers again; one for each control that is used."""
    layers = [control.layer for control in options.controls_of(values)]
    return [None if layer is None else ledger.reference(layer) for layer in layers]


def renamed(image: Any, kept: Any, ledger: identity.Ledger) -> References:
    """The references of a record, in today's form."""
    layers = _layers_again(image, kept)
    return [None if layer is None else ledger.reference(layer) for layer in layers]
