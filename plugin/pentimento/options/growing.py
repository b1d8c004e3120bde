"""How a picture is enlarged, and how its canvas grows."""

from __future__ import annotations

import choices
from choices import N_
from options.option import CHOICE, DOUBLE, INT, STRING, TEXT, Option

MOST_PX = 65_535.0

SCALE = Option(
    "scale", DOUBLE, N_("Sca_le"), N_("How many times as large the picture gets"), 2.0, 1.0, 8.0
)
UPSCALER = Option(
    "upscaler",
    STRING,
    N_("_Method"),
    N_("Which upscaler, by its name on the server; “plain” makes up nothing; empty for the best"),
    "",
)
DETAIL = Option(
    "detail",
    DOUBLE,
    N_("_Detail"),
    N_("How much detail a model paints over the enlarged picture: 0 for none, 1 for much"),
    0.0,
    0.0,
    1.0,
)
FAITHFULNESS = Option(
    "faithfulness",
    DOUBLE,
    N_("Fait_hfulness"),
    N_("How much of the picture's own shapes and colors stays under the painted detail"),
    0.5,
    0.0,
    1.0,
)
SHOWS = Option(
    "prompt", TEXT, N_("_Prompt"), N_("What the picture shows, for the detail; may be empty"), ""
)
PAINTER = Option(
    "model",
    STRING,
    N_("Mo_del"),
    N_("Which model paints the detail, by its name on the server; empty for the default"),
    "",
)
PAINTED_DETAIL = (DETAIL, FAITHFULNESS, SHOWS, PAINTER)
ENLARGED = Option(
    "enlarged",
    CHOICE,
    N_("Res_ult"),
    N_("Where the enlarged picture goes"),
    choices.NEW_IMAGE,
    choices=choices.ENLARGED,
)
WHOLE_SOURCE = Option(
    "source",
    CHOICE,
    N_("Fro_m"),
    N_("Which pixels to start from"),
    choices.VISIBLE,
    choices=choices.SOURCES,
)
GROWS_BY = Option(
    "grow-by",
    CHOICE,
    N_("_Grow"),
    N_("What says how far the canvas grows"),
    choices.BY_PERCENT,
    choices=choices.GROWS_BY,
)


def _side(name: str, label: str) -> Option:
    return Option(name, DOUBLE, label, N_("How much the canvas grows there"), 0.0, 0.0, MOST_PX)


LEFT, TOP = _side("left", N_("Le_ft")), _side("top", N_("_Top"))
RIGHT, BOTTOM = _side("right", N_("_Right")), _side("bottom", N_("_Bottom"))
ASPECT = Option(
    "aspect",
    STRING,
    N_("Aspect rat_io"),
    N_("Width and height to grow to, such as 16:9; counts when growing to an aspect ratio"),
    "16:9",
)
BAND = Option(
    "feather",
    INT,
    N_("Fade o_ver"),
    N_("How many px the new part fades out over the old picture; 0 for not at all"),
    16,
    0,
    1024,
)
SIDES = (GROWS_BY, LEFT, TOP, RIGHT, BOTTOM, ASPECT, BAND)
