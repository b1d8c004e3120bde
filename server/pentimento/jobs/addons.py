"""Which ControlNets and LoRAs a job uses, decided and checked when it is admitted. No numpy."""

from __future__ import annotations

from pentimento.errors import BadInput
from pentimento.jobs.record import Control, JobRequest, PlanRequest
from pentimento.models import ModelInfo, Registry
from pentimento.models.addons import Addon
from pentimento.models.recognise import UNKNOWN


def chosen_controls(request: JobRequest, model: ModelInfo, registry: Registry) -> list[Control]:
    """The request's controls with their ControlNets named. Raises BadInput for one that cannot
    steer this job, NotFound for an unknown name."""
    return [
        _chosen(number, control, request, model, registry)
        for number, control in enumerate(request.controls)
    ]


def check_loras(request: JobRequest | PlanRequest, model: ModelInfo, registry: Registry) -> None:
    """Raises BadInput for a LoRA that was made for models of another kind."""
    for number, lora in enumerate(request.loras):
        addon = registry.addons.get("lora", lora.id)
        _refuse_unfit(addon, model, f"loras.{number}")


def check_vae(request: JobRequest, model: ModelInfo, registry: Registry) -> None:
    """Raises BadInput for a VAE whose latents are not the model's, NotFound for an unknown name."""
    if not request.vae:
        return
    vae = registry.vaes.get(request.vae)
    problem = vae.mismatch(model) if vae.ok else vae.problem
    if model.ok and problem:
        fitting = [other.id for other in registry.vaes.list() if other.fits(model)]
        raise BadInput(
            "unsupported",
            f"The VAE {vae.title} cannot be used with {model.title}: {problem.rstrip('.')}.",
            f"Use {' or '.join(fitting)}, or leave the VAE out." if fitting else "Leave it out.",
            details={"fields": [{"field": "vae", "message": "does not fit the model"}]},
        )


def _chosen(
    number: int, control: Control, request: JobRequest, model: ModelInfo, registry: Registry
) -> Control:
    field = f"controls.{number}"
    if control.end <= control.start:
        raise _wrong(field, "A control has to end after it starts.", "ends before it starts")
    if control.image is None or control.preprocess:
        registry.annotators.require(control.type, field)
    if control.image is None and request.source is None:
        raise _wrong(field, "A control needs a picture where there is no source.", "has no image")
    if control.model:
        addon = registry.addons.get("controlnet", control.model)
        _refuse_unfit(addon, model, field)
        told_apart = addon.by_mode or addon.control == "union"
        if told_apart and control.type not in addon.controls:
            raise _wrong(
                field,
                f"{addon.title} does not take {control.type} maps, only "
                f"{', '.join(addon.controls)}.",
                "is of a type that the ControlNet does not take",
            )
        return control
    found = registry.addons.control_for(model, control.type)
    if found is None:
        raise _wrong(
            field,
            f"There is no {control.type} ControlNet for {model.title}.",
            "no ControlNet of this type fits the model",
        )
    return control.model_copy(update={"model": found.id})


def _refuse_unfit(addon: Addon, model: ModelInfo, field: str) -> None:
    if not addon.ok:
        raise _wrong(field, f"{addon.title} cannot be used: {addon.problem}", "is damaged")
    if not addon.fits(model):
        made_for = "" if addon.family in (UNKNOWN, model.family) else f" (it is for {addon.family})"
        raise _wrong(
            field,
            f"{addon.title} was not made for models like {model.title}{made_for}.",
            "does not fit",
        )


def _wrong(field: str, message: str, detail: str) -> BadInput:
    return BadInput(
        "unsupported",
        message,
        "Leave it out, or choose another model.",
        details={"fields": [{"field": field, "message": detail}]},
    )
