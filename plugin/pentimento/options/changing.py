"""What Change Result can change. By its default each of them leaves the result as it was."""

from __future__ import annotations

from dataclasses import replace

from choices import N_
from options.option import DOUBLE, UINT, Option
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
