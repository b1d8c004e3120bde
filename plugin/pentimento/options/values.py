"""What the values of options mean together: presets and numbers, and what the protocol takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Iterable, List, Mapping, Optional, Tuple

import choices
from choices import Choice
from options.guides import REFERENCES
from options.option import Option
from options.serving import LOCAL
from options.steering import CONTROLS

if TYPE_CHECKING:
    from answers import Lora, MaskOptions
    from option_values import Values


@dataclass(frozen=True)
class ControlValues:
    """What steers, as its options say it; those that the action has not are None. `layer` is None
    where the source itself steers."""

    name: str  # that its options begin with
    kind: str
    layer: Any
    is_map: bool
    weight: float
    start: Optional[float]
    end: Optional[float]
    low: Optional[float]
    high: Optional[float]


@dataclass(frozen=True)
class ReferenceValues:
    """A picture that is read like words. A model that reads it itself takes neither kind nor
    weight."""

    layer: Any
    kind: Optional[str]
    weight: Optional[float]


def defaults_of(options: Iterable[Option]) -> Values:
    found: Any = {option.name: option.default for option in options}
    return found


def controls_of(values: Values) -> List[ControlValues]:
    """The controls that steer; an action without controls has none."""
    every: Mapping[str, Any] = values
    return [
        ControlValues(
            name,
            every[name],
            every[name + "-layer"],
            bool(every[name + "-is-map"]),
            float(every[name + "-weight"]),
            *(every.get(f"{name}-{field}") for field in ("start", "end", "low", "high")),
        )
        for name in CONTROLS
        if every.get(name, choices.NO_CONTROL) != choices.NO_CONTROL
    ]


def references_of(values: Values) -> List[ReferenceValues]:
    """The references that a layer was chosen for."""
    every: Mapping[str, Any] = values
    return [
        ReferenceValues(
            every[name + "-layer"], every.get(name + "-kind"), every.get(name + "-weight")
        )
        for name in REFERENCES
        if every.get(name + "-layer") is not None
    ]


def service_of(values: Values) -> str:
    """The service that the job goes to; empty for the server's own machine."""
    backend = values.get("backend", "").strip()
    return "" if backend == LOCAL else backend


def _meaning(table: Tuple[Choice, ...], nick: str) -> Any:
    return next(choice.value for choice in table if choice.nick == nick)


def strength_of(values: Values) -> float:
    """The strength that counts. What a word is depends on the model: before the values are used
    `strength_words.in_numbers` puts its number in its place."""
    new = values.get("strength-preset", choices.CUSTOM) == choices.NEW
    return 1.0 if new else float(values["strength"])


def steps_of(values: Values) -> Optional[int]:
    """The steps that count; None for the model's default."""
    preset = values.get("steps-preset", choices.CUSTOM)
    steps = values["steps"] if preset == choices.CUSTOM else _meaning(choices.STEPS_PRESETS, preset)
    return int(steps) or None


def mask_options_of(values: Values) -> MaskOptions:
    """What the server has to add to the mask, in px; empty for nothing."""
    if values.get("exact-edge"):
        return {}
    if values.get("auto-edge"):
        blend = int(values.get("blend", 0))
        return {"auto": True, "blend": blend} if blend else {"auto": True}
    every: Mapping[str, Any] = values
    px = {name: int(every.get(name, 0)) for name in ("grow", "feather", "blend")}
    found: Any = {name: amount for name, amount in px.items() if amount}
    return found


def intent_of(values: Values) -> Optional[str]:
    """What a selection is for, in the protocol's words; None for actions without one."""
    return _meaning(choices.INTENTS, values["intent"]) if "intent" in values else None


def filled_by_of(values: Values) -> Optional[str]:
    """What fills a selection in which its surroundings go on; None for actions without one."""
    return _meaning(choices.FILLED_BY, values["filled-by"]) if "filled-by" in values else None


def alpha_of(values: Values) -> Optional[str]:
    """Whose transparency the result has; None leaves it to the server."""
    wanted = values.get("alpha", choices.AUTOMATIC)
    if wanted == choices.AUTOMATIC and values.get("mask-source") == choices.TRANSPARENCY:
        return choices.OPAQUE  # or nothing would be seen where something new belongs
    return _meaning(choices.ALPHAS, wanted)


def loras_of(values: Values) -> List[Lora]:
    """The LoRAs as the protocol has them; the server knows the weight of one that has none. A
    weight that is no number stays a text, which the server refuses in words."""
    found: List[Lora] = []
    for text in values["loras"].split(","):
        name, _colon, weight = text.strip().partition(":")
        if name:
            lora: Lora = {"id": name.strip()}
            if weight.strip():
                lora["weight"] = _number(weight)
            found.append(lora)
    return found


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def observed(values: Values) -> bool:
    """Whether the stages are wanted, as layers or on a sheet."""
    return bool(values.get("observe")) or values.get("contact-sheet") is not None


def sampler_of(values: Values) -> Optional[str]:
    """The sampler's name in the protocol; None for the model's default."""
    return _meaning(choices.SAMPLERS, values.get("sampler", choices.MODEL_DEFAULT))
