"""Editing by instruction: which model does it, and what such a job may bring. No numpy."""

from __future__ import annotations

from pentimento.errors import BadInput
from pentimento.jobs.record import JobRequest, Mode, PlanRequest, Reference
from pentimento.models import ModelInfo, Registry

SUGGESTED = "flux2-klein-4b"  # of the catalogue


def model_of(request: JobRequest | PlanRequest, registry: Registry) -> ModelInfo:
    """The model that a job names, else the default one; for an edit the first that can edit.

    Raises NotFound for an unknown model and cannot_edit where none can."""
    if request.mode is not Mode.EDIT:
        return registry.get(request.model or registry.default_id)
    if request.model is None:
        able = _able(registry)
        if not able:
            raise _cannot_edit("No installed model can edit a picture as told in words.", able)
        return next((model for model in able if model.default), able[0])
    model = registry.get(request.model)
    if model.ok and Mode.EDIT not in model.modes:
        message = f"{model.title} cannot edit a picture as told in words."
        raise _cannot_edit(message, _able(registry))
    return model


def _able(registry: Registry) -> list[ModelInfo]:
    return [model for model in registry.list() if model.ok and Mode.EDIT in model.modes]


def references(request: JobRequest, model: ModelInfo) -> list[Reference]:
    """Those of an edit, which the model itself reads, in full. Raises BadInput for one that cannot
    be used so."""
    plain = Reference.model_fields
    for number, reference in enumerate(request.references):
        for field in ("kind", "start", "end", "model"):
            if getattr(reference, field) != plain[field].default:
                raise _wrong(
                    f"references.{number}.{field}",
                    f"In an edit the model itself reads the references, without “{field}”.",
                    "Leave it out.",
                )
        if reference.weight not in (0, 1):
            raise _wrong(
                f"references.{number}.weight",
                "In an edit a reference is read in full or not at all.",
                "Use the weight 1, or 0.",
            )
    read = [reference for reference in request.references if reference.weight]
    most = model.edit_references
    if len(read) > most and model.ok:
        takes = f"{most} pictures" if most else "no picture"
        raise _wrong(
            "references",
            f"{model.title} takes {takes} besides the source.",
            "Leave the others out, or choose another model.",
        )
    return read


def timed_as(model_id: str, mode: Mode) -> str:
    """The name under which a model's speed is kept: reading a picture along takes longer."""
    return f"{model_id} {mode}" if mode is Mode.EDIT else model_id


def _cannot_edit(message: str, able: list[ModelInfo]) -> BadInput:
    titles = " or ".join(model.title for model in able)
    return BadInput(
        "cannot_edit",
        message,
        f"Choose {titles}." if able else f"Install one: `pentimento models pull {SUGGESTED}`.",
        details={
            "models": [model.id for model in able],
            "fields": [{"field": "model", "message": "cannot edit"}],
        },
    )


def _wrong(field: str, message: str, hint: str) -> BadInput:
    details = {"fields": [{"field": field, "message": "cannot be used in an edit"}]}
    return BadInput("unsupported", message, hint, details=details)
