"""Every argument of the actions, as data. With procedures.py it drives the PDB arguments
(pentimento.py), the dialogs (dialogs/) and the job sent to the server (wire.py). Nothing here needs
GIMP.

Texts are marked with N_ for the translators and translated where they are shown.

Presets and numbers go together like this: a preset other than "custom" wins over the number beside
it; "custom" (the default, so that a script may give just the number) means the number counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

import choices
from choices import N_, Choice

# Kinds of options and how pentimento.py declares them in the PDB.
STRING, TEXT, DOUBLE, INT, UINT, CHOICE, BOOLEAN, CHANNEL, LAYER = (
    "string",
    "text",  # a string of several lines
    "double",
    "int",
    "uint",
    "choice",
    "boolean",
    "channel",  # a channel of the image, or none
    "layer",  # a layer of the image, or none
)


@dataclass(frozen=True)
class Option:
    """One argument. `minimum` and `maximum` hold for numbers, `choices` for choices. `advanced`
    options belong under "More options" in a dialog. `secret` ones are never written to disk by
    GIMP's "last values"."""

    name: str
    kind: str
    label: str
    blurb: str
    default: Any
    minimum: Optional[float] = None
    maximum: Optional[float] = None
    choices: Tuple[Choice, ...] = ()
    advanced: bool = False
    secret: bool = False


PROMPT = Option("prompt", TEXT, N_("_Prompt"), N_("What the picture should show; may be empty"), "")
NEGATIVE_PROMPT = Option(
    "negative-prompt", TEXT, N_("_Negative prompt"), N_("What the picture should not show"), ""
)
STRENGTH_PRESET = Option(
    "strength-preset",
    CHOICE,
    N_("Ho_w much to change"),
    N_("How far the result may go from the source; wins over the strength unless custom"),
    choices.CUSTOM,
    choices=choices.STRENGTH_PRESETS,
)
STRENGTH = Option(
    "strength",
    DOUBLE,
    N_("S_trength"),
    N_("0 keeps the source as it is, 1 ignores it; counts when the preset is custom"),
    0.5,
    0.0,
    1.0,
)
FILL_STRENGTH = Option("strength", DOUBLE, STRENGTH.label, STRENGTH.blurb, 1.0, 0.0, 1.0)
STEPS_PRESET = Option(
    "steps-preset",
    CHOICE,
    N_("_Quality"),
    N_("How many denoising steps; wins over the steps unless custom"),
    choices.CUSTOM,
    choices=choices.STEPS_PRESETS,
)
STEPS = Option(
    "steps",
    INT,
    N_("St_eps"),
    N_("Denoising steps, 0 for the model's default; counts when the preset is custom"),
    0,
    0,
    200,
    advanced=True,
)
GUIDANCE = Option(
    "guidance",
    DOUBLE,
    N_("Gu_idance"),
    N_("How strictly to follow the prompt, 0 for the model's default"),
    0.0,
    0.0,
    50.0,
    advanced=True,
)
SAMPLER = Option(
    "sampler",
    CHOICE,
    N_("Sa_mpler"),
    N_("The method that removes the noise"),
    choices.MODEL_DEFAULT,
    choices=choices.SAMPLERS,
    advanced=True,
)
MODEL = Option(
    "model",
    STRING,
    N_("Mo_del"),
    N_("Which model, by its name on the server; empty for the server's default"),
    "",
    advanced=True,
)
RANDOM_SEED = Option(
    "random-seed",
    BOOLEAN,
    N_("R_andom seed"),
    N_("A new seed for every run; the layer's name tells which it was"),
    True,
)
SEED = Option(
    "seed",
    UINT,
    N_("Seed _value"),
    N_("The same seed gives the same picture; counts when random seed is off"),
    0,
    0,
    2**32 - 1,
)
COUNT = Option(
    "count", INT, N_("Num_ber of pictures"), N_("Each becomes a layer of its own"), 1, 1, 16
)
SOURCE = Option(
    "source",
    CHOICE,
    N_("So_urce"),
    N_("What the work starts from"),
    choices.LAYER,
    choices=choices.SOURCES,
)
FILL_SOURCE = Option(
    "source", CHOICE, SOURCE.label, SOURCE.blurb, choices.VISIBLE, choices=choices.SOURCES
)
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
ALPHA = Option(
    "alpha",
    CHOICE,
    N_("Trans_parency"),
    N_("Whose transparency the result has"),
    choices.AUTOMATIC,
    choices=choices.ALPHAS,
    advanced=True,
)
TRANSPARENT_FILL = Option(
    "transparent-fill",
    CHOICE,
    N_("Under transparenc_y"),
    N_("What the model sees where the source is transparent"),
    choices.SURROUNDINGS,
    choices=choices.TRANSPARENT_FILLS,
    advanced=True,
)
CONVERT = Option(
    "convert",
    CHOICE,
    N_("Con_vert first"),
    N_("What to do with the image before the result is added, in the same undo step"),
    choices.KEEP,
    choices=choices.CONVERSIONS,
    advanced=True,
)
MARK_DIGITAL_SOURCE = Option(
    "mark-digital-source",
    BOOLEAN,
    N_("Mark as made wit_h AI in the metadata"),
    N_(
        "Adds the IPTC digital source type “composite with trained algorithmic media” to the "
        "image's XMP metadata, which GIMP exports when “Save XMP” is on; all other metadata "
        "stays as it is"
    ),
    False,
    advanced=True,
)
WIDTH = Option(
    "width", INT, N_("_Width"), N_("In pixels, 0 for the model's native size"), 0, 0, 65535
)
HEIGHT = Option(
    "height", INT, N_("Heigh_t"), N_("In pixels, 0 for the model's native size"), 0, 0, 65535
)
TARGET = Option(
    "target",
    CHOICE,
    N_("P_ut the result into"),
    N_("With no image open it is always a new image"),
    choices.NEW_LAYER,
    choices=choices.TARGETS,
)
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
SERVER_COMMAND = Option(
    "command",
    CHOICE,
    N_("_Command"),
    N_("What to do"),
    choices.STATUS,
    choices=choices.SERVER_COMMANDS,
)
URL = Option(
    "url",
    STRING,
    N_("_Address"),
    N_("For the command set: http://host:port; empty to find the server on this machine"),
    "",
)
TOKEN = Option(
    "token",
    STRING,
    N_("_Token"),
    N_("For the command set: the token of the server; empty to read it from the server's folder"),
    "",
    secret=True,
)

