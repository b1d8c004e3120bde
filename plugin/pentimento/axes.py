"""The two axes of an X/Y plot: what is varied along them, as a person writes it. Nothing here needs
GIMP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, List

import choices
from errors import NotPossible
from i18n import _

if TYPE_CHECKING:
    from answers import JobRequest, Lora

MOST = 8  # values along one axis
STRENGTH, GUIDANCE, STEPS, SEED = "strength", "guidance", "steps", "seed"
SAMPLER, MODEL, LORA = "sampler", "model", "lora"
WORDS = {choice.nick: choice.label for choice in choices.AXES}


@dataclass(frozen=True)
class AxisValue:
    """One value of an axis: `label` names it, `fields` are the job's then."""

    label: str
    change: Callable[[JobRequest], JobRequest]


def points(kind: str, text: str) -> List[AxisValue]:
    """The values that a text lists. Raises NotPossible for one that cannot be read."""
    name = ""
    if kind == LORA:
        name, _colon, text = text.partition(":")
        if not name.strip():
            raise _unreadable(kind, text)
    values = [part.strip() for part in text.split(",") if part.strip()]
    if not 1 <= len(values) <= MOST:
        raise NotPossible(
            _("An axis takes 1 to {n} values, with commas between them.").format(n=MOST),
            _(next(choice.blurb for choice in choices.AXES if choice.nick == kind)),
            "bad_axis",
        )
    return [_point(kind, value, name.strip()) for value in values]


def applied(request: JobRequest, chosen: List[AxisValue]) -> JobRequest:
    """The request with the values of its place on the axes."""
    for point in chosen:
        request = {**request, **point.change(request)}
    return request


def _point(kind: str, value: str, lora: str) -> AxisValue:
    title = _(WORDS[kind])
    if kind == SAMPLER:
        found = _sampler(value)
        return AxisValue(found, lambda _request: {"sampler": found})
    if kind == MODEL:
        return AxisValue(value, lambda _request: {"model": value})
    if kind == LORA:
        weight = _number(kind, value, -4, 4)
        return AxisValue(
            f"{lora} {weight:g}", lambda request: {"loras": _weighted(request, lora, weight)}
        )
    whole = kind in (STEPS, SEED)
    least, most = {
        STRENGTH: (0, 1),
        GUIDANCE: (0, 50),
        STEPS: (1, 200),
        SEED: (0, 2**53 - 1),
    }[kind]
    number = _number(kind, value, least, most, whole)
    return AxisValue(
        f"{title} {number:g}" if not whole else f"{title} {number}", _setter(kind, number)
    )


def _setter(kind: str, number: Any) -> Callable[[JobRequest], JobRequest]:
    fields: Any = {kind: number}
    return lambda _request: fields


def _weighted(request: JobRequest, name: str, weight: float) -> List[Lora]:
    """The LoRAs of the job with this one at that weight, in its place or after the others."""
    loras = list(request.get("loras") or ())
    entry: Lora = {"id": name, "weight": weight}
    if name in [one["id"] for one in loras]:
        return [entry if one["id"] == name else one for one in loras]
    return [*loras, entry]


def _sampler(text: str) -> str:
    for choice in choices.SAMPLERS:
        if choice.value and text.casefold() in (choice.value.casefold(), choice.nick.casefold()):
            return str(choice.value)
    raise NotPossible(
        _("There is no sampler “{name}”.").format(name=text),
        ", ".join(choice.value for choice in choices.SAMPLERS if choice.value),
        "bad_axis",
    )


def _number(kind: str, text: str, least: float, most: float, whole: bool = False) -> Any:
    try:
        number = int(text) if whole else float(text)
    except ValueError:
        raise _unreadable(kind, text) from None
    if not least <= number <= most:
        raise _unreadable(kind, text)
    return number


def _unreadable(kind: str, text: str) -> NotPossible:
    return NotPossible(
        _("“{text}” is no value for {axis}.").format(text=text.strip(), axis=_(WORDS[kind])),
        _(next(choice.blurb for choice in choices.AXES if choice.nick == kind)),
        "bad_axis",
    )
