"""Every place where jobs can run, as `GET /v1/backends` and `pentimento backends` give it, and
which one suits this machine and this user.

Quality and production on this machine, a quick try without downloads through a service, learning on
this machine, where every stage can be watched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pentimento.models import machine
from pentimento.models.library.parts.controlnet_lora import CONTROL_TYPES
from pentimento.schema.answers import BackendAbilities, BackendEntry, ChosenNumbers, Does, How
from pentimento.schema.job import LOCAL, Mode
from pentimento.services import records
from pentimento.services.records import Capabilities, Operation, Sizes
from pentimento.services.routing import OPERATION
from pentimento.services.terms import Remotes, Terms


@dataclass(frozen=True, slots=True)
class Means:
    """What there is to paint with. `full_model`: more than the starter model is installed; `edits`:
    one that follows instructions."""

    gpu: bool
    full_model: bool
    edits: bool = False


@dataclass(frozen=True, slots=True)
class JobWanted:
    """The job that a place is looked for; without a `mode` any."""

    mode: Mode | None = None
    count: int = 1

    @property
    def operation(self) -> Operation:
        return OPERATION.get(self.mode, Operation.TXT2IMG) if self.mode else Operation.TXT2IMG


ANY = JobWanted()


@dataclass(frozen=True, slots=True)
class Advice:
    """`recommended` is the id of a place, `why` a sentence."""

    recommended: str
    why: str


def advise(means: Means, ready: Sequence[str], wanted: Operation = Operation.TXT2IMG) -> Advice:
    """`ready`: ids of services that could be used now and do what is wanted by themselves, the
    preferred first."""
    if wanted is Operation.EDIT and not means.edits:
        if ready:
            return Advice(ready[0], "No model on this machine edits as told; this service does.")
        return Advice(
            LOCAL, "No place edits as told yet: download a model for it, or set up a service."
        )
    if means.gpu and means.full_model:
        return Advice(LOCAL, "Best quality, free, and nothing leaves this machine.")
    if means.gpu:
        why = "This machine has a graphics card: with a full model installed it is the best place."
        return Advice(LOCAL, why)
    if ready:
        why = "No graphics card was found here: a service gives full quality within a minute."
        return Advice(ready[0], why)
    return Advice(LOCAL, "It works at once, without an account; a service gives more detail.")


def how(able: Capabilities, operation: Operation) -> How:
    """How a service changes a source; `routing.choose` takes that way."""
    if getattr(able, operation.value):
        said = able.strength and operation in able.strength_with
        return "strength" if said and operation is not Operation.EDIT else "yes"
    if operation is Operation.EDIT:
        return "no"
    return "lines" if able.control else "words"


def local_quality(means: Means) -> str:
    if means.full_model:
        return "That of the installed models, with every control, LoRA and stage."
    return "Sketches, with the starter model; full with an installed model."


def local_speed(means: Means) -> str:
    if means.gpu:
        return "Seconds a picture, on the graphics card."
    return "Seconds with the starter model, minutes with a full one: there is no graphics card."


PREFERRED = (
    "a1111",
    "comfyui",
    "stable-diffusion-cpp",
    "bfl",
    "stability",
    "fal",
    "replicate",
    "gemini",
    "openai",
    "openrouter",
    "huggingface",
    "together",
    "deepinfra",
    "localai",
    "ollama",
    "horde",
)


def everything(
    remotes: Remotes, *, full_model: bool, edits: bool, wanted: JobWanted = ANY
) -> list[BackendEntry]:
    """This machine first."""
    means = Means(machine.look().gpu, full_model, edits)
    terms = [remotes.terms(service_id) for service_id in records.all_services()]
    able = [one for one in terms if getattr(one.capabilities, wanted.operation.value)]
    ready = [one.id for one in able if _configured(remotes, one)]
    advice = advise(means, sorted(ready, key=_rank), wanted.operation)
    return [_local(means, advice), *(_remote(remotes, one, advice, wanted) for one in terms)]


def _rank(service_id: str) -> int:
    return PREFERRED.index(service_id) if service_id in PREFERRED else len(PREFERRED)


def _local(means: Means, advice: Advice) -> BackendEntry:
    return BackendEntry(
        id=LOCAL,
        title="This machine",
        kind="local",
        configured=True,
        needs_key=False,
        has_key=False,
        key_source="none",
        key_page="",
        consented=True,
        base_url="",
        own_address=False,
        extras=False,
        takes_extras=False,
        qualities=[],
        chosen=ChosenNumbers(),
        capabilities=BackendAbilities(
            txt2img=True,
            img2img=True,
            inpaint=True,
            edit=True,
            loras=True,
            references=4,
            control=list(CONTROL_TYPES),
            sizes={"choices": []},
            seed=True,
            negative_prompt=True,
            strength=True,
            steps=True,
            guidance=True,
        ),
        models=[],
        model="",
        edit_models=[],
        edit_model="",
        price="free",
        price_per_picture=0.0,
        price_of_job=0.0,
        price_of_edit=0.0 if means.edits else None,
        does=Does(img2img="strength", inpaint="strength", edit="yes" if means.edits else "no"),
        privacy="Nothing leaves this machine.",
        receives="nobody",
        quality=local_quality(means),
        speed=local_speed(means),
        caps={"per_job": None, "per_day": None},
        spent_today=0.0,
        recommended=advice.recommended == LOCAL,
        why=advice.why if advice.recommended == LOCAL else "",
        checked="",
        verified="Tested with every release.",
    )


def _remote(remotes: Remotes, terms: Terms, advice: Advice, wanted: JobWanted) -> BackendEntry:
    service = terms.service
    each = terms.price_of(terms.model_for(wanted.operation, None))
    _, source = remotes.key(terms)
    recommended = advice.recommended == service.id
    return BackendEntry(
        id=service.id,
        title=service.title,
        kind="remote",
        configured=_configured(remotes, terms),
        needs_key=terms.needs_key,
        has_key=source != "none",
        key_source=source,
        key_page=service.key_page,
        consented=terms.consented,
        base_url=terms.base_url,
        own_address=service.own_address,
        extras=terms.extras,
        takes_extras=service.extras is not None,
        qualities=list(service.qualities),
        chosen=ChosenNumbers(
            price=terms.chosen.price,
            native_size=terms.chosen.native_size,
            picture_quality=terms.chosen.picture_quality,
        ),
        capabilities=_capabilities(terms),
        models=remotes.models_of(terms),
        model=terms.model,
        edit_models=[one.name for one in service.models_for(Operation.EDIT)],
        edit_model=terms.model_for(Operation.EDIT, None) if terms.capabilities.edit else "",
        price=terms.price_text,
        price_per_picture=terms.price,
        price_of_edit=terms.price_of(terms.model_for(Operation.EDIT, None))
        if terms.capabilities.edit
        else None,
        price_of_job=None if each is None else round(each * wanted.count, 6),
        does=Does(
            img2img=how(terms.capabilities, Operation.IMG2IMG),
            inpaint=how(terms.capabilities, Operation.INPAINT),
            edit=how(terms.capabilities, Operation.EDIT),
        ),
        privacy=terms.privacy,
        receives=terms.receives,
        quality=service.quality,
        speed=service.speed,
        caps=terms.caps.model_dump(),
        spent_today=remotes.spending.today(service.id),
        recommended=recommended,
        why=advice.why if recommended else "",
        checked=service.checked.isoformat(),
        verified=service.verified,
    )


def _configured(remotes: Remotes, terms: Terms) -> bool:
    return terms.consented and (not terms.needs_key or bool(remotes.key(terms)[0]))


def _capabilities(terms: Terms) -> BackendAbilities:
    able = terms.capabilities
    return BackendAbilities(
        txt2img=able.txt2img,
        img2img=able.img2img,
        inpaint=able.inpaint,
        edit=able.edit,
        loras=able.loras,
        references=able.references,
        control=sorted({*able.control, *able.control_as}),
        sizes=_sizes(terms.sizes),
        seed=able.seed,
        negative_prompt=able.negative_prompt,
        strength=able.strength,
        steps=able.steps,
        guidance=able.guidance,
    )


def _sizes(sizes: Sizes) -> dict[str, Any]:
    if sizes.choices:
        return {"choices": list(sizes.choices)}
    return {"choices": [], **sizes.model_dump(exclude={"choices"})}
