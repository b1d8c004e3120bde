"""What an edit by instruction is told: the instruction, and whether it stays within the
selection."""

from __future__ import annotations

import choices
from choices import N_
from options.guides import REFERENCE_2_LAYER, REFERENCE_LAYER
from options.option import BOOLEAN, CHOICE, LAYER, STRING, TEXT, Option
from options.painting import MODEL

INSTRUCTION = Option(
    "prompt", TEXT, N_("_Instruction"), N_("What to change, such as “make it winter”"), ""
)
BACKGROUND = Option(
    "prompt",
    TEXT,
    N_("_Background"),
    N_("What is to be behind the subject, such as “a beach at sunset”"),
    "",
)
ONLY_SELECTION = Option(
    "only-selection",
    BOOLEAN,
    N_("O_nly within the selection"),
    N_("What lies outside stays as it is; without a selection all of the source is edited"),
    True,
)
ONLY_CHANGES = Option(
    "only-changes",
    BOOLEAN,
    N_("_Keep what the edit does not change"),
    N_("Shift, zoom and tint that the model brings along are undone, and only what differs is new"),
    True,
)
FIT_LIGHT = Option(
    "fit-light",
    BOOLEAN,
    N_("_Fit the subject's light"),
    N_("A further layer brings light and color of the subject towards the new background's"),
    False,
)
EDITOR = Option(
    "model",
    STRING,
    MODEL.label,
    N_("Which model, by its name on the server; empty for the first that can edit"),
    "",
)

WAY = Option(
    "way",
    CHOICE,
    N_("_Way"),
    N_("Where light, color and shadow come from"),
    choices.AUTOMATIC,
    choices=choices.WAYS,
)
HARMONY_WORDS = Option(
    "prompt",
    TEXT,
    N_("_Instruction"),
    N_("What a model is told, such as “evening light from the left”; empty for harmony alone"),
    "",
)


def _read_along(layer: Option) -> Option:
    """The model itself reads such a layer, in full and without an adapter."""
    blurb = N_("A further picture that the instruction may speak of")
    return Option(layer.name, LAYER, layer.label, blurb, None, advanced=True)


READ_ALONG = (_read_along(REFERENCE_LAYER), _read_along(REFERENCE_2_LAYER))
