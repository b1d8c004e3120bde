"""What the Help window tells of each action, step by step, and which page of the documentation has
more. By procedures.Action.key."""

from __future__ import annotations

from choices import N_

PAGES = {
    "image_to_image": "fidelity.md",
    "regenerate_selection": "selection.md",
    "text_to_image": "prompts.md",
    "edit": "editing.md",
    "make_control_layer": "control.md",
    "select_object": "select.md",
    "replace_background": "select.md",
    "harmonize": "select.md",
}
STEPS = {
    "image_to_image": (
        N_("Select the layer to repaint in the layers dock; “From” names it."),
        N_("Say what the picture should show."),
        N_(
            "Set the strength: Touch up refreshes the surface, Restyle changes the look, Repaint "
            "the content."
        ),
        N_("Generate. The result is a new layer above; your layer stays as it is."),
        N_(
            "Try another strength or other words: the dialog stays open, and each result starts "
            "from the same layer."
        ),
    ),
    "regenerate_selection": (
        N_("Select the area, for example with the free select tool; a soft edge is kept."),
        N_("Say what should be there. Without words the surroundings go on."),
        N_("At strength 100 % the area is filled anew; below, what is there is repainted."),
        N_("Generate. The selection becomes the new layer's mask, so you can paint on its edge."),
        N_("If the edge shows, open “Edge and colors” and blend into the surroundings."),
    ),
    "text_to_image": (
        N_("Say what the picture should show."),
        N_("With an image open it becomes a layer of its size, or of the selection's."),
        N_("Leave width and height on automatic, or enter them."),
        N_("Several variations come in one folded group: show one, hide the others."),
    ),
    "edit": (
        N_("Tell what to change, as you would tell a person: “make it winter”."),
        N_("Select an area to keep the rest exactly as it is."),
        N_("It needs a model that follows instructions; Models… has some to download."),
    ),
    "make_control_layer": (
        N_("Choose what to draw from the layer: edges, lines, depth and others."),
        N_("The map comes as a layer in a hidden group, where it covers nothing."),
        N_("Paint on it with white to add lines and with black to remove some."),
        N_("Choose it in another action under “Control and LoRAs” as the control layer."),
    ),
}