SAMPLING = (STEPS_PRESET, STEPS, GUIDANCE, SAMPLER, MODEL)
SEEDS = (RANDOM_SEED, SEED, COUNT)
STEERING = (CONTROL, CONTROL_LAYER, CONTROL_IS_MAP, CONTROL_WEIGHT, LORAS)
PLACE = (TARGET, CONVERT, MARK_DIGITAL_SOURCE)


def _meaning(table: Tuple[Choice, ...], nick: str) -> Any:
    return next(choice.value for choice in table if choice.nick == nick)


def strength_of(values: Dict[str, Any]) -> float:
    """The strength that counts, from option values by name."""
    preset = values.get("strength-preset", choices.CUSTOM)
    if preset == choices.CUSTOM:
        return float(values["strength"])
    return float(_meaning(choices.STRENGTH_PRESETS, preset))


def steps_of(values: Dict[str, Any]) -> Optional[int]:
    """The steps that count; None for the model's default."""
    preset = values.get("steps-preset", choices.CUSTOM)
    steps = values["steps"] if preset == choices.CUSTOM else _meaning(choices.STEPS_PRESETS, preset)
    return int(steps) or None


def mask_options_of(values: Dict[str, Any]) -> Dict[str, int]:
    """What the server has to add to the mask, in px; empty for nothing."""
    if values.get("exact-edge"):
        return {}
    found = {name: int(values.get(name, 0)) for name in ("grow", "feather", "blend")}
    return {name: amount for name, amount in found.items() if amount}


def alpha_of(values: Dict[str, Any]) -> Optional[str]:
    """Whose transparency the result has; None leaves it to the server."""
    wanted = values.get("alpha", choices.AUTOMATIC)
    if wanted == choices.AUTOMATIC and values.get("mask-source") == choices.TRANSPARENCY:
        return choices.OPAQUE  # or nothing would be seen where something new belongs
    return _meaning(choices.ALPHAS, wanted)


def loras_of(values: Dict[str, Any]) -> List[Dict[str, Any]]:
    """The LoRAs as the protocol has them. A weight that is no number stays a text, which the server
    refuses in words."""
    found = []
    for text in values["loras"].split(","):
        name, _colon, weight = text.strip().partition(":")
        if name:
            found.append({"id": name.strip(), "weight": _number(weight)})
    return found


def _number(text: str) -> Any:
    try:
        return float(text) if text.strip() else 1.0
    except ValueError:
        return text


def sampler_of(values: Dict[str, Any]) -> Optional[str]:
    """The sampler's name in the protocol; None for the model's default."""
    return _meaning(choices.SAMPLERS, values["sampler"])
