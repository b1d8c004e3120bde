"""Every procedure of the plug-in, as data: where it stands in GIMP's menus, what it is called,
which options it takes (options/) and what it returns. Nothing here needs GIMP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Tuple

import options
from choices import N_

MENU = "<Image>/Filters/Pentimento"


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
    options: Tuple[options.Option, ...]
    returns: Tuple[Tuple[str, str, str, str], ...]
    needs_image: bool = True
    image_types: str = "*"


# Python can't take a returned array apart, so the layer that counts is returned by itself as well.
LAYER_RETURN = ("layer", "layer", N_("Layer"), N_("The new layer; of several the topmost"))
LAYERS_RETURN = ("layers", "layers", N_("Layers"), N_("All new layers, the topmost first"))
RESULT_RETURNS = (LAYER_RETURN, LAYERS_RETURN)
IMAGE_RETURNS = (
    *RESULT_RETURNS,
    ("image", "image", N_("Image"), N_("The image that holds the layers")),
)
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
            "Regenerate Selection for it. An indexed image has to be converted, or the result has "
            "to become a new image."
        ),
        (
            options.PROMPT,
            options.NEGATIVE_PROMPT,
            options.STRENGTH_PRESET,
            options.STRENGTH,
            *options.SAMPLING,
            *options.STEERING,
            *options.GUIDES,
            *options.SEEDS,
            options.SOURCE,
            options.ALPHA,
            options.TRANSPARENT_FILL,
            *options.PLACE,
            *options.OBSERVING,
        ),
        IMAGE_RETURNS,
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
            "included. Transparency, a layer mask or a channel can stand in for the selection. The "
            "image's own pixels are never written to."
        ),
        (
            options.PROMPT,
            options.NEGATIVE_PROMPT,
            options.STRENGTH_PRESET,
            options.FILL_STRENGTH,
            *options.SAMPLING,
            *options.STEERING,
            *options.GUIDES,
            *options.SEEDS,
            options.FILL_SOURCE,
            options.MASK_SOURCE,
            options.MASK_CHANNEL,
            options.GROW,
            options.FEATHER,
            options.BLEND,
            options.EXACT_EDGE,
            options.COLOR_MATCH,
            options.ALPHA,
            options.TRANSPARENT_FILL,
            *options.PLACE,
            *options.OBSERVING,
        ),
        IMAGE_RETURNS,
    ),
    Action(
        "edit",
        "plug-in-pentimento-edit",
        N_("_Edit by Instruction..."),
        N_("Edit by Instruction"),
        (MENU, "<Image>/Layer"),
        N_("Change a layer, the visible canvas or the selection as told in words, as a new layer"),
        N_(
            "Sends the source and an instruction such as “make it winter” to the Pentimento "
            "server and places the result as a new layer above the source. Within a selection the "
            "layer has the selection as its mask. It takes a model that can follow instructions, "
            "such as FLUX.2 Klein; Models downloads one."
        ),
        (
            options.INSTRUCTION,
            options.ONLY_SELECTION,
            options.EDITOR,
            options.STEPS,
            options.GUIDANCE,
            options.LORAS,
            *options.READ_ALONG,
            *options.SEEDS,
            options.SOURCE,
            *options.PLACE,
        ),
        IMAGE_RETURNS,
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
        (
            options.PROMPT,
            options.NEGATIVE_PROMPT,
            options.WIDTH,
            options.HEIGHT,
            *options.SAMPLING,
            *options.STEERING,
            *options.GUIDES,
            *options.SEEDS,
            *options.PLACE,
            *options.OBSERVING,
        ),
        IMAGE_RETURNS,
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
        "make_control_layer",
        "plug-in-pentimento-make-control-layer",
        N_("_Make Control Layer..."),
        N_("Make Control Layer"),
        (MENU, "<Image>/Layer"),
        N_("Draw the edges, lines or depth of a layer as a new layer that can steer a result"),
        N_(
            "Sends the selected layer, the selected layers as seen or the visible canvas to the "
            "Pentimento server and places its map as an ordinary layer above the source. Paint on "
            "it as you like; then choose it as the control layer of another action and tell there "
            "that it is a map already."
        ),
        (options.MAP, options.MAP_LOW, options.MAP_HIGH, options.SOURCE),
        RESULT_RETURNS,
    ),
    Action(
        "backends",
        "plug-in-pentimento-backends",
        N_("_Where to Run..."),
        N_("Where to Run"),
        (MENU,),
        N_("Tell where pictures can be made, and set up services on the network"),
        N_(
            "Pictures are made by the Pentimento server's own machine, or by a service on the "
            "network that was set up and agreed to here. For each place the quality, speed, price "
            "and privacy are told."
        ),
        (),
        (REPORT_RETURN,),
        needs_image=False,
    ),
    Action(
        "models",
        "plug-in-pentimento-models",
        N_("_Models..."),
        N_("Models"),
        (MENU,),
        N_("Download models for the Pentimento server, and remove them"),
        N_(
            "Tells which models are installed and which can be downloaded, with size, licence and "
            "whether they suit the server's machine. A download goes on while you paint; what was "
            "interrupted can be resumed."
        ),
        (options.MODELS_COMMAND, options.MODEL_NAME, options.ACCEPT_LICENCE),
        (REPORT_RETURN,),
        needs_image=False,
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
        (options.SERVER_COMMAND, options.URL, options.TOKEN),
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
