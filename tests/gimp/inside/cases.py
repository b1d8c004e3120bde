"""The geometry table: which scene, which action, and where the result must be. Plain data, read by
the tests and by the file that runs them in GIMP."""

CANVAS = (100, 80)


def repaint(name, scene, box, **more):
    """Image to Image at strength 0: the result is the source bit for bit, so that a shift of one
    pixel shows."""
    options = {"strength": 0.0, **more.pop("options", {})}
    return {
        "name": name,
        "scene": scene,
        "action": "img2img",
        "options": options,
        "box": box,
    } | more


def fill(name, scene, selection, **more):
    """Regenerate Selection at strength 1: the pixels change, and only where they may. `selection`
    is x, y, width, height and the radius of its feather."""
    options = {"strength": 1.0, "steps": 2, **more.pop("options", {})}
    return {
        "name": name,
        "scene": scene,
        "action": "regenerate-selection",
        "options": options,
        "selection": selection,
    } | more


LAYER = {"source": "layer"}
VISIBLE = {"source": "visible"}
AS_SEEN = {"source": "selected-layers"}

REPAINTS = [
    repaint("layer at an offset", "offset", [13, 9, 64, 48]),
    repaint("layer partly off-canvas", "off_canvas", [-20, -10, 64, 48]),
    repaint("layer beyond two edges", "beyond", [70, 50, 64, 48]),
    repaint("layer wholly off-canvas", "outside", [-200, -100, 64, 48]),
    repaint("layer inside a group", "group", [13, 9, 64, 48]),
    repaint("layer inside two groups", "two_groups", [13, 9, 64, 48]),
    repaint("layer below others", "below", [0, 0, 64, 48]),
    repaint("layer group as source", "whole_group", [5, 6, 60, 50]),
    repaint("pass-through group as source", "pass_through", [5, 6, 60, 50]),
    repaint("several selected layers", "several", [4, 5, 76, 63]),
    repaint("several layers in groups", "several_in_groups", [4, 5, 76, 63]),
    repaint("one layer as seen", "translucent", [13, 9, 64, 48], options=AS_SEEN),
    repaint("visible canvas", "translucent", [0, 0, *CANVAS], options=VISIBLE),
    repaint("no alpha", "no_alpha", [13, 9, 64, 48]),
    repaint("layer with a mask", "masked", [13, 9, 64, 48]),
    repaint("layer mask selected", "mask_selected", [13, 9, 64, 48]),
    repaint("locked layer", "locked", [13, 9, 64, 48]),
    repaint("layer inside a locked group", "locked_group", [13, 9, 64, 48]),
    repaint("one-pixel layer", "one_pixel_layer", [31, 17, 1, 1]),
    repaint("selection present", "with_selection", [13, 9, 64, 48]),
    repaint("gray image", "gray", [13, 9, 64, 48]),
    repaint("16-bit image", "u16", [13, 9, 64, 48]),
    repaint("linear float image", "float", [13, 9, 64, 48]),
    repaint("Adobe RGB image", "adobe", [13, 9, 64, 48]),
    repaint("Adobe RGB image as seen", "adobe", [13, 9, 64, 48], options=AS_SEEN),
]

FILLS = [
    fill("selection inside the layer", "full", [30, 20, 24, 16, 0]),
    fill("selection crossing the layer's edge", "offset", [5, 3, 30, 20, 0], options=LAYER),
    fill("selection beside the layer", "corner", [60, 40, 20, 20, 0], options=LAYER),
    fill("one-pixel selection", "full", [41, 33, 1, 1, 0]),
    fill("feathered selection", "full", [30, 20, 40, 30, 9]),
    fill("selection in the canvas corner", "full", [84, 70, 16, 10, 0]),
    fill("everything selected", "full", [0, 0, *CANVAS, 0]),
    fill("selection on an off-canvas layer", "off_canvas", [0, 0, 25, 25, 0], options=LAYER),
    fill("selection with a group", "two_groups", [30, 20, 24, 16, 4], options=LAYER),
    fill("selection with several layers", "several", [30, 20, 24, 16, 4], options=AS_SEEN),
    fill("selection without alpha", "no_alpha", [30, 20, 24, 16, 0], options=LAYER),
    fill("selection with a masked layer", "masked", [30, 20, 24, 16, 0], options=LAYER),
    fill("selection with a locked layer", "locked", [30, 20, 24, 16, 0], options=LAYER),
    fill("selection in a 16-bit image", "u16", [30, 20, 24, 16, 5], options=LAYER),
    fill("selection in an Adobe RGB image", "adobe", [30, 20, 24, 16, 5], options=LAYER),
    fill("selection in a gray image", "gray", [30, 20, 24, 16, 5], options=LAYER),
]

REFUSALS = [
    ("no selection", "full", "regenerate-selection", {}, "Nothing is selected."),
    ("indexed image", "indexed", "img2img", {}, "convert it to RGB"),
    ("floating selection", "floating", "img2img", {}, "Anchor it"),
    ("channel selected", "channel", "img2img", {}, "No layer is selected."),
    ("not a result layer", "full", "generate-again", {}, "was not made by Pentimento"),
]

CASES = REPAINTS + FILLS
