"""Select Object and its outputs, on layers that have a disc in front of stripes."""

import batch
import plugin_modules  # noqa: F401  before the plug-in's modules
import scenes
from actions_common import place_of
from discs import text, with_discs
from gi.repository import Babl, Gimp
from snapshot import differences, snapshot

MIDDLE, RADIUS = (30, 22), 13.5


def with_disc(image, drawables):
    return with_discs(image, drawables, [(*MIDDLE, RADIUS)])


def numbers_of(item):
    """The layout that reads a mask's own numbers in 8 bits; for GIMP they are what is selected."""
    return Babl.format_get_encoding(item.get_format()).split()[0] + " u8"


def hints(layer):
    """A click on the disc, one beside it, and a box, in px of the image."""
    x, y, width, height = place_of(layer)
    left, top = MIDDLE[0] - 17 + x, MIDDLE[1] - 17 + y
    return {
        "points": f"{MIDDLE[0] + x},{MIDDLE[1] + y}",
        "without": f"{x + width - 3},{y + height - 3}",
        "box": f"{left},{top},34,34",
    }


def made(scene, places=None, **options):
    image, drawables = with_disc(*scene)
    layer, depth = drawables[0], options.pop("depth", "Y u8")
    before = snapshot(image)
    found = {
        "place": place_of(layer),
        "before": text(batch.read(image.get_selection(), pixels_format=depth)),
    }
    given = (places or hints)(layer) | options
    found["seen"] = text(batch.read(layer))
    found["status"], found["error"], values = batch.call("select-object", image, drawables, **given)
    item = values.get("item")
    if item is not None:
        found["item"] = {
            "kind": type(item).__name__,
            "name": item.get_name(),
            "values": text(batch.read(item, pixels_format=numbers_of(item))),
            "size": [item.get_width(), item.get_height()],
        }
        if item.is_layer():
            found["item"]["place"] = place_of(item)
            found["item"]["pixels"] = text(batch.read(item))
            found["item"]["mask"] = text(batch.read(item.get_mask(), pixels_format=depth))
    found["selection"] = text(batch.read(image.get_selection(), pixels_format=depth))
    found["canvas"] = [image.get_width(), image.get_height()]
    found["changed"] = differences(before, snapshot(image))
    return found


def combined(operation):
    image, drawables = scenes.offset()
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 30, 20, 40, 40)
    Gimp.Selection.feather(image, 10)
    return made((image, drawables), operation=operation)


def translucent_pixels():
    """Half of the layer is half transparent, its first column wholly."""
    image, drawables = with_disc(*scenes.offset())
    layer = drawables[0]
    data = bytearray(batch.read(layer))
    width = layer.get_width()
    for position in range(3, len(data), 4):
        x = position // 4 % width
        data[position] = 0 if x < 20 else 128 if x < 32 else 255
    batch.write(layer, bytes(data))
    before = text(batch.read(layer))
    _status, error, values = batch.call(
        "select-object", image, drawables, output="layer", **hints(layer)
    )
    item = values["item"]
    return {
        "before": before,
        "error": error,
        "after": text(batch.read(layer)),
        "pixels": text(batch.read(item)),
        "mask": text(batch.read(item.get_mask(), pixels_format="Y u8")),
    }


def flat():
    """Nothing that could be told apart, and beside it a place that can't be."""
    image, drawables = scenes.offset()
    drawables[0].fill(Gimp.FillType.WHITE)
    before = snapshot(image)
    status, error, _values = batch.call("select-object", image, drawables, without="40,30")
    return {"status": status, "error": error, "changed": differences(before, snapshot(image))}


def wrong(**given):
    return lambda _layer: given


batch.answer(
    {
        "offset": made(scenes.offset()),
        "group": made(scenes.group()),
        "off canvas": made(scenes.off_canvas()),
        "beyond": made(scenes.beyond(), lambda _layer: {"points": "95,75", "without": "72,52"}),
        "u16": made(scenes.u16()),
        "float": made(scenes.float()),
        "gray": made(scenes.gray()),
        "indexed": made(scenes.indexed()),
        "automatic": made(scenes.offset(), lambda _layer: {}),
        "replace": combined("replace"),
        "add": combined("add"),
        "subtract": combined("subtract"),
        "intersect": combined("intersect"),
        "channel": made(scenes.off_canvas(), output="channel"),
        "channel u16": made(scenes.u16(), output="channel"),
        "mask": made(scenes.beyond(), lambda _layer: {"points": "100,72"}, output="layer-mask"),
        "mask in place": made(scenes.masked(), output="layer-mask"),
        "visible mask": made(scenes.offset(), source="visible", output="layer-mask"),
        "cut out": made(scenes.group(), output="layer"),
        "cut out u16": made(scenes.u16(), output="layer"),
        "cut out gray": made(scenes.gray(), output="layer"),
        "cut out indexed": made(scenes.indexed(), output="layer"),
        "translucent": translucent_pixels(),
        "flat": flat(),
        "letters": made(scenes.offset(), wrong(points="links,oben 🐈")),
        "outside": made(scenes.offset(), wrong(points="2,3")),
        "no box": made(scenes.offset(), wrong(box="20,20,0,5")),
    }
)
