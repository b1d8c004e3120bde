"""Admission of jobs that draw a map, a mask or layers instead of a picture."""

from __future__ import annotations

from pentimento.core.errors import BadInput, field_error
from pentimento.core.geometry import Box, Size
from pentimento.imaging import sizing
from pentimento.models.library.registry import Registry
from pentimento.schema.job import JobRequest


def resolve_map(request: JobRequest, registry: Registry, size: Size | None) -> JobRequest:
    """Nothing is generated: maps are always drawn on this machine, without a model."""
    if size:
        sizing.refuse_huge(size)
    control = request.controls[0].model_copy(update={"model": None})
    registry.annotators.require(control.type, "controls.0")
    return request.model_copy(
        update={"backend": None, "model": None, "controls": [control], "made_with": {}}
    )


def resolve_selection(request: JobRequest, registry: Registry, size: Size | None) -> JobRequest:
    """An object is selected on this machine, by an installed model or by arithmetic. Raises
    BadInput for hints outside of the picture, and for words, which no installed model understands;
    NotFound for a model that is not there."""
    if request.text.strip():
        raise BadInput(
            "unsupported",
            "No installed model can select by words.",
            "Click on the object, or draw a box around it.",
            details=field_error("text", "cannot be followed"),
        )
    if size:
        sizing.refuse_huge(size)
        _check_hints(request, size)
    model = registry.annotators.segmenter(request.model)
    return request.model_copy(
        update={"backend": None, "model": model, "style": None, "made_with": {}}
    )


def resolve_harmony(request: JobRequest, size: Size | None) -> JobRequest:
    """Layers are made by arithmetic on this machine."""
    if size:
        sizing.refuse_huge(size)
    return request.model_copy(
        update={"backend": None, "model": None, "style": None, "strength": None, "made_with": {}}
    )


def _check_hints(request: JobRequest, size: Size) -> None:
    for number, point in enumerate(request.points):
        if point.x >= size.width or point.y >= size.height:
            raise _outside(f"points.{number}", f"The point {point.x:g}, {point.y:g}", size)
    drawn = request.box
    box = Box(drawn.x, drawn.y, drawn.width, drawn.height) if drawn else None
    if box and box.intersect(Box(0, 0, size.width, size.height)) is None:
        raise _outside("box", "The box", size)


def _outside(field: str, what: str, size: Size) -> BadInput:
    return BadInput(
        "bad_request",
        f"{what} lies outside of the picture, which has {size} px.",
        details=field_error(field, "is outside of the picture"),
    )
