"""The axes of an X/Y plot."""

from __future__ import annotations

import choices
from choices import N_
from options.option import CHOICE, STRING, Option


def _axis(name: str, label: str, kind: str) -> Option:
    words = N_("What changes along this axis")
    return Option(name, CHOICE, label, words, kind, choices=choices.AXES)


def _values(name: str, label: str, values: str) -> Option:
    words = N_("The values, with commas between them; of a LoRA after its name and a colon")
    return Option(name, STRING, label, words, values)


AXES = (
    _axis("x-axis", N_("_Across"), "strength"),
    _values("x-values", N_("_Values across"), "0.3, 0.5, 0.7"),
    _axis("y-axis", N_("_Down"), "seed"),
    _values("y-values", N_("Va_lues down"), "1, 2, 3"),
)
