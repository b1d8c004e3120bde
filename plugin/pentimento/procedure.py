"""What a procedure of the plug-in is, as data: its place in GIMP's menus, its options (options/),
and what it can return. `procedures` lists them all. Nothing here needs GIMP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Tuple

import options
from choices import N_

if TYPE_CHECKING:
    pass

MENU = "<Image>/Filters/Pentimento"
SETUP = MENU + "/Setup"  # what is needed once and again in a while, out of the way of the actions
SETUP_LABEL = N_("Set_up")
VARIATIONS = MENU + "/Variations"
VARIATIONS_LABEL = N_("_Variations")
PANEL = MENU + "/Panel"  # commands for the open panel
PANEL_LABEL = N_("Panel Co_mmands")


@dataclass(frozen=True)
class Action:
    """One procedure. `key` names the files actions/<key>.py, where there is no `module`, and
    dialogs/<key>.py. `returns` lists (kind, name, label, blurb) with the kinds layer, layers,
    image, item, number and text."""

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
    module: str = ""  # of the actions, where it is not the key's

    @property
    def reads_layers(self) -> bool:
        """Whether it starts from layers that a person can choose."""
        return any(option.name == options.SOURCE.name for option in self.options)


# Python can't take a returned array apart, so the layer that counts is returned by itself as well.
LAYER_RETURN = ("layer", "layer", N_("Layer"), N_("The new layer; of several the topmost"))
LAYERS_RETURN = ("layers", "layers", N_("Layers"), N_("All new layers, the topmost first"))
RESULT_RETURNS = (LAYER_RETURN, LAYERS_RETURN)
IMAGE_RETURNS = (
    *RESULT_RETURNS,
    ("image", "image", N_("Image"), N_("The image that holds the layers")),
)
ITEM_RETURN = (
    "item",
    "item",
    N_("Item"),
    N_("The new channel, mask or layer; none where the selection was changed"),
)
BATCH_RETURNS = (
    ("number", "done", N_("Done"), N_("How many files are done")),
    ("number", "failed", N_("Failed"), N_("How many files failed, each with its reason")),
    ("number", "left", N_("Left"), N_("How many files are left")),
    ("text", "report", N_("Report"), N_("All files in JSON, as report.json has them")),
)
REPORT_RETURN = ("text", "report", N_("Report"), N_("What was found, as text"))
