"""The mask and its edge."""

from __future__ import annotations

import choices
from choices import N_
from options.option import BOOLEAN, CHANNEL, CHOICE, INT, Option

GROW = Option(
    "grow",
    INT,
    N_("_Grow"),
    N_("Pixels that the area is grown by; negative shrinks it"),
    0,
    -1024,
    1024,
    advanced=True,
)
FEATHER = Option(
    "feather",
    INT,
    N_("_Feather"),
    N_("Pixels over which the edge is softened, inward and outward"),
    0,
    0,
    1024,
    advanced=True,
)
BLEND = Option(
    "blend",
    INT,
    N_("_Blend into surroundings"),
    N_("Pixels of a soft band around the area"),
    0,
    0,
    1024,
    advanced=True,
)
AUTO_EDGE = Option(
    "auto-edge",
    BOOLEAN,
    N_("A_utomatic edge"),
    N_("Fades out beyond the selection, as wide as its size and the strength ask for"),
    False,
    advanced=True,
)
INTENT = Option(
    "intent",
    CHOICE,
    N_("P_urpose"),
    N_("What the selection is for; says what the model begins with at strength 1"),
    choices.AUTOMATIC,
    choices=choices.INTENTS,
)
FILLED_BY = Option(
    "filled-by",
    CHOICE,
    N_("Filled b_y"),
    N_("What a selection is filled by from which something is removed, or without a prompt"),
    choices.AUTOMATIC,
    choices=choices.FILLED_BY,
)
CONTEXT = Option(
    "context",
    CHOICE,
    N_("Sees aroun_d it"),
    N_("How much of the picture around the selection the model sees"),
    choices.AUTOMATIC,
    choices=choices.CONTEXTS,
)
EXACT_EDGE = Option(
    "exact-edge",
    BOOLEAN,
    N_("Use the selection e_xactly"),
    N_("Turns off all other settings of the edge"),
    False,
    advanced=True,
)
MASK_SOURCE = Option(
    "mask-source",
    CHOICE,
    N_("A_rea"),
    N_("Which area to repaint"),
    choices.SELECTION,
    choices=choices.MASK_SOURCES,
)
MASK_CHANNEL = Option("mask-channel", CHANNEL, N_("C_hannel"), N_("Which saved selection"), None)
COLOR_MATCH = Option(
    "color-match",
    BOOLEAN,
    N_("Match co_lors"),
    N_("Takes a color cast off the result, as measured just outside the area"),
    True,
    advanced=True,
)
