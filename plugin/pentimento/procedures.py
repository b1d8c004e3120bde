"""Every procedure of the plug-in: its place in the menus, its words and its options. Nothing here
needs GIMP."""

from __future__ import annotations

from typing import Dict

import options
from choices import N_
from panel_procedures import COMMANDS, STUDIO
from procedure import (
    BATCH_RETURNS,
    IMAGE_RETURNS,
    ITEM_RETURN,
    MENU,
    REPORT_RETURN,
    RESULT_RETURNS,
    VARIATIONS,
)
from procedure import PANEL_LABEL as PANEL_LABEL
from procedure import SETUP as SETUP
from procedure import SETUP_LABEL as SETUP_LABEL
from procedure import VARIATIONS_LABEL as VARIATIONS_LABEL
from procedure import Action as Action
from setup_procedures import SETUP_ACTIONS

ACTIONS = (
    Action(
        "image_to_image",
        "plug-in-pentimento-img2img",
        N_("_Image to Image..."),
        N_("Image to Image"),
        (MENU, "<Image>/Layer"),
        N_("Repaint a layer or everything visible from a prompt, as a new layer"),
        N_(
            "Sends the selected layer, the selected layers merged or everything visible to the "
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
            options.INTENT,
            options.FILLED_BY,
            options.CONTEXT,
            options.GROW,
            options.FEATHER,
            options.BLEND,
            options.AUTO_EDGE,
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
        N_("Change a layer, everything visible or the selection by instruction, as a new layer"),
        N_(
            "Sends the source and an instruction such as “make it winter” to the Pentimento "
            "server and places the result as a new layer above the source. Within a selection the "
            "layer has the selection as its mask. It takes a model that can follow instructions, "
            "such as FLUX.2 Klein, which Models downloads, or a service."
        ),
        (
            options.INSTRUCTION,
            options.ONLY_SELECTION,
            options.ONLY_CHANGES,
            options.EDITOR,
            options.BACKEND,
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
            "Asks the Pentimento server for a picture. It becomes a new layer where the selection "
            "is, or as large as the image, or a new image where none is open or where that is "
            "asked for."
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
        "expand",
        "plug-in-pentimento-expand",
        N_("E_xpand..."),
        N_("Expand"),
        (MENU, "<Image>/Image"),
        N_("Grow the canvas and continue the picture on it, as a new layer"),
        N_(
            "Sends everything visible to the Pentimento server, which continues it beyond its "
            "borders. The canvas grows when the result is there, in the same undo step, and the "
            "result becomes a new layer with the new part as its mask. Nothing else is changed."
        ),
        (
            options.PROMPT,
            options.NEGATIVE_PROMPT,
            *options.SIDES,
            options.MODEL,
            options.STEPS,
            options.GUIDANCE,
            *options.SEEDS,
            *options.PLACE,
        ),
        IMAGE_RETURNS,
    ),
    Action(
        "upscale",
        "plug-in-pentimento-upscale",
        N_("U_pscale..."),
        N_("Upscale"),
        (MENU, "<Image>/Image"),
        N_("Enlarge everything visible or a layer, as a new image or as this one"),
        N_(
            "Sends the source to the Pentimento server, which enlarges it: with a network that "
            "knows what small pictures lack, or by Lanczos. The result is a new image, or the "
            "image itself is scaled with all its layers and gets the enlarged picture as a new "
            "layer, in one undo step."
        ),
        (
            options.SCALE,
            options.UPSCALER,
            *options.PAINTED_DETAIL,
            options.WHOLE_SOURCE,
            options.ENLARGED,
        ),
        IMAGE_RETURNS,
    ),
    STUDIO,
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
        "change_result",
        "plug-in-pentimento-change-result",
        N_("_Change Result..."),
        N_("Change Result"),
        (MENU, "<Image>/Layer", "<Layers>"),
        N_("Change the prompt, strength, model or seed of a result; its layer gets the new pixels"),
        N_(
            "Opens what the selected result layer was made with. What is changed there is made "
            "once more, and the new pixels take the place of the old ones in the same layer: its "
            "mask as painted since, position, opacity and order stay. It works after the image was "
            "scaled, cropped, flipped or turned, too. Without a dialog, what is not given stays as "
            "it was."
        ),
        options.CHANGES,
        RESULT_RETURNS,
    ),
    Action(
        "xy_plot",
        "plug-in-pentimento-xy-plot",
        N_("_X/Y Plot..."),
        N_("X/Y Plot"),
        (VARIATIONS,),
        N_("Make a result once for each pair of values of two settings, as a named group"),
        N_(
            "Repeats the job of the selected result layer with the values that two axes list: of "
            "strength, guidance, steps, seed, sampler, model or the weight of a LoRA. The pictures "
            "become the layers of a group above it, named by their values, one of them seen; Next "
            "Variation and Previous Variation walk through them."
        ),
        options.AXES,
        RESULT_RETURNS,
    ),
    Action(
        "next_variation",
        "plug-in-pentimento-next-variation",
        N_("_Next Variation"),
        N_("Next Variation"),
        (VARIATIONS, "<Layers>"),
        N_("Show the next of several results of one job in the place of the one that is seen"),
        N_(
            "Works on the selected result layer or the group that holds it; after the last "
            "variation comes the first. Give it a key in Edit > Keyboard Shortcuts."
        ),
        (),
        RESULT_RETURNS,
    ),
    Action(
        "previous_variation",
        "plug-in-pentimento-previous-variation",
        N_("_Previous Variation"),
        N_("Previous Variation"),
        (VARIATIONS, "<Layers>"),
        N_("Show the one before of several results of one job"),
        N_(
            "Works on the selected result layer or the group that holds it; before the first "
            "variation comes the last. Give it a key in Edit > Keyboard Shortcuts."
        ),
        (),
        RESULT_RETURNS,
    ),
    Action(
        "keep_variation",
        "plug-in-pentimento-keep-variation",
        N_("_Keep Variation"),
        N_("Keep Variation"),
        (VARIATIONS, "<Layers>"),
        N_("Keep the result that is seen and remove the others of its job or place"),
        N_(
            "Works on the selected result layer or the group that holds it, in one undo step. A "
            "group that held only variations goes as well."
        ),
        (),
        RESULT_RETURNS,
    ),
    Action(
        "sort_variations",
        "plug-in-pentimento-sort-variations",
        N_("_Sort Variations by Seam"),
        N_("Sort Variations by Seam"),
        (VARIATIONS, "<Layers>"),
        N_("Bring the result whose edge shows least to the top, and the others in order below it"),
        N_(
            "Works on the selected result layer or the group that holds it, in one undo step. The "
            "seam is the step from pixel to pixel where a result begins, as a multiple of the "
            "steps near by: it is known of results of a selection and of Expand. Next Variation "
            "and Previous Variation then go by that order."
        ),
        (),
        RESULT_RETURNS,
    ),
    Action(
        "export_workflow",
        "plug-in-pentimento-export-workflow",
        N_("_Workflow for ComfyUI"),
        N_("Workflow for ComfyUI"),
        (VARIATIONS,),
        N_("Write the job of a result as a workflow that ComfyUI opens, node by node"),
        N_(
            "Writes a file with ComfyUI's own nodes, laid out from the loaders to the picture, "
            "beside the image's file; nothing is replaced there. It names models and pictures as "
            "they are named here: choose yours in its nodes. Works at once, without a dialog."
        ),
        options.WORKFLOW,
        (REPORT_RETURN,),
    ),
    Action(
        "make_control_layer",
        "plug-in-pentimento-make-control-layer",
        N_("_Make Control Layer..."),
        N_("Make Control Layer"),
        (MENU, "<Image>/Layer"),
        N_("Draw the edges, lines or depth of a layer as a new layer that can steer a result"),
        N_(
            "Sends the selected layer, the selected layers merged or everything visible to the "
            "Pentimento server and places its map as an ordinary layer in a hidden group, where it "
            "covers nothing. Paint on it as you like; then choose it as the control layer of "
            "another action, which knows that it is a map already."
        ),
        (options.MAP, options.MAP_LOW, options.MAP_HIGH, options.SOURCE),
        RESULT_RETURNS,
    ),
    Action(
        "select_object",
        "plug-in-pentimento-select-object",
        N_("Select _Object..."),
        N_("Select Object"),
        (MENU, "<Image>/Select"),
        N_("Select an object by clicks, a stroke or a box, with soft edges"),
        N_(
            "Shows the source, where you click on the object, draw over it or drag a box around "
            "it, and see at once what will be selected; without any, the subject in the middle. "
            "The object becomes the selection, a channel, a layer mask or a masked layer of its "
            "own, in one step of undo. The Pentimento server finds it; nothing has to be "
            "downloaded for that."
        ),
        (
            options.POINTS,
            options.WITHOUT,
            options.BOX,
            options.SOURCE,
            options.OUTPUT,
            options.OPERATION,
        ),
        (ITEM_RETURN,),
    ),
    Action(
        "cut_out",
        "plug-in-pentimento-cut-out",
        N_("Cut Out Su_bject"),
        N_("Cut Out Subject"),
        (MENU, "<Image>/Layer", "<Layers>"),
        N_("Remove the background: the subject as a masked layer of its own"),
        N_(
            "Finds the subject of the selected layer and puts it above as a layer whose mask has "
            "soft edges, in colors without the old background. A rectangular selection is a box "
            "around the subject; any other holds the subject, and only its edge is looked for. "
            "The layer that it is from is hidden and stays as it is. Works at once, without a "
            "dialog; Select Object has one."
        ),
        (options.SOURCE,),
        RESULT_RETURNS,
    ),
    Action(
        "replace_background",
        "plug-in-pentimento-replace-background",
        N_("Rep_lace Background..."),
        N_("Replace Background"),
        (MENU, "<Image>/Layer"),
        N_("Paint a new background behind the subject, which becomes a layer of its own"),
        N_(
            "Finds the subject as Cut Out Subject does, in the middle or where something is "
            "selected, and asks the Pentimento server for a new background around it. There are "
            "two new layers: the background, and above it the subject with a soft mask; where its "
            "light is to be fitted, a third one above that. The source stays as it is below them; "
            "one undo step takes all away."
        ),
        (
            options.BACKGROUND,
            options.FIT_LIGHT,
            options.NEGATIVE_PROMPT,
            options.STEPS,
            options.GUIDANCE,
            options.MODEL,
            *options.SEEDS,
            options.LORAS,
            options.SOURCE,
            options.CONVERT,
            options.MARK_DIGITAL_SOURCE,
        ),
        RESULT_RETURNS,
    ),
    Action(
        "harmonize",
        "plug-in-pentimento-harmonize",
        N_("_Harmonize Layer..."),
        N_("Harmonize Layer"),
        (MENU, "<Image>/Layer", "<Layers>"),
        N_("Fit a pasted layer to what is around it: shadow, light and color, edge as layers"),
        N_(
            "Looks at the selected layer or group and at what is seen around it. There are three "
            "new layers, each of which can be turned down or hidden: its shadow below it, its "
            "light and color and its edge above it. The layer itself is not changed; one undo step "
            "takes them away. Nothing has to be downloaded; a model that follows instructions is "
            "used where one is installed."
        ),
        (options.WAY, options.HARMONY_WORDS, options.EDITOR, *options.SEEDS[:2]),
        RESULT_RETURNS,
    ),
    Action(
        "batch",
        "plug-in-pentimento-batch",
        N_("_Batch"),
        N_("Batch"),
        (),
        N_("Run one job over a folder of pictures, from a script"),
        N_(
            "Calls the command “pentimento batch”: what was done before is not done again, also "
            "after a crash, and a file that fails does not stop the others. The recipe is a file, "
            "or the job that the selected result layer carries. It runs on this computer's own "
            "server."
        ),
        options.BATCH,
        BATCH_RETURNS,
        needs_image=False,
    ),
    *SETUP_ACTIONS,
    *COMMANDS,
)

BY_KEY: Dict[str, Action] = {action.key: action for action in ACTIONS}
BY_PROCEDURE: Dict[str, Action] = {action.procedure: action for action in ACTIONS}
