"""What the words for strengths (choices.STRENGTH_PRESETS) are as numbers: the server tells it for
each model, for the same number leaves much of a picture with one and little with another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Mapping, Optional, Tuple

import choices

if TYPE_CHECKING:
    from answers import Lists, ModelEntry
    from option_values import Values

Strengths = Mapping[str, float]  # by the protocol's word; empty where no model tells any
CHANGED_BY = ("", "model", "style", "backend")  # options; "" for what the server has


def of_model(lists: Lists, values: Values) -> Strengths:
    """Of the model that counts for these values: the one that is named, else the style's, else the
    server's own choice. A service tells nothing."""
    if values.get("backend", "").strip() not in ("", "local"):
        return {}
    wanted = values.get("model", "").strip() or _of_style(lists, values.get("style", "").strip())
    found = _model(lists, wanted)
    return found["strengths"] if found is not None else {}


def marks(strengths: Strengths) -> Tuple[choices.Choice, ...]:
    """The words that stand for a number, in their order, each with the model's."""
    return tuple(
        replace(choice, value=strengths.get(choice.nick.replace("-", "_"), choice.value))
        for choice in choices.STRENGTH_PRESETS
        if choice.value is not None
    )


def number(nick: str, strengths: Strengths) -> Optional[float]:
    """What a word is; None for “custom”, which is whatever is said beside it."""
    return next((float(mark.value) for mark in marks(strengths) if mark.nick == nick), None)


def word_at(strength: float, strengths: Strengths) -> str:
    """The word that lies at a strength, “custom” between them."""
    at = (mark.nick for mark in marks(strengths) if abs(mark.value - strength) < 1e-6)
    return next(at, choices.CUSTOM)


def depends_on_model(values: Values) -> bool:
    """Whether the strength is said in a word that only the server can tell the number of. Noise
    alone is the same with all models."""
    return values.get("strength-preset", choices.CUSTOM) not in (choices.CUSTOM, choices.NEW)


def in_numbers(values: Values, strengths: Strengths) -> Values:
    """The values with the number of the word in place of it."""
    strength = number(values.get("strength-preset", choices.CUSTOM), strengths)
    if strength is None:
        return values
    return {**values, "strength": strength, "strength-preset": choices.CUSTOM}


def _of_style(lists: Lists, name: str) -> str:
    styles = (style for style in lists["styles"] if name and style["name"] == name)
    return next((style["model"] or "" for style in styles), "")


def _model(lists: Lists, wanted: str) -> Optional[ModelEntry]:
    models = (model for model in lists["models"] if model.get("ok", True))
    if wanted:
        return next((model for model in models if model["id"] == wanted), None)
    return next((model for model in models if model.get("default")), None)
