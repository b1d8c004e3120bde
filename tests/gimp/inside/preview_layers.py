"""A preview in images of all kinds: shown, painted anew and taken away again."""

import batch
import plugin_modules  # noqa: F401  before the plug-in's modules
import scenes
from gi.repository import Gimp
from snapshot import differences, snapshot

import choices
from gimpio import layers, metadata, pixels, preview_layer, sources
from gimpio.destination import Destination
from wire import Box, Pixels

BOX = Box(-5, 7, 40, 30)  # a part of it lies off the canvas
NAME = "Preview: “雪” <b>&</b> _x\n🌄"
FIRST, SECOND = (200, 40, 90, 255), (20, 160, 60, 255)
SCENES = (
    *("full", "group", "whole_group", "pass_through", "off_canvas", "masked", "mask_selected"),
    *("locked_group", "with_selection", "gray", "u16", "float", "adobe", "table_profile"),
    *("indexed", "floating", "channel", "translucent"),
)


def picture(colour):
    return Pixels("rgba-u8", BOX.width, BOX.height, bytes(colour) * (BOX.width * BOX.height))


def colour_of(layer):
    if pixels.unknown_space(layer.get_image()):
        return None  # GEGL does not know its colours
    return list(pixels.read(layer, Box(20, 20, 1, 1), "rgba-u8").data)


def selected(image):
    items = (*image.get_selected_layers(), *image.get_selected_channels())
    return [item.get_id() for item in items]


def tried(name):
    image, drawables = getattr(scenes, name)()
    image.clean_all()
    before, chosen = snapshot(image), selected(image)
    above = next((one for one in map(sources.layer_of, drawables) if one is not None), None)
    mask = Pixels("y-u8", BOX.width, BOX.height, bytes(range(120)) * 10)
    goal = Destination(False, choices.TO_RGB) if name == "indexed" else Destination()
    footprint = preview_layer.Footprint.of(image, above, BOX, goal, mask)
    found = {"footprint": footprint is not None, "layer": False, "error": ""}
    layer = None
    try:
        layer = footprint and preview_layer.show(footprint, NAME, picture(FIRST))
    except Exception as error:
        found["error"] = type(error).__name__
    if layer:
        found["layer"] = True
        found["known"] = metadata.is_preview(layer)
        found["where"] = list(sources.extent(layer))
        found["beside"] = above is None or layer.get_parent() == above.get_parent()
        found["mask"] = bytes(pixels.read(layer.get_mask(), Box(0, 0, 40, 30), "y-u8").data) == (
            mask.data
        )
        found["first"] = colour_of(layer)
        preview_layer.repaint(layer, picture(SECOND))
        found["second"] = colour_of(layer)
        found["meanwhile"] = [image.is_dirty(), selected(image) == chosen]
        found["left"] = preview_layer.sweep(image, [layer])
        found["swept"] = preview_layer.sweep(image)
    found["differences"] = differences(before, snapshot(image))
    image.delete()
    return found


def locked():
    """GIMP kills whoever writes to a locked layer: that it answers at all is the proof."""
    image, drawables = scenes.full()
    footprint = preview_layer.Footprint(image, drawables[0], BOX)
    layer = preview_layer.show(footprint, NAME, picture(FIRST))
    layer.set_lock_content(True)
    preview_layer.repaint(layer, picture(SECOND))
    return colour_of(layer)


def changed_before():
    """That an image was not clean stays, too."""
    image, drawables = scenes.full()
    image.clean_all()
    drawables[0].set_opacity(50)
    footprint = preview_layer.Footprint(image, drawables[0], BOX)
    layer = preview_layer.show(footprint, NAME, picture(FIRST))
    preview_layer.remove(layer)
    return image.is_dirty()


def copies():
    """A copy that a person has made, in the image and of the image, is no preview any more."""
    image, drawables = scenes.full()
    footprint = preview_layer.Footprint(image, drawables[0], BOX)
    layer = preview_layer.show(footprint, NAME, picture(FIRST))
    copy = layer.copy()
    layers.insert(image, copy, None, 0)
    swept = preview_layer.sweep(image)
    return [swept, copy in image.get_layers()]


Gimp.get_plug_in().set_pdb_error_handler(Gimp.PDBErrorHandler.PLUGIN)
batch.answer(
    {
        **{name: tried(name) for name in SCENES},
        "locked": locked(),
        "changed before": changed_before(),
        "copies": copies(),
    }
)
