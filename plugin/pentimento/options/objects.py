"""What Select Object and Cut Out Subject are told: where the object is, and what becomes of it."""

from __future__ import annotations

import choices
from choices import N_
from options.option import CHOICE, STRING, Option

POINTS = Option(
    "points",
    STRING,
    N_("Places _on it"),
    N_("Places on the object, in pixels of the image: X,Y X,Y"),
    "",
    remembered=False,
)
WITHOUT = Option(
    "without",
    STRING,
    N_("Places _beside it"),
    N_("Places that do not belong to the object: X,Y X,Y"),
    "",
    remembered=False,
)
BOX = Option(
    "box",
    STRING,
    N_("Bo_x around it"),
    N_("A box around the object, in pixels of the image: X,Y,WIDTH,HEIGHT"),
    "",
    remembered=False,
)
OUTPUT = Option(
    "output",
    CHOICE,
    N_("_Result"),
    N_("What becomes of the object"),
    choices.SELECTION,
    choices=choices.OUTPUTS,
)
OPERATION = Option(
    "operation",
    CHOICE,
    N_("_Mode"),
    N_("How the object changes the selection that is there"),
    choices.REPLACE,
    choices=choices.OPERATIONS,
)
