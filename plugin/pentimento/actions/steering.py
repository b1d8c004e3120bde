"""What steers a job besides its prompt: a layer for a ControlNet."""

from __future__ import annotations

from typing import Any, Optional

import choices
from errors import NotPossible
from gimpio import sources
from i18n import _
from wire import Box, Sent


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
