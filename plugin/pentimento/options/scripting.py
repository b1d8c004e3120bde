"""What Models, Batch and Workflow for ComfyUI are told by scripts; the dialog of Models has buttons
for it, and the others have none."""

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

BATCH = (
    Option("folder", STRING, N_("_Folder"), N_("The folder of the pictures"), ""),
    Option(
        "recipe",
        STRING,
        N_("_Recipe"),
        N_("A file with a job in JSON; empty for the job of the selected result layer"),
        "",
    ),
    Option("output", STRING, N_("_Output"), N_("The folder where the results go"), ""),
    Option(
        "masks",
        STRING,
        N_("_Masks"),
        N_("For a selection's job: alpha, red, green, blue, or beside: and the end of their names"),
        "beside:-mask.png",
    ),
    Option("ending", STRING, N_("_Ending"), N_("Of the results: .png, .jpg or .webp"), ".png"),
)

WORKFLOW = (
    Option(
        "file",
        STRING,
        N_("_File"),
        N_("The file to write; empty for one beside the image's, or in the home folder"),
        "",
        remembered=False,
    ),
    Option(
        "api",
        BOOLEAN,
        N_("_API format"),
        N_("What ComfyUI's API takes, in place of what its editor opens"),
        False,
    ),
)
