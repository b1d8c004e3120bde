"""What Make Control Layer draws."""

from __future__ import annotations

import choices
from choices import N_
from options.option import CHOICE, DOUBLE, Option
from options.steering import HIGH, LOW

MAP = Option(
    "map",
    CHOICE,
    N_("_Type"),
    N_("What is drawn from the source"),
    choices.MAPS[0].nick,
    choices=choices.MAPS,
)
MAP_LOW = Option(
    "low",
    DOUBLE,
    N_("_Weak edges from"),
    N_("Weaker edges are kept when connected to a strong one"),
    LOW,
    0.0,
    1000.0,
)
MAP_HIGH = Option(
    "high",
    DOUBLE,
    N_("_Strong edges from"),
    N_("Edges as clear as this are kept; higher gives fewer lines"),
    HIGH,
    0.0,
    1000.0,
)
