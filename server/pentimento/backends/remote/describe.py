"""Every place where jobs can run, as `GET /v1/backends` and `pentimento backends` tell it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pentimento.backends.remote import guide, services
from pentimento.backends.remote.guide import Machine
from pentimento.backends.remote.services import Sizes
from pentimento.backends.remote.terms import Remotes, Terms
from pentimento.jobs.record import LOCAL
from pentimento.models.addons import CONTROL_TYPES

PREFERRED = ("a1111", "stability", "fal", "replicate", "openai", "huggingface", "horde")


@dataclass(frozen=True, slots=True)
class Told:
    """One entry. Nothing of a key but where it is kept."""

    id: str
    title: str
    kind: Literal["local", "remote"]
    configured: bool  # a job would be sent: key where needed, and consent
    needs_key: bool
    has_key: bool
    key_source: str
    key_page: str
    consented: bool
    base_url: str
    own_address: bool
    extras: bool
    capabilities: dict[str, Any]
    models: list[str]
    model: str
    price: str
    price_per_picture: float | None
    privacy: str
    receives: str
    quality: str
    speed: str
    caps: dict[str, float | None]
    spent_today: float
    recommended: bool
    why: str
    checked: str
    verified: str


def everything(remotes: Remotes, full_model: bool) -> list[Told]:
    """This machine first."""
    machine = guide.look(full_model)
    terms = [remotes.terms(service_id) for service_id in services.all_services()]
    ready = [one.id for one in terms if _configured(remotes, one)]
    advice = guide.advise(machine, sorted(ready, key=_rank))
    told = [_local(machine), *(_remote(remotes, one) for one in terms)]
    return [_advised(one, advice) for one in told]


def _rank(service_id: str) -> int:
    return PREFERRED.index(service_id) if service_id in PREFERRED else len(PREFERRED)


def _advised(told: dict[str, Any], advice: guide.Advice) -> Told:
    recommended = told["id"] == advice.recommended
    return Told(**told, recommended=recommended, why=advice.why if recommended else "")


def _local(machine: Machine) -> dict[str, Any]:
    return {
        "id": LOCAL,
        "title": "This machine",
        "kind": "local",
        "configured": True,
        "needs_key": False,
        "has_key": False,
        "key_source": "none",
        "key_page": "",
        "consented": True,
        "base_url": "",
        "own_address": False,
        "extras": False,
        "capabilities": {
            **dict.fromkeys(("txt2img", "img2img", "inpaint"), True),
            "control": list(CONTROL_TYPES),
            "sizes": {"choices": []},
            **dict.fromkeys(("seed", "negative_prompt", "strength", "steps", "guidance"), True),
        },
        "models": [],
        "model": "",
        "price": "free",
        "price_per_picture": 0.0,
        "privacy": "Nothing leaves this machine.",
        "receives": "nobody",
        "quality": guide.local_quality(machine),
        "speed": guide.local_speed(machine),
        "caps": {"per_job": None, "per_day": None},
        "spent_today": 0.0,
        "checked": "",
        "verified": "Tested with every release.",
    }


def _remote(remotes: Remotes, terms: Terms) -> dict[str, Any]:
    service = terms.service
    _, source = remotes.key(terms)
    return {
        "id": service.id,
        "title": service.title,
        "kind": "remote",
        "configured": _configured(remotes, terms),
        "needs_key": service.needs_key,
        "has_key": source != "none",
        "key_source": source,
        "key_page": service.key_page,
        "consented": terms.consented,
        "base_url": terms.base_url,
        "own_address": service.own_address,
        "extras": terms.extras,
        "capabilities": _capabilities(terms),
        "models": list(service.models),
        "model": terms.model,
        "price": terms.price_text,
        "price_per_picture": terms.price,
        "privacy": service.privacy,
        "receives": f"{service.receives} ({terms.place})",
        "quality": service.quality,
        "speed": service.speed,
        "caps": terms.caps.model_dump(),
        "spent_today": remotes.spending.today(service.id),
        "checked": service.checked,
        "verified": service.verified,
    }


def _configured(remotes: Remotes, terms: Terms) -> bool:
    return terms.consented and (not terms.service.needs_key or bool(remotes.key(terms)[0]))


def _capabilities(terms: Terms) -> dict[str, Any]:
    able = terms.capabilities
    names = ("txt2img", "img2img", "inpaint", "seed", "negative_prompt", "strength", "steps")
    told = {name: getattr(able, name) for name in (*names, "guidance")}
    return told | {"control": sorted(able.control), "sizes": _sizes(terms.sizes)}


def _sizes(sizes: Sizes) -> dict[str, Any]:
    if sizes.choices:
        return {"choices": list(sizes.choices)}
    return {"choices": [], **sizes.model_dump(exclude={"choices"})}
