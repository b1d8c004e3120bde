"""What steers a job besides its prompt: a layer for a ControlNet."""

from __future__ import annotations

from typing import Any, Dict, Optional

import choices
from errors import NotPossible
from gimpio import sources
from i18n import _
from wire import Box, Sent


def check(values: Dict[str, Any], has_source: bool) -> None:
    """Raises NotPossible for a control that has nothing to be drawn from."""
    if values["control"] == choices.NO_CONTROL or values["control-layer"] is not None:
        return
    if not has_source:
        raise NotPossible(
            _("A picture from text has no source that could steer it."),
            _("Choose a control layer."),
            "no_control_layer",
        )
    if values["control"] not in choices.DRAWN_CONTROLS:
        raise NotPossible(
            _("Only edges can be drawn from the source."),
            _("Choose a control layer with a map of that kind."),
            "no_control_layer",
        )


def send(work: Any, context: Any, box: Box) -> Optional[Sent]:
    """The control layer's own pixels in a box of the canvas, given to the server; None where
    nothing steers, or where the source itself does."""
    layer = context.values["control-layer"]
    if context.values["control"] == choices.NO_CONTROL or layer is None:
        return None
    if context.image is None or layer.get_image() != context.image:
        raise NotPossible(
            _("The control layer belongs to another image."),
            _("Choose a layer of the image that is worked on."),
            "foreign_layer",
        )
    return work.send(sources.of_layer(context.image, layer).read(box))


def send_again(work: Any, image: Any, tattoo: Optional[int], box: Box) -> Optional[Sent]:
    """The control layer of a recorded job as it is now; None where there was none."""
    if tattoo is None:
        return None
    layer = image.get_layer_by_tattoo(tattoo)
    if layer is None:
        raise NotPossible(
            _("The control layer of this result is gone."),
            _("Undo its removal, or start again from the action's dialog."),
            "control_layer_gone",
        )
    return work.send(sources.of_layer(image, layer).read(box))


def tattoo_of(values: Dict[str, Any]) -> Optional[int]:
    """How to find the control layer again, for the metadata; None where there is none."""
    layer = values["control-layer"]
    if values["control"] == choices.NO_CONTROL or layer is None:
        return None
    return layer.get_tattoo()
