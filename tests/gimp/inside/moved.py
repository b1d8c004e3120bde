"""Generate Again after the image or the result's layer has been changed. At strength 0 the new
result is its source bit for bit, so that a wrong place shows."""

import batch
import scenes
from actions_common import place_of
from batch import record_of
from gi.repository import Gimp
from snapshot import differences, snapshot

SAME = {"strength": 0.0, "prompt": "x", "random_seed": False, "seed": 5}
TURN = Gimp.RotationType


def resized(image, _layer):
    image.resize(140, 120, 17, 11)


def cropped(image, _layer):
    image.crop(50, 40, 20, 15)


def flipped(image, _layer):
    image.flip(Gimp.OrientationType.HORIZONTAL)


def turned(image, _layer):
    image.rotate(TURN.DEGREES90)


def scaled(image, _layer):
    image.scale(150, 120)


def layer_moved(_image, layer):
    _ok, x, y = layer.get_offsets()
    layer.set_offsets(x + 7, y + 5)


def layer_scaled(_image, layer):
    layer.scale(layer.get_width() // 2, layer.get_height() // 2, True)


def layer_turned(_image, layer):
    layer.transform_rotate_simple(TURN.DEGREES90, True, 0, 0)


def layer_off_the_canvas(_image, layer):
    layer.set_offsets(-10, -10)


def all_moved(image, _layer):
    for layer in image.get_layers():
        _ok, x, y = layer.get_offsets()
        layer.set_offsets(x + 3, y + 4)


def untouched(_image, _layer):
    pass


CHANGES = [
    *(untouched, resized, cropped, flipped, turned, scaled),
    *(layer_moved, layer_scaled, layer_turned, layer_off_the_canvas, all_moved),
]


def repainted(source):
    image, drawables = scenes.offset()
    _status, _error, values = batch.call("img2img", image, drawables, source=source, **SAME)
    return image, drawables[0], values["layer"]


def filled(source):
    image, drawables = scenes.full()
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 30, 20, 30, 24)
    Gimp.Selection.feather(image, 6)
    _status, _error, values = batch.call(
        "regenerate-selection", image, drawables, source=source, **SAME
    )
    Gimp.Selection.none(image)
    return image, drawables[0], values["layer"]


def written(_source):
    image, drawables = scenes.full()
    options = {"width": 48, "height": 32, "steps": 1, "prompt": "x"}
    _status, _error, values = batch.call("txt2img", image, drawables, **options)
    return image, None, values["layer"]


def expected(image, source, results, place, visible):
    """The source's pixels at the place, read in another way than the plug-in does."""
    x, y, width, height = place
    if not visible:
        _ok, left, top = source.get_offsets()
        return batch.read(source, x - left, y - top, width, height)
    for layer in results:
        layer.set_visible(False)
    copy = image.duplicate()
    for layer in results:
        layer.set_visible(True)
    copy.resize(width, height, -x, -y)
    seen = Gimp.Layer.new_from_visible(copy, copy, "seen")
    data = batch.read(seen, 0, 0, width, height)
    seen.delete()
    copy.delete()
    return data


def again(make, change, kind="layer"):
    image, source, first = make(kind)
    change(image, first)
    place = place_of(first)
    wanted = expected(image, source, [first], place, kind == "visible") if source else None
    status, error, values = batch.call("generate-again", image, [first])
    found = {"status": status, "error": error, "wanted": place}
    if status == "success":
        layer = values["layer"]
        found["place"] = place_of(layer)
        found["box"] = list(record_of(layer)["box"].values())
        if wanted is not None:
            found["same"] = batch.read(layer) == wanted
            found["varied"] = len(set(wanted)) > 8
        if first.get_mask():
            masks = [batch.read(one.get_mask(), pixels_format=None) for one in (first, layer)]
            found["same_mask"] = masks[0] == masks[1]
    image.delete()
    return found


def beside():
    """A layer that no longer touches its source."""
    image, _source, first = repainted("layer")
    first.set_offsets(-300, 0)
    before = snapshot(image)
    status, error, _values = batch.call("generate-again", image, [first])
    return {"status": status, "error": error, "changed": differences(before, snapshot(image))}


MAKERS = {
    "img2img layer": (repainted, "layer"),
    "img2img visible": (repainted, "visible"),
    "fill layer": (filled, "layer"),
    "fill visible": (filled, "visible"),
    "txt2img": (written, ""),
}
FOUND = {
    f"{name}, {change.__name__}": again(make, change, kind)
    for name, (make, kind) in MAKERS.items()
    for change in CHANGES
    if f"{name}, {change.__name__}" in batch.arguments()
}
batch.answer(FOUND | {"beside": beside()})
