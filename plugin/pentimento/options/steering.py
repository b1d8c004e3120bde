"""What steers the result besides the words: control layers and LoRAs; and the maps that Make
Control Layer draws for them."""

from __future__ import annotations

from typing import Tuple

import choices
from choices import N_
from options.option import BOOLEAN, CHOICE, DOUBLE, LAYER, STRING, Option

LOW, HIGH = 100.0, 200.0  # thresholds of canny edges, as ControlNets learned them

CONTROL = Option(
    "control",
    CHOICE,
    N_("Control 1"),
    N_("What the result has to keep to; needs a ControlNet for the model"),
    choices.NO_CONTROL,
    choices=choices.CONTROLS,
    advanced=True,
)
CONTROL_LAYER = Option(
    "control-layer",
    LAYER,
    N_("Control la_yer"),
    N_("The picture that steers; none for the source"),
    None,
    advanced=True,
)
CONTROL_IS_MAP = Option(
    "control-is-map",
    BOOLEAN,
    N_("Layer already is a control ma_p"),
    N_("It is used as it is, light on black; else the map of its picture is drawn first"),
    False,
    advanced=True,
)
CONTROL_WEIGHT = Option(
    "control-weight",
    DOUBLE,
    N_("Control stren_gth"),
    N_("How much it steers; 0 is not at all"),
    1.0,
    0.0,
    2.0,
    advanced=True,
)
CONTROL_START = Option(
    "control-start",
    DOUBLE,
    N_("Active from"),
    N_("Share of the steps after which it begins to steer"),
    0.0,
    0.0,
    1.0,
    advanced=True,
)
CONTROL_END = Option(
    "control-end",
    DOUBLE,
    N_("Active until"),
    N_("Share of the steps after which it no longer steers"),
    1.0,
    0.0,
    1.0,
    advanced=True,
)
CONTROL_LOW = Option(
    "control-low",
    DOUBLE,
    N_("Weak edges from"),
    N_("Weaker edges are kept when connected to a strong one"),
    LOW,
    0.0,
    1000.0,
    advanced=True,
)
CONTROL_HIGH = Option(
    "control-high",
    DOUBLE,
    N_("Strong edges from"),
    N_("Edges as clear as this are kept; higher gives fewer lines"),
    HIGH,
    0.0,
    1000.0,
    advanced=True,
)
SECOND = (
    Option(
        "control-2",
        CHOICE,
        N_("Control 2"),
        N_("A second kind of map that the result has to keep to"),
        choices.NO_CONTROL,
        choices=choices.CONTROLS,
        advanced=True,
    ),
    Option(
        "control-2-layer",
        LAYER,
        N_("Control 2 layer"),
        N_("The picture that steers; none for the source"),
        None,
        advanced=True,
    ),
    Option(
        "control-2-is-map",
        BOOLEAN,
        N_("Layer 2 already is a control map"),
        N_("It is used as it is, light on black; else the map of its picture is drawn first"),
        False,
        advanced=True,
    ),
    Option(
        "control-2-weight",
        DOUBLE,
        N_("Control 2 strength"),
        N_("How much it steers; 0 is not at all"),
        1.0,
        0.0,
        2.0,
        advanced=True,
    ),
)
LORAS = Option(
    "loras",
    STRING,
    N_("L_oRAs"),
    N_("Names on the server with weights, such as blueprint:0.8; commas between several"),
    "",
    advanced=True,
)

FIRST: Tuple[Option, ...] = (
    CONTROL,
    CONTROL_LAYER,
    CONTROL_IS_MAP,
    CONTROL_WEIGHT,
    CONTROL_START,
    CONTROL_END,
    CONTROL_LOW,
    CONTROL_HIGH,
)
CONTROLS = (CONTROL.name, SECOND[0].name)  # each with a layer, "is a map" and a weight of its own
STEERING = (*FIRST, *SECOND, LORAS)

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
