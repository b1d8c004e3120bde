"""Every argument of every action, as data. One table drives the PDB arguments (pentimento.py), the
dialogs (dialogs/) and the job sent to the server (wire.py). Nothing here needs GIMP.

Texts are marked with N_ for the translators and translated where they are shown.

Presets and numbers go together like this: a preset other than "custom" wins over the number beside
it; "custom" (the default, so that a script may give just the number) means the number counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple


def N_(text: str) -> str:
    """Marks a text for translation without translating it yet."""
    return text


MENU = "<Image>/Filters/Pentimento"

# Kinds of options and how pentimento.py declares them in the PDB.
STRING, TEXT, DOUBLE, INT, UINT, CHOICE, BOOLEAN = (
    "string",
    "text",  # a string of several lines
    "double",
    "int",
    "uint",
    "choice",
    "boolean",
)


@dataclass(frozen=True)
class Choice:
    """One value of a choice option: `nick` is what scripts write, `value` what it stands for."""

    nick: str
    label: str
    blurb: str = ""
    value: Any = None


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


@dataclass(frozen=True)
class Action:
    """One procedure. `key` names the files actions/<key>.py and dialogs/<key>.py. `returns` lists
    (kind, name, label, blurb) with the kinds layer, layers, image and text."""

    key: str
    procedure: str
    label: str
    title: str
    menus: Tuple[str, ...]
    blurb: str
    help: str
    options: Tuple[Option, ...]
    returns: Tuple[Tuple[str, str, str, str], ...]
    needs_image: bool = True
    image_types: str = "*"


CUSTOM = "custom"
MODEL_DEFAULT = "model-default"

STRENGTH_PRESETS = (
    Choice(
        "touch-up",
        N_("Touch up"),
        N_("Keeps the structure, refreshes the surface (strength 0.2)"),
        0.2,
    ),
    Choice(
        "restyle",
        N_("Restyle"),
        N_("Keeps the composition, changes look and detail (strength 0.5)"),
        0.5,
    ),
    Choice("repaint", N_("Repaint"), N_("Rebuilds the content, keeps the rough layout (0.8)"), 0.8),
    Choice("new", N_("New"), N_("Ignores what was there: the same as text to image (1.0)"), 1.0),
    Choice(CUSTOM, N_("Custom"), N_("The strength given as a number")),
)

STEPS_PRESETS = (
    Choice("preview", N_("Preview"), N_("Quick look (12 steps)"), 12),
    Choice("balanced", N_("Balanced"), N_("Good for most work (24 steps)"), 24),
    Choice("best", N_("Best"), N_("Most careful (45 steps)"), 45),
    Choice(MODEL_DEFAULT, N_("Model default"), N_("What the model's makers advise"), 0),
    Choice(CUSTOM, N_("Custom"), N_("The steps given as a number")),
)

SAMPLERS = (
    Choice(MODEL_DEFAULT, N_("Model default"), N_("What the model's makers advise"), None),
    Choice("euler", "Euler", "", "Euler"),
    Choice("euler-a", "Euler a", "", "Euler a"),
    Choice("dpmpp-2m-karras", "DPM++ 2M Karras", "", "DPM++ 2M Karras"),
    Choice("ddim", "DDIM", "", "DDIM"),
    Choice("unipc", "UniPC", "", "UniPC"),
    Choice("lcm", "LCM", "", "LCM"),
)

LAYER, SELECTED_LAYERS, VISIBLE = "layer", "selected-layers", "visible"

SOURCES = (
    Choice(
        LAYER,
        N_("Selected layer"),
        N_(
            "The layer's own pixels, without its mask and opacity; several selected layers count "
            "as they are seen together"
        ),
    ),
    Choice(
        SELECTED_LAYERS,
        N_("Selected layers as seen"),
        N_("The selected layers as they look together, with masks, opacity and modes"),
    ),
    Choice(VISIBLE, N_("Visible canvas"), N_("Everything that is seen")),
)

NEW_LAYER, NEW_IMAGE = "layer", "image"

TARGETS = (
    Choice(NEW_LAYER, N_("New layer"), N_("A new layer in this image")),
    Choice(NEW_IMAGE, N_("New image"), N_("An image of its own")),
)

STATUS, START, STOP, SET = "status", "start", "stop", "set"

SERVER_COMMANDS = (
    Choice(STATUS, N_("Status"), N_("Tell whether and where the server runs")),
    Choice(START, N_("Start"), N_("Start the server if it is not running")),
    Choice(STOP, N_("Stop"), N_("End the server")),
    Choice(SET, N_("Set address"), N_("Keep the given address and token for all actions")),
)

PROMPT = Option("prompt", TEXT, N_("_Prompt"), N_("What the picture should show; may be empty"), "")
NEGATIVE_PROMPT = Option(
    "negative-prompt", TEXT, N_("_Negative prompt"), N_("What the picture should not show"), ""
)
STRENGTH_PRESET = Option(
    "strength-preset",
    CHOICE,
    N_("Ho_w much to change"),
    N_("How far the result may go from the source; wins over the strength unless custom"),
    CUSTOM,
    choices=STRENGTH_PRESETS,
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
    CUSTOM,
    choices=STEPS_PRESETS,
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
    MODEL_DEFAULT,
    choices=SAMPLERS,
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
    "source", CHOICE, N_("So_urce"), N_("What the work starts from"), LAYER, choices=SOURCES
)
FILL_SOURCE = Option("source", CHOICE, SOURCE.label, SOURCE.blurb, VISIBLE, choices=SOURCES)
GROW = Option(
    "grow",
    INT,
    N_("E_xpand selection"),
    N_("Pixels to grow the selection before the work; negative shrinks it"),
    0,
    -1024,
    1024,
    advanced=True,
)
FEATHER = Option(
    "feather",
    INT,
    N_("_Feather selection"),
    N_("Pixels to soften the selection's edge, inward and outward"),
    0,
    0,
    1024,
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
    NEW_LAYER,
    choices=TARGETS,
)
SERVER_COMMAND = Option(
    "command", CHOICE, N_("_Command"), N_("What to do"), STATUS, choices=SERVER_COMMANDS
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

# Python can't take a returned array apart, so the layer that counts is returned by itself as well.
LAYER_RETURN = ("layer", "layer", N_("Layer"), N_("The new layer; of several the topmost"))
LAYERS_RETURN = ("layers", "layers", N_("Layers"), N_("All new layers, the topmost first"))
RESULT_RETURNS = (LAYER_RETURN, LAYERS_RETURN)
REPORT_RETURN = ("text", "report", N_("Report"), N_("What was found, as text"))

ACTIONS = (
    Action(
        "image_to_image",
        "plug-in-pentimento-img2img",
        N_("_Image to Image..."),
        N_("Image to Image"),
        (MENU, "<Image>/Layer"),
        N_("Repaint a layer or the visible canvas from a prompt, as a new layer"),
        N_(
            "Sends the selected layer, the selected layers as seen or the visible canvas to the "
            "Pentimento server and places the result as a new layer above the source. The strength "
            "says how far the result may go from the source. A selection is ignored here: use "
            "Regenerate Selection for it."
        ),
        (PROMPT, NEGATIVE_PROMPT, STRENGTH_PRESET, STRENGTH, *SAMPLING, *SEEDS, SOURCE),
        RESULT_RETURNS,
    ),
    Action(
        "regenerate_selection",
        "plug-in-pentimento-regenerate-selection",
        N_("_Regenerate Selection..."),
        N_("Regenerate Selection"),
        (MENU, "<Image>/Select"),
        N_("Fill or repaint the selection, as a new layer with the selection as its mask"),
        N_(
            "Sends the selection with some context around it to the Pentimento server and places "
            "the result as a new layer whose layer mask holds the selection's values, soft edges "
            "included. The image's own pixels are never written to."
        ),
        (
            PROMPT,
            NEGATIVE_PROMPT,
            STRENGTH_PRESET,
            FILL_STRENGTH,
            *SAMPLING,
            *SEEDS,
            FILL_SOURCE,
            GROW,
            FEATHER,
        ),
        RESULT_RETURNS,
    ),
    Action(
        "text_to_image",
        "plug-in-pentimento-txt2img",
        N_("_Text to Image..."),
        N_("Text to Image"),
        (MENU,),
        N_("Make a picture from a prompt, as a new layer or a new image"),
        N_(
            "Asks the Pentimento server for a picture. It becomes a new layer in the middle of the "
            "image, or a new image where none is open or where that is asked for."
        ),
        (PROMPT, NEGATIVE_PROMPT, WIDTH, HEIGHT, *SAMPLING, *SEEDS, TARGET),
        (*RESULT_RETURNS, ("image", "image", N_("Image"), N_("The image that holds the layers"))),
        needs_image=False,
    ),
    Action(
        "generate_again",
        "plug-in-pentimento-generate-again",
        N_("_Generate Again"),
        N_("Generate Again"),
        (MENU, "<Image>/Layer", "<Layers>"),
        N_("Run the job of the selected result layer once more with a new seed"),
        N_(
            "Reads the job that a Pentimento layer carries, reads the same place of its source "
            "again and places a further layer above it. Works at once, without a dialog."
        ),
        (),
        RESULT_RETURNS,
    ),
    Action(
        "server",
        "plug-in-pentimento-server",
        N_("_Server..."),
        N_("Pentimento Server"),
        (MENU,),
        N_("Tell the state of the Pentimento server, start it, stop it or set its address"),
        N_(
            "The server does the computing, in a process of its own on this machine or on another "
            "one. The other actions start it when it is not running."
        ),
        (SERVER_COMMAND, URL, TOKEN),
        (REPORT_RETURN,),
        needs_image=False,
    ),
    Action(
        "doctor",
        "plug-in-pentimento-doctor",
        N_("_Doctor..."),
        N_("Pentimento Doctor"),
        (MENU,),
        N_("Check the plug-in and the server, and tell what to do where something is wrong"),
        N_("Looks at everything the actions need and tells the remedy for what is missing."),
        (),
        (REPORT_RETURN,),
        needs_image=False,
    ),
)

BY_KEY: Dict[str, Action] = {action.key: action for action in ACTIONS}
BY_PROCEDURE: Dict[str, Action] = {action.procedure: action for action in ACTIONS}


def _meaning(choices: Tuple[Choice, ...], nick: str) -> Any:
    return next(choice.value for choice in choices if choice.nick == nick)


def strength_of(values: Dict[str, Any]) -> float:
    """The strength that counts, from option values by name."""
    preset = values.get("strength-preset", CUSTOM)
    if preset == CUSTOM:
        return float(values["strength"])
    return float(_meaning(STRENGTH_PRESETS, preset))


def steps_of(values: Dict[str, Any]) -> Optional[int]:
    """The steps that count; None for the model's default."""
    preset = values.get("steps-preset", CUSTOM)
    steps = values["steps"] if preset == CUSTOM else _meaning(STEPS_PRESETS, preset)
    return int(steps) or None


def sampler_of(values: Dict[str, Any]) -> Optional[str]:
    """The sampler's name in the protocol; None for the model's default."""
    return _meaning(SAMPLERS, values["sampler"])
