"""What the values of options mean together: presets and numbers, and what the protocol takes."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

import choices
from choices import Choice
from options.serving import LOCAL


def service_of(values: Dict[str, Any]) -> str:
    """The service that the job goes to; empty for the server's own machine."""
    backend = values.get("backend", "").strip()
    return "" if backend == LOCAL else backend


def _meaning(table: Tuple[Choice, ...], nick: str) -> Any:
    return next(choice.value for choice in table if choice.nick == nick)


def strength_of(values: Dict[str, Any]) -> float:
    """The strength that counts, from option values by name."""
    preset = values.get("strength-preset", choices.CUSTOM)
    if preset == choices.CUSTOM:
        return float(values["strength"])
    return float(_meaning(choices.STRENGTH_PRESETS, preset))


def steps_of(values: Dict[str, Any]) -> Optional[int]:
    """The steps that count; None for the model's default."""
    preset = values.get("steps-preset", choices.CUSTOM)
    steps = values["steps"] if preset == choices.CUSTOM else _meaning(choices.STEPS_PRESETS, preset)
    return int(steps) or None


def mask_options_of(values: Dict[str, Any]) -> Dict[str, Any]:
    """What the server has to add to the mask, in px; empty for nothing."""
    if values.get("exact-edge"):
        return {}
    if values.get("auto-edge"):
        blend = int(values.get("blend", 0))
        return {"auto": True, **({"blend": blend} if blend else {})}
    found = {name: int(values.get(name, 0)) for name in ("grow", "feather", "blend")}
    return {name: amount for name, amount in found.items() if amount}


def intent_of(values: Dict[str, Any]) -> Optional[str]:
    """What a selection is for, in the protocol's words; None for actions without one."""
    return _meaning(choices.INTENTS, values["intent"]) if "intent" in values else None


def alpha_of(values: Dict[str, Any]) -> Optional[str]:
    """Whose transparency the result has; None leaves it to the server."""
    wanted = values.get("alpha", choices.AUTOMATIC)
    if wanted == choices.AUTOMATIC and values.get("mask-source") == choices.TRANSPARENCY:
        return choices.OPAQUE  # or nothing would be seen where something new belongs
    return _meaning(choices.ALPHAS, wanted)


def loras_of(values: Dict[str, Any]) -> List[Dict[str, Any]]:
    """The LoRAs as the protocol has them; the server knows the weight of one that has none. A
    weight that is no number stays a text, which the server refuses in words."""
    found = []
    for text in values["loras"].split(","):
        name, _colon, weight = text.strip().partition(":")
        if name:
            said = {"weight": _number(weight)} if weight.strip() else {}
            found.append({"id": name.strip(), **said})
    return found


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def observed(values: Dict[str, Any]) -> bool:
    """Whether the stages are wanted, as layers or on a sheet."""
    return bool(values.get("observe")) or values.get("contact-sheet") is not None


def sampler_of(values: Dict[str, Any]) -> Optional[str]:
    """The sampler's name in the protocol; None for the model's default."""
    return _meaning(choices.SAMPLERS, values.get("sampler", choices.MODEL_DEFAULT))
