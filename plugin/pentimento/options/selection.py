"""The mask and its edge."""

from __future__ import annotations

import choices
from choices import N_
from options.option import BOOLEAN, CHANNEL, CHOICE, INT, Option

GROW = Option(
    "grow",
    INT,
    N_("E_xpand selection"),
    N_("Pixels that the server grows the mask by; negative shrinks it"),
    0,
    -1024,
    1024,
    advanced=True,
)
FEATHER = Option(
    "feather",
    INT,
    N_("_Feather selection"),
    N_("Pixels over which the server softens the mask's edge, inward and outward"),
    0,
    0,
    1024,
    advanced=True,
)
BLEND = Option(
    "blend",
    INT,
    N_("Blend outsi_de"),
    N_("Pixels of a soft band that the server adds outside the mask"),
    0,
    0,
    1024,
    advanced=True,
)
EXACT_EDGE = Option(
    "exact-edge",
    BOOLEAN,
    N_("E_xact edge"),
    N_("The mask is the selection's own values and nothing else; the three above do not count"),
    False,
    advanced=True,
)
MASK_SOURCE = Option(
    "mask-source",
    CHOICE,
    N_("Mas_k from"),
    N_("What says where something new belongs"),
    choices.SELECTION,
    choices=choices.MASK_SOURCES,
)
MASK_CHANNEL = Option(
    "mask-channel", CHANNEL, N_("C_hannel"), N_("For the mask source channel"), None
)
COLOR_MATCH = Option(
    "color-match",
    BOOLEAN,
    N_("Match co_lors"),
    N_("Takes a color cast off the result, as measured just outside the mask"),
    True,
    advanced=True,
)
