"""The values that choice options can have, as data: what scripts write, what people read, and what
it stands for. Texts are marked with N_ for the translators and translated where they are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import vocabulary


def N_(text: str) -> str:
    """Marks a text for translation without translating it yet."""
    return text


@dataclass(frozen=True)
class Choice:
    """One value of a choice option: `nick` is what scripts write, `value` what it stands for."""

    nick: str
    label: str
    blurb: str = ""
    value: Any = None


CUSTOM = "custom"
NEW = "new"
MODEL_DEFAULT = "model-default"

# Where no model tells its own (see strength_words), these are the numbers of the words.
STRENGTH_PRESETS = (
    Choice(
        "touch-up",
        N_("Touch up"),
        N_("Keeps the structure, refreshes the surface"),
        0.2,
    ),
    Choice(
        "restyle",
        N_("Restyle"),
        N_("Keeps the composition, changes look and detail"),
        0.5,
    ),
    Choice("repaint", N_("Repaint"), N_("Rebuilds the content, keeps the rough layout"), 0.8),
    Choice(NEW, N_("Replace"), N_("Ignores what was there: the same as text to image"), 1.0),
    Choice(CUSTOM, N_("Custom"), N_("The strength given as a number")),
)

STEPS_PRESETS = (
    Choice("preview", N_("Draft"), N_("Quick look (12 steps)"), 12),
    Choice("balanced", N_("Normal"), N_("Good for most work (24 steps)"), 24),
    Choice("best", N_("High"), N_("Most careful (45 steps)"), 45),
    Choice(MODEL_DEFAULT, N_("Default"), N_("Recommended by the model's authors"), 0),
    Choice(CUSTOM, N_("Custom"), N_("The steps given as a number")),
)

SAMPLERS = (
    Choice(MODEL_DEFAULT, N_("Default"), N_("Recommended by the model's authors"), None),
    Choice("euler", "Euler", "", "Euler"),
    Choice("euler-a", "Euler a", "", "Euler a"),
    Choice("dpmpp-2m-karras", "DPM++ 2M Karras", "", "DPM++ 2M Karras"),
    Choice("ddim", "DDIM", "", "DDIM"),
    Choice("unipc", "UniPC", "", "UniPC"),
    Choice("lcm", "LCM", "", "LCM"),
    Choice("euler-karras", "Euler Karras", "", "Euler Karras"),
    Choice("euler-beta", "Euler Beta", "", "Euler Beta"),
    Choice("dpmpp-2m-simple", "DPM++ 2M Simple", "", "DPM++ 2M Simple"),
    Choice("dpmpp-2m-exponential", "DPM++ 2M Exponential", "", "DPM++ 2M Exponential"),
    Choice("dpmpp-2m-beta", "DPM++ 2M Beta", "", "DPM++ 2M Beta"),
    Choice("dpmpp-2m-sde-karras", "DPM++ 2M SDE Karras", "", "DPM++ 2M SDE Karras"),
    Choice("dpmpp-2m-sde-exponential", "DPM++ 2M SDE Exponential", "", "DPM++ 2M SDE Exponential"),
    Choice("euler-sgm-uniform", "Euler SGM Uniform", "", "Euler SGM Uniform"),
    Choice("euler-exponential", "Euler Exponential", "", "Euler Exponential"),
    Choice("euler-cfg-free", "Euler CFG-free", "", "Euler CFG-free"),
    Choice("dpmpp-2m-sgm-uniform", "DPM++ 2M SGM Uniform", "", "DPM++ 2M SGM Uniform"),
    Choice("dpmpp-2m-sde-simple", "DPM++ 2M SDE Simple", "", "DPM++ 2M SDE Simple"),
    Choice("dpmpp-sde", "DPM++ SDE", "", "DPM++ SDE"),
    Choice("dpmpp-sde-karras", "DPM++ SDE Karras", "", "DPM++ SDE Karras"),
    Choice("heun", "Heun", "", "Heun"),
    Choice("heun-karras", "Heun Karras", "", "Heun Karras"),
    Choice("dpm2", "DPM2", "", "DPM2"),
    Choice("dpm2-karras", "DPM2 Karras", "", "DPM2 Karras"),
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
        N_("Selected layers, merged"),
        N_("The selected layers as they look together, with masks, opacity and modes"),
    ),
    Choice(VISIBLE, N_("Everything visible"), N_("The image as it looks")),
)

NEW_LAYER, NEW_IMAGE = "layer", "image"

TARGETS = (
    Choice(NEW_LAYER, N_("New layer"), N_("A new layer in this image")),
    Choice(NEW_IMAGE, N_("New image"), N_("An image of its own")),
)

THIS_IMAGE = "this-image"

ENLARGED = (
    Choice(NEW_IMAGE, N_("New image"), N_("An image of its own")),
    Choice(
        THIS_IMAGE,
        N_("This image, with all its layers"),
        N_("The image is scaled, and the enlarged picture is a new layer; one undo step"),
    ),
)

BY_PERCENT, BY_PX, TO_ASPECT, TO_LAYERS = "percent", "px", "aspect", "layers"

GROWS_BY = (
    Choice(BY_PERCENT, N_("By percent"), N_("Of the canvas's width and height")),
    Choice(BY_PX, N_("By px"), N_("So many px at each side")),
    Choice(TO_ASPECT, N_("To an aspect ratio"), N_("What is missing, at both sides alike")),
    Choice(
        TO_LAYERS,
        N_("To the selected layers"),
        N_("As far as the selected layers reach beyond the canvas"),
    ),
)

STATUS, START, STOP, SET = "status", "start", "stop", "set"

SERVER_COMMANDS = (
    Choice(STATUS, N_("Status"), N_("Tell whether and where the server runs")),
    Choice(START, N_("Start"), N_("Start the server if it is not running")),
    Choice(STOP, N_("Stop"), N_("End the server")),
    Choice(SET, N_("Set address"), N_("Keep the given address and token for all actions")),
)

AUTOMATIC, SOURCE_ALPHA, OPAQUE = "automatic", "source", "opaque"

ALPHAS = (
    Choice(
        AUTOMATIC,
        N_("Automatic"),
        N_("As the source, but a selection that is filled anew becomes opaque"),
    ),
    Choice(SOURCE_ALPHA, N_("As the source"), N_("Transparent where the source is"), SOURCE_ALPHA),
    Choice(OPAQUE, N_("Opaque"), N_("No transparency in the result"), OPAQUE),
)

SURROUNDINGS = "surroundings"

TRANSPARENT_FILLS = (
    Choice(SURROUNDINGS, N_("Colors around"), N_("The colors around go on under it")),
    Choice("white", N_("White")),
    Choice("black", N_("Black")),
    Choice("gray", N_("Gray")),
)

SELECTION, TRANSPARENCY, LAYER_MASK, CHANNEL = (
    "selection",
    "transparency",
    "layer-mask",
    "channel",
)

MASK_SOURCES = (
    Choice(SELECTION, N_("Selection"), N_("What is selected, with soft values")),
    Choice(
        TRANSPARENCY,
        N_("Transparency"),
        N_("Where the source is transparent, within the selection if there is one"),
    ),
    Choice(LAYER_MASK, N_("Layer mask"), N_("The selected layer's mask; white is regenerated")),
    Choice(CHANNEL, N_("Channel"), N_("A saved selection; white is regenerated")),
)

CUT_OUT = "layer"

OUTPUTS = (
    Choice(SELECTION, N_("Selection"), N_("The object becomes the selection, with soft values")),
    Choice(CHANNEL, N_("Channel"), N_("A new channel holds the object")),
    Choice(LAYER_MASK, N_("Layer mask"), N_("The layer's mask, in place of one that is there")),
    Choice(CUT_OUT, N_("Cut-out layer"), N_("A new layer with the object, masked")),
)

REPLACE, ADD, SUBTRACT, INTERSECT = "replace", "add", "subtract", "intersect"

OPERATIONS = (
    Choice(REPLACE, N_("Replace"), N_("The object alone is selected")),
    Choice(ADD, N_("Add"), N_("The object is selected as well")),
    Choice(SUBTRACT, N_("Subtract"), N_("The object is selected no longer")),
    Choice(INTERSECT, N_("Intersect"), N_("What was selected of the object stays selected")),
)

COMPUTED, BY_MODEL = "computed", "model"

WAYS = (
    Choice(
        AUTOMATIC,
        N_("Automatic"),
        N_("By a model that follows instructions where one is installed, else computed"),
    ),
    Choice(COMPUTED, N_("Computed"), N_("From the colors around, with a drawn shadow")),
    Choice(BY_MODEL, N_("By a model"), N_("A model that follows instructions paints it anew")),
)

INTENTS = (
    Choice(
        AUTOMATIC,
        N_("Automatic"),
        N_("Without a prompt the surroundings go on, with one something new is painted"),
        "auto",
    ),
    Choice("fill", N_("Fill"), N_("Begins with the colors around"), "fill"),
    Choice("remove", N_("Remove"), N_("What is there goes, the surroundings go on"), "remove"),
    Choice("add", N_("Add"), N_("Something new, from noise alone"), "add"),
    Choice(
        "replace-background",
        N_("Replace background"),
        N_("Begins with one color of what is around"),
        "replace_background",
    ),
)

FILLED_BY = (
    Choice(
        AUTOMATIC,
        N_("Automatic"),
        N_("A model that knows how surroundings go on; without one they are copied"),
        "auto",
    ),
    Choice(
        "surroundings",
        N_("Surroundings"),
        N_("Copies what lies around the selection, without a model"),
        "surroundings",
    ),
    Choice("model", N_("Model"), N_("The model paints it"), "model"),
)

LAYER_BOUNDS = "layer-bounds"

CONTEXTS = (
    Choice(AUTOMATIC, N_("Automatic"), N_("More of it, the more is new"), "auto"),
    Choice("tight", N_("Tight"), N_("Little: more detail, less fitting"), "tight"),
    Choice("wide", N_("Wide"), N_("Much: more fitting, less detail"), "wide"),
    Choice("whole", N_("Whole picture"), N_("All of the picture"), "whole"),
    Choice(LAYER_BOUNDS, N_("Layer bounds"), N_("As far as the selected layer reaches")),
)

NO_CONTROL = "none"

CONTROLS = (
    Choice(NO_CONTROL, N_("Nothing"), N_("The prompt and the source alone")),
    Choice("canny", N_("Edges"), N_("White lines where the picture changes (canny)")),
    Choice("scribble", N_("Scribble"), N_("Rough white strokes")),
    Choice("lineart", N_("Line art"), N_("Clean white lines")),
    Choice("softedge", N_("Soft edges"), N_("Soft gray lines")),
    Choice("depth", N_("Depth"), N_("Bright is near")),
    Choice("normal", N_("Normals"), N_("Directions of surfaces as colors")),
    Choice("openpose", N_("Pose"), N_("A colored stick figure (OpenPose)")),
    Choice("seg", N_("Segments"), N_("A color for each kind of thing")),
    Choice("tile", N_("Tile"), N_("The picture itself, for more detail")),
)

MAPS = CONTROLS[1:]
# The server draws the maps of these without a model of its own for it.
DRAWN_CONTROLS = vocabulary.DRAWN_BY_ARITHMETIC
THRESHOLDS = "canny"  # the one that has thresholds

REFERENCES = (
    Choice("reference", N_("Content and style"), N_("What is seen and how it looks")),
    Choice("style", N_("Style"), N_("Colors, light and the way it is painted")),
    Choice("composition", N_("Composition"), N_("How things are laid out")),
)

KEEP, TO_RGB, TO_SRGB = "no", "rgb", "srgb"

CONVERSIONS = (
    Choice(KEEP, N_("Leave as it is"), N_("Gray images get gray results")),
    Choice(TO_RGB, N_("Convert to RGB"), N_("Indexed and gray images become RGB first")),
    Choice(
        TO_SRGB,
        N_("Convert to sRGB"),
        N_("Colors with a profile made of tables become sRGB first"),
    ),
)

LIST, DOWNLOAD, REMOVE = "list", "download", "remove"

MODEL_COMMANDS = (
    Choice(LIST, N_("List"), N_("Tell which models are installed and which can be downloaded")),
    Choice(DOWNLOAD, N_("Download"), N_("Download a model, or go on with it")),
    Choice(REMOVE, N_("Remove"), N_("Delete a model from the server's data folder")),
)

# What changes along an axis of an X/Y plot.
AXES = (
    Choice("strength", N_("Strength"), N_("Such as 0.2, 0.5, 0.8")),
    Choice("guidance", N_("Guidance"), N_("Such as 1, 3, 7")),
    Choice("steps", N_("Steps"), N_("Such as 4, 8, 16")),
    Choice("seed", N_("Seed"), N_("Such as 1, 2, 3")),
    Choice("sampler", N_("Sampler"), N_("Names, such as Euler, DPM++ 2M Karras")),
    Choice("model", N_("Model"), N_("Names on the server")),
    Choice("lora", N_("LoRA weight"), N_("The LoRA's name, then weights: ink: 0, 0.5, 1")),
)
