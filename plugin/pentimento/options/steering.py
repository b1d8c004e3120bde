"""What steers the result besides the words: control layers and LoRAs."""

from __future__ import annotations

import choices
from choices import N_
from options.option import BOOLEAN, CHOICE, DOUBLE, LAYER, STRING, Option

CONTROL = Option(
    "control",
    CHOICE,
    N_("Stee_r by"),
    N_("What the result has to keep to; needs a ControlNet for the model"),
    choices.NO_CONTROL,
    choices=choices.CONTROLS,
    advanced=True,
)
CONTROL_LAYER = Option(
    "control-layer",
    LAYER,
    N_("Control la_yer"),
    N_("The picture that steers; none for the source itself"),
    None,
    advanced=True,
)
CONTROL_IS_MAP = Option(
    "control-is-map",
    BOOLEAN,
    N_("The layer is a ma_p already"),
    N_("It is used as it is, light on black; else the edges of its picture are drawn first"),
    False,
    advanced=True,
)
CONTROL_WEIGHT = Option(
    "control-weight",
    DOUBLE,
    N_("Control wei_ght"),
    N_("How much it steers; 0 is not at all"),
    1.0,
    0.0,
    2.0,
    advanced=True,
)
LORAS = Option(
    "loras",
    STRING,
    N_("L_oRAs"),
    N_("Names on the server with weights, such as blueprint:0.8; commas between several"),
    "",
    advanced=True,
)

STEERING = (CONTROL, CONTROL_LAYER, CONTROL_IS_MAP, CONTROL_WEIGHT, LORAS)
