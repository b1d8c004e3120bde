"""What steers a job besides its prompt: layers for ControlNets."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Union

import choices
from errors import NotPossible
from gimpio import sources
from i18n import _
from wire import Box, Sent, controls_used


def check(values: Dict[str, Any], has_source: bool) -> None:
    """Raises NotPossible for a control that has nothing to be drawn from."""
    for name in controls_used(values):
        if values[name + "-layer"] is None:
            _check_source(values[name], has_source)


def _check_source(kind: str, has_source: bool) -> None:
    if not has_source:
        raise NotPossible(
            _("A picture from text has no source that could steer it."),
            _("Choose a control layer."),
            "no_control_layer",
        )
    if kind not in choices.DRAWN_CONTROLS:
        raise NotPossible(
            _("Maps of that kind can't be drawn on the way."),
            _("Make a layer of it with Make Control Layer, and choose it as the control layer."),
            "no_control_layer",
        )


def send(work: Any, context: Any, box: Box) -> List[Optional[Sent]]:
    """For each control that is used its layer's own pixels in a box of the canvas, given to the
    server; None where the source itself steers."""
    layers = [context.values[name + "-layer"] for name in controls_used(context.values)]
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
    work: Any, image: Any, tattoos: Union[int, Sequence[Optional[int]], None], box: Box
) -> List[Optional[Sent]]:
    """The control layers of a recorded job as they are now. Older versions kept the tattoo of one
    or None."""
    kept = tattoos if isinstance(tattoos, list) else [tattoos]
    return [None if tattoo is None else _sent_again(work, image, tattoo, box) for tattoo in kept]


def _sent_again(work: Any, image: Any, tattoo: int, box: Box) -> Sent:
    layer = image.get_layer_by_tattoo(tattoo)
    if layer is None:
        raise NotPossible(
            _("The control layer of this result is gone."),
            _("Undo its removal, or start again from the action's dialog."),
            "control_layer_gone",
        )
    return work.send(sources.of_layer(image, layer).read(box))


def tattoos_of(values: Dict[str, Any]) -> List[Optional[int]]:
    """How to find the control layers again, for the metadata; one for each control that is used."""
    layers = [values[name + "-layer"] for name in controls_used(values)]
    return [None if layer is None else layer.get_tattoo() for layer in layers]
