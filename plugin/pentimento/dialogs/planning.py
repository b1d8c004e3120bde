"""The question to /v1/plan for the option values that a dialog shows now. Main thread only."""

from __future__ import annotations

from typing import Any, Dict

import wire
from gimpio import selection, sources


def plan_request(context: Any, values: Dict[str, Any]) -> Dict[str, Any]:
    """Raises NotPossible where the image does not allow the action."""
    return QUESTIONS[context.action.key](context, values)


def _image_to_image(context: Any, values: Dict[str, Any]) -> Dict[str, Any]:
    source = sources.choose(context.image, context.drawables, values["source"])
    return wire.plan_request(wire.IMG2IMG, values, sources.canvas(context.image), source.extent)


def _regenerate_selection(context: Any, values: Dict[str, Any]) -> Dict[str, Any]:
    source = sources.choose(context.image, context.drawables, values["source"])
    return wire.plan_request(
        wire.INPAINT,
        values,
        sources.canvas(context.image),
        source.extent,
        selection.bounds(context.image),
    )


def _text_to_image(_context: Any, values: Dict[str, Any]) -> Dict[str, Any]:
    return wire.plan_request(wire.TXT2IMG, values)


QUESTIONS = {
    "image_to_image": _image_to_image,
    "regenerate_selection": _regenerate_selection,
    "text_to_image": _text_to_image,
}
