"""What is tried of a result that is there: what Change Result can change, by its default nothing,
and the axes of an X/Y plot."""

from __future__ import annotations

from dataclasses import replace

import choices
from choices import N_
from options.option import CHOICE, DOUBLE, STRING, UINT, Option
from options.painting import (
    GUIDANCE,
    MODEL,
    NEGATIVE_PROMPT,
    PROMPT,
    RANDOM_SEED,
    SAMPLER,
    SEED,
    STEPS,
    STRENGTH,
    STYLE,
    VAE,
)
from options.steering import LORAS

AS_IT_WAS = -1.0  # a strength that is none

CHANGED_STRENGTH = Option(
    "strength",
    DOUBLE,
    STRENGTH.label,
    N_("How far the result may go from the source, 0 to 1; -1 for as far as it went"),
    AS_IT_WAS,
    AS_IT_WAS,
    1.0,
)
CHANGED_SEED = Option(
    "seed",
    UINT,
    SEED.label,
    N_("The same seed gives the same picture; 0 for the one that it was made with"),
    0,
    0,
    2**32 - 1,
)
NEW_SEED = replace(
    RANDOM_SEED, default=False, blurb=N_("Another seed than the one that it was made with")
)

CHANGES = tuple(
    replace(option, remembered=False)
    for option in (
        PROMPT,
        NEGATIVE_PROMPT,
        CHANGED_STRENGTH,
        STYLE,
        STEPS,
        GUIDANCE,
        SAMPLER,
        MODEL,
        VAE,
        LORAS,
        NEW_SEED,
        CHANGED_SEED,
    )
)


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
