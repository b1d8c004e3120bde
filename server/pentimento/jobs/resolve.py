"""What a request's names stand for, found and checked when it is admitted. No numpy.

The LoRAs that its prompt names, the ControlNets and LoRAs that it lists, and which model edits by
instruction and what such a job may bring.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from pentimento.core.errors import BadInput, NotFound, field_error
from pentimento.models.library.model import ModelInfo
from pentimento.models.library.parts.controlnet_lora import Addon
from pentimento.models.library.registry import Registry
from pentimento.models.tables import control_types
from pentimento.models.tables.architectures import INPAINT
from pentimento.models.weights.detect.recognise import UNKNOWN
from pentimento.prompts import syntax, templates
from pentimento.prompts.syntax import Tag
from pentimento.schema.job import MAX_LORAS, Control, JobRequest, Lora, Mode, Reference
from pentimento.schema.plan import PlanRequest
from pentimento.schema.vocabulary import FROM_SELECTION

R = TypeVar("R", JobRequest, PlanRequest)
SEED_RANGE = 2**32  # random seeds stay short enough to be read and typed


def seed_of(request: JobRequest) -> int:
    """As asked, or one by chance."""
    return secrets.randbelow(SEED_RANGE) if request.seed is None else request.seed


def taken_out(request: R, model: ModelInfo, registry: Registry) -> R:
    """The request with its tags cut out of the words, and what they name among its `loras`. What
    is listed there already counts as it is listed; the first tag of a LoRA is the one that counts.

    Tags within a choice stay there until it is drawn (`jobs/admission.py`).

    Raises NotFound for an unknown name, BadInput for a weight that is none.
    """
    prompt, tags = _cut(request.prompt)
    changed: dict[str, Any] = {"prompt": prompt}
    if isinstance(request, JobRequest):
        _refuse_in_negative(request.negative_prompt)
        changed["regions"] = []
        for region in request.regions:
            words, found = _cut(region.prompt)
            changed["regions"].append(region.model_copy(update={"prompt": words}))
            tags += found
    if not tags:
        return request
    changed["loras"] = with_tags(request.loras, tags, model, registry)
    return request.model_copy(update=changed)


def _cut(prompt: str) -> tuple[str, list[Tag]]:
    return syntax.cut_lora_tags(prompt, templates.spans(templates.parse(prompt)))


def _refuse_in_negative(prompt: str) -> None:
    if syntax.cut_lora_tags(prompt)[1]:
        raise _wrong_prompt(
            "The negative prompt names a LoRA, which would not do the opposite.",
            "Name it in the prompt, with a negative weight if its opposite is meant.",
        )


def with_tags(
    listed: Sequence[Lora], tags: Sequence[Tag], model: ModelInfo, registry: Registry
) -> list[Lora]:
    """`listed`, and what the tags name besides."""
    found = list(listed)
    there = {registry.addons.get("lora", lora.id).id for lora in listed}
    known = registry.addons.of("lora")
    for tag in tags:
        lora = _lora(tag, _named(tag.name, known, model))
        if lora.id not in there:
            there.add(lora.id)
            found.append(lora)
    if len(found) > MAX_LORAS:
        raise _wrong_prompt(
            f"The prompt names more LoRAs than the {MAX_LORAS} of one job.", "Leave some out."
        )
    return found


def _named(name: str, known: Sequence[Addon], model: ModelInfo) -> Addon:
    """Of several with this name the one that fits the model."""
    found = syntax.matching_loras(name, known)
    if found:
        return next((addon for addon in found if addon.fits(model)), found[0])
    near = syntax.near_loras(name, known)
    installed = ", ".join(addon.id for addon in known) or "none"
    raise NotFound(
        "model_not_found",
        f"The prompt names a LoRA “{name}”, and there is none of this name.",
        f"Perhaps {' or '.join(near)}." if near else f"Installed: {installed}.",
        details=field_error("prompt", "names an unknown LoRA"),
    )


def _lora(tag: Tag, addon: Addon) -> Lora:
    try:
        return Lora(id=addon.id, weight=float(tag.weight) if tag.weight else None)
    except (ValueError, ValidationError):
        raise _wrong_prompt(
            f"“{tag.text}” has a weight that is none.", "Write a number from -4 to 4."
        ) from None


def _wrong_prompt(message: str, hint: str) -> BadInput:
    details = field_error("prompt", "has a LoRA that cannot be read")
    return BadInput("bad_request", message, hint, details=details)


def chosen_controls(
    request: JobRequest, model: ModelInfo, registry: Registry, *, fills: bool = False
) -> list[Control]:
    """The request's controls with their ControlNets named. `fills`: new content begins with the
    surroundings, so a network that reads them is added where there is one. Raises BadInput for a
    control that cannot steer this job, NotFound for an unknown name."""
    chosen = [
        _chosen(number, control, request, model, registry)
        for number, control in enumerate(request.controls)
    ]
    named = any(control.type == FROM_SELECTION for control in chosen)
    if fills and not named and model.variant != INPAINT:
        found = registry.addons.control_for(model, FROM_SELECTION)
        if found:
            weight = control_types.OWN_WEIGHTS.get(model.family, 1.0)
            chosen.append(Control(type=FROM_SELECTION, model=found.id, weight=weight))
    return chosen


def chosen_loras(
    request: JobRequest | PlanRequest, model: ModelInfo, registry: Registry
) -> list[Lora]:
    """The request's LoRAs by the ids they have now, each with a weight. Raises BadInput for a LoRA
    that was made for models of another kind."""
    chosen = []
    for number, lora in enumerate(request.loras):
        addon = registry.addons.get("lora", lora.id)
        _refuse_unfit(addon, model, f"loras.{number}")
        weight = addon.weight if lora.weight is None else lora.weight
        chosen.append(lora.model_copy(update={"id": addon.id, "weight": weight}))
    return chosen


def chosen_vae(request: JobRequest, model: ModelInfo, registry: Registry) -> str | None:
    """By the id it has now. Raises BadInput for a VAE whose latents are not the model's, NotFound
    for an unknown name."""
    if not request.vae:
        return None
    vae = registry.vaes.get(request.vae)
    problem = vae.mismatch(model) if vae.ok else vae.problem
    if model.ok and problem:
        fitting = [other.id for other in registry.vaes.list() if other.fits(model)]
        raise BadInput(
            "unsupported",
            f"The VAE {vae.title} cannot be used with {model.title}: {problem.rstrip('.')}.",
            f"Use {' or '.join(fitting)}, or leave the VAE out." if fitting else "Leave it out.",
            details=field_error("vae", "does not fit the model"),
        )
    return vae.id


def _chosen(
    number: int, control: Control, request: JobRequest, model: ModelInfo, registry: Registry
) -> Control:
    field = f"controls.{number}"
    if control.end <= control.start:
        raise _wrong_addon(field, "A control has to end after it starts.", "ends before it starts")
    if control.type == FROM_SELECTION:
        _refuse_without_selection(field, control, request)
    elif control.image is None or control.preprocess:
        registry.annotators.require(control.type, field)
    if control.image is None and request.source is None:
        raise _wrong_addon(
            field, "A control needs a picture where there is no source.", "has no image"
        )
    if control.model:
        addon = registry.addons.get("controlnet", control.model)
        _refuse_unfit(addon, model, field)
        told_apart = addon.by_mode or addon.control == "union"
        if addon.families:  # of a transformer: one that fills reads other channels than a map's
            told_apart |= FROM_SELECTION in (control.type, *addon.controls)
        if told_apart and control.type not in addon.controls:
            raise _wrong_addon(
                field,
                f"{addon.title} does not take {control.type} maps, only "
                f"{', '.join(addon.controls)}.",
                "is of a type that the ControlNet does not take",
            )
        return control.model_copy(update={"model": addon.id})
    found = registry.addons.control_for(model, control.type)
    if found is None:
        raise _wrong_addon(
            field,
            f"There is no {control.type} ControlNet for {model.title}.",
            "no ControlNet of this type fits the model",
        )
    return control.model_copy(update={"model": found.id})


def _refuse_without_selection(field: str, control: Control, request: JobRequest) -> None:
    if request.mode is not Mode.INPAINT or control.image is not None or control.preprocess:
        raise _wrong_addon(
            field,
            f"A control of the type {FROM_SELECTION} reads the source around a selection.",
            "needs the mode inpaint, and no picture of its own",
        )


def _refuse_unfit(addon: Addon, model: ModelInfo, field: str) -> None:
    if not addon.ok:
        raise _wrong_addon(field, f"{addon.title} cannot be used: {addon.problem}", "is damaged")
    if not addon.fits(model):
        made_for = "" if addon.family in (UNKNOWN, model.family) else f" (it is for {addon.family})"
        raise _wrong_addon(
            field,
            f"{addon.title} was not made for models like {model.title}{made_for}.",
            "does not fit",
        )


def _wrong_addon(field: str, message: str, detail: str) -> BadInput:
    return BadInput(
        "unsupported",
        message,
        "Leave it out, or choose another model.",
        details=field_error(field, detail),
    )


SUGGESTED = "flux2-klein-4b"  # of the catalogue


def edit_model(request: JobRequest | PlanRequest, registry: Registry) -> ModelInfo:
    """The model that a job names, else the default one; for an edit the first that can edit.

    Raises NotFound for an unknown model and cannot_edit where none can."""
    if request.mode is not Mode.EDIT:
        return registry.get(request.model or registry.default_id)
    if request.model is None:
        able = _able(registry)
        if not able:
            raise _cannot_edit("No installed model can edit a picture by instruction.", able)
        return next((model for model in able if model.default), able[0])
    model = registry.get(request.model)
    if model.ok and Mode.EDIT not in model.modes:
        message = f"{model.title} cannot edit a picture by instruction."
        raise _cannot_edit(message, _able(registry))
    return model


def _able(registry: Registry) -> list[ModelInfo]:
    return [model for model in registry.list() if model.ok and Mode.EDIT in model.modes]


def edit_references(request: JobRequest, model: ModelInfo) -> list[Reference]:
    """Those of an edit, which the model itself reads, in full. Raises BadInput for one that cannot
    be used so."""
    plain = Reference.model_fields
    for number, reference in enumerate(request.references):
        for field in ("kind", "start", "end", "model"):
            if getattr(reference, field) != plain[field].default:
                raise _wrong_edit(
                    f"references.{number}.{field}",
                    f"In an edit the model itself reads the references, without “{field}”.",
                    "Leave it out.",
                )
        if reference.weight not in (0, 1):
            raise _wrong_edit(
                f"references.{number}.weight",
                "In an edit a reference is read in full or not at all.",
                "Use the weight 1, or 0.",
            )
    read = [reference for reference in request.references if reference.weight]
    most = model.edit_references
    if len(read) > most and model.ok:
        takes = f"{most} pictures" if most else "no picture"
        raise _wrong_edit(
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
        details={"models": [model.id for model in able], **field_error("model", "cannot edit")},
    )


def _wrong_edit(field: str, message: str, hint: str) -> BadInput:
    details = field_error(field, "cannot be used in an edit")
    return BadInput("unsupported", message, hint, details=details)
