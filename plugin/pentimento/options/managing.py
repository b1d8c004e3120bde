"""What the action Models does, for scripts; its dialog has buttons for it."""

from __future__ import annotations

import choices
from choices import N_
from options.option import BOOLEAN, CHOICE, STRING, Option

MODELS_COMMAND = Option(
    "command",
    CHOICE,
    N_("_Command"),
    N_("What to do"),
    choices.LIST,
    choices=choices.MODEL_COMMANDS,
)
MODEL_NAME = Option(
    "model",
    STRING,
    N_("_Model"),
    N_("For download and remove: the id of the model, as list tells it"),
    "",
)
ACCEPT_LICENCE = Option(
    "accept-licence",
    BOOLEAN,
    N_("_Accept the licence"),
    N_("For download: you have read the licence of the model and agree"),
    False,
    remembered=False,  # asked for each model
)
