"""The LoRAs that a job's words name, found and added to those that it lists. No numpy.

- `taken_out(request, model, registry) -> request` for jobs and plans
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from pentimento.errors import BadInput, NotFound
from pentimento.jobs.record import MAX_LORAS, JobRequest, Lora, PlanRequest
from pentimento.models import ModelInfo, Registry
from pentimento.models.addons import Addon
from pentimento.prompting import lora_tags, templates
from pentimento.prompting.lora_tags import Tag

R = TypeVar("R", JobRequest, PlanRequest)


def taken_out(request: R, model: ModelInfo, registry: Registry) -> R:
    """The request with its tags cut out of the words, and what they name among its `loras`. What
    is listed there already counts as it is listed; the first tag of a LoRA is the one that counts.

    Tags within a choice stay there until it is drawn (`jobs/words.py`).

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
    return lora_tags.cut(prompt, templates.spans(templates.parse(prompt)))


def _refuse_in_negative(prompt: str) -> None:
    if lora_tags.cut(prompt)[1]:
        raise _wrong(
            "The negative prompt names a LoRA, which would not do the opposite.",
            "Name it in the prompt, with a negative weight if its opposite is meant.",
        )


def with_tags(
    listed: Sequence[Lora], tags: Sequence[Tag], model: ModelInfo, registry: Registry
) -> list[Lora]:
    """`listed`, and what the tags name besides."""
    found = list(listed)
    known = [addon for addon in registry.addons.list() if addon.kind == "lora"]
    for tag in tags:
        lora = _lora(tag, _named(tag.name, known, model))
        if lora.id not in {other.id for other in found}:
            found.append(lora)
    if len(found) > MAX_LORAS:
        raise _wrong(
            f"The prompt names more LoRAs than the {MAX_LORAS} of one job.", "Leave some out."
        )
    return found


def _named(name: str, known: Sequence[Addon], model: ModelInfo) -> Addon:
    """Of several with this name the one that fits the model."""
    found = lora_tags.matching(name, known)
    if found:
        return next((addon for addon in found if addon.fits(model)), found[0])
    near = lora_tags.near(name, known)
    installed = ", ".join(addon.id for addon in known) or "none"
    raise NotFound(
        "model_not_found",
        f"The prompt names a LoRA “{name}”, and there is none of this name.",
        f"Perhaps {' or '.join(near)}." if near else f"Installed: {installed}.",
        details={"fields": [{"field": "prompt", "message": "names an unknown LoRA"}]},
    )


def _lora(tag: Tag, addon: Addon) -> Lora:
    try:
        return Lora(id=addon.id, weight=float(tag.weight or 1))
    except (ValueError, ValidationError):
        raise _wrong(
            f"“{tag.text}” has a weight that is none.", "Write a number from -4 to 4."
        ) from None


def _wrong(message: str, hint: str) -> BadInput:
    fields = [{"field": "prompt", "message": "has a LoRA that cannot be read"}]
    return BadInput("bad_request", message, hint, details={"fields": fields})
