"""Change Result after the image or the result's layer was changed. The same job once more gives the
same bytes, so that a wrong place, a wrong turn or another source shows."""

import os

import batch
import scenes
from actions_common import place_of, siblings
from batch import record_of
from gi.repository import Gimp, Gio
from snapshot import differences, snapshot

FIXED = {"prompt": "海 “sea” 🌊", "steps": 1, "random_seed": False, "seed": 5}
TURN = Gimp.RotationType


def untouched(image, layer):
    return image, layer


def resized(image, layer):
    image.resize(140, 120, 17, 11)
    return image, layer


def cropped(image, layer):
    image.crop(50, 40, 30, 20)
    return image, layer


def flipped(image, layer):
    image.flip(Gimp.OrientationType.HORIZONTAL)
    return image, layer


def turned(image, layer):
    image.rotate(TURN.DEGREES90)
    return image, layer


def turned_and_flipped(image, layer):
    image.rotate(TURN.DEGREES270)
    image.flip(Gimp.OrientationType.VERTICAL)
    return image, layer


def scaled(image, layer):
    image.scale(image.get_width() * 3 // 2, image.get_height() * 3 // 2)
    return image, layer


def flipped_and_scaled(image, layer):
    image.flip(Gimp.OrientationType.VERTICAL)
    image.scale(image.get_width() * 2, image.get_height() * 2)
    return image, layer


def cropped_and_turned(image, layer):
    image.crop(50, 40, 30, 20)
    image.rotate(TURN.DEGREES90)
    return image, layer


def layer_moved(image, layer):
    _ok, x, y = layer.get_offsets()
    layer.set_offsets(x + 7, y + 5)
    return image, layer


def all_moved(image, layer):
    for other in image.get_layers():
        _ok, x, y = other.get_offsets()
        other.set_offsets(x + 3, y + 4)
    return image, layer


def layer_flipped(image, layer):
    layer.transform_flip_simple(Gimp.OrientationType.HORIZONTAL, True, 0)
    return image, layer


def to_image_size(image, layer):
    image.resize(140, 120, 17, 11)
    layer.resize_to_image_size()
    return image, layer


def reopened(image, layer):
    order = image.get_layers().index(layer)
    file = Gio.File.new_for_path(os.path.join(batch.WORK, "again.xcf"))
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file)
    found = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, file)
    return found, found.get_layers()[order]


def repainted(source):
    image, drawables = scenes.offset()
    _status, _error, values = batch.call(
        "img2img", image, drawables, source=source, strength=0.6, **FIXED
    )
    return image, values["layer"]


def repainted_16():
    image, drawables = scenes.u16()
    _status, _error, values = batch.call("img2img", image, drawables, strength=0.6, **FIXED)
    return image, values["layer"]


def filled(source, **edge):
    image, drawables = scenes.full()
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 30, 20, 30, 24)
    Gimp.Selection.feather(image, 6)
    _status, _error, values = batch.call(
        "regenerate-selection", image, drawables, source=source, strength=0.7, **FIXED, **edge
    )
    Gimp.Selection.none(image)
    return image, values["layer"]


def written():
    image, drawables = scenes.full()
    options = {"width": 48, "height": 32, **FIXED}
    _status, _error, values = batch.call("txt2img", image, drawables, **options)
    return image, values["layer"]


def expanded():
    image, drawables = scenes.full()
    _status, _error, values = batch.call(
        "expand", image, drawables, grow_by="px", left=24.0, bottom=16.0, feather=4, **FIXED
    )
    return image, values["layer"]


def upscaled():
    image, drawables = scenes.full()
    _status, _error, values = batch.call("upscale", image, drawables, enlarged="this-image")
    return image, values["layer"]


MAKERS = {
    "img2img layer": lambda: repainted("layer"),
    "img2img visible": lambda: repainted("visible"),
    "img2img 16 bits": repainted_16,
    "fill layer": lambda: filled("layer"),
    "fill visible, grown edge": lambda: filled("visible", grow=3, feather=5),
    "txt2img": written,
    "expand": expanded,
    "upscale": upscaled,
}


def raw(drawable):
    return bytes(batch.read(drawable, pixels_format=None))


def looks(layer):
    mask = layer.get_mask()
    return {
        "place": place_of(layer),
        "name": layer.get_name(),
        "opacity": layer.get_opacity(),
        "visible": layer.get_visible(),
        "order": siblings(layer),
        "mask": raw(mask).hex() if mask else "",
    }


def same(make, change):
    """Nothing is changed: what was there is there again."""
    image, layer = make()
    layer.set_opacity(71)
    image, layer = change(image, layer)
    before, pixels, first = looks(layer), raw(layer), record_of(layer)
    layer.fill(Gimp.FillType.WHITE) if change is untouched else None
    status, error, values = batch.call("change-result", image, [layer])
    found = {"status": status, "error": error}
    if status == "success":
        after = looks(layer)
        found["layer"] = values["layer"] == layer
        found["differs"] = [name for name in before if before[name] != after[name]]
        found["same"] = raw(layer) == pixels
        found["far"] = sum(abs(a - b) for a, b in zip(raw(layer), pixels, strict=True))
        found["varied"] = len(set(pixels)) > 8
        found["again"] = record_of(layer)["job"] != first["job"]
    image.delete()
    return found


def changed():
    """Another prompt, strength and seed: other pixels in the same place, one undo step."""
    image, layer = filled("layer")
    mask = layer.get_mask()
    batch.write(mask, bytes(255 for _ in range(mask.get_width() * mask.get_height())), "Y u8")
    layer.set_opacity(40)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 2, 2, 5, 5)
    before, pixels = looks(layer), raw(layer)
    _status, error, _values = batch.call(
        "change-result", image, [layer], prompt="лес", strength=0.9, seed=77
    )
    after, request = looks(layer), record_of(layer)["record"]["request"]
    return {
        "error": error,
        "differs": [name for name in before if before[name] != after[name]],
        "name": after["name"],
        "other_pixels": raw(layer) != pixels,
        "request": {name: request.get(name) for name in ("prompt", "strength", "seed", "steps")},
        "selection": bytes(batch.read(image.get_selection(), pixels_format="Y u8")).count(255),
    }


def named_by_hand():
    image, layer = repainted("layer")
    layer.set_name("mine #2")
    _status, error, _values = batch.call("change-result", image, [layer], seed=9)
    return {"error": error, "name": layer.get_name()}


def one_of_several():
    image, drawables = scenes.full()
    _status, error, values = batch.call("img2img", image, drawables, count=3, strength=0.5, **FIXED)
    layers = values["layers"]
    _status, error, _values = batch.call("change-result", image, [layers[1]], seed=99)
    names = [layer.get_name() for layer in layers]
    shown = []
    for _number in range(3):
        _status, told, _values = batch.call("next-variation", image, [layers[1]])
        shown.append([layer.get_visible() for layer in layers])
        error += told
    return {"error": error, "names": names, "shown": shown}


def refused(change):
    image, layer = repainted("layer")
    change(layer)
    before = snapshot(image)
    found = {}
    for name in ("change-result", "generate-again"):
        _status, found[name], _values = batch.call(name, image, [layer])
    return {**found, "changed": differences(before, snapshot(image))}


def turned_by_an_angle(layer):
    layer.transform_rotate(0.4, True, 0, 0)


def sheared(layer):
    layer.transform_shear(Gimp.OrientationType.HORIZONTAL, 20)


def locked(layer):
    layer.set_lock_content(True)


def again(make, change):
    """Generate Again of what has grown: it lies where the first one lies."""
    image, layer = make()
    image, layer = change(image, layer)
    place, size = place_of(layer), (image.get_width(), image.get_height())
    status, error, values = batch.call("generate-again", image, [layer])
    found = {"error": error, "place": place}
    if status == "success":
        made = values["layer"]
        found["made"] = place_of(made)
        found["other"] = raw(made) != raw(layer)
        found["size_stays"] = size == (image.get_width(), image.get_height())
        found["same_mask"] = (raw(made.get_mask()) if made.get_mask() else b"") == (
            raw(layer.get_mask()) if layer.get_mask() else b""
        )
        _status, error, _values = batch.call("change-result", image, [made])
        found["error"] += error
    image.delete()
    return found


def in_another_image():
    """The source is not there; a layer there has its number. The server still has what it was."""
    _image, layer = repainted("layer")
    other, _drawables = scenes.offset()
    made = Gimp.Layer.new_from_drawable(layer, other)
    other.insert_layer(made, None, 0)
    others = {one.get_name(): raw(one).hex() for one in other.get_layers() if one != made}
    pixels = raw(made)
    _status, error, _values = batch.call("change-result", other, [made])
    after = {one.get_name(): raw(one).hex() for one in other.get_layers() if one != made}
    return {"error": error, "same": raw(made) == pixels, "others": others == after}


ALL = (
    *(untouched, resized, cropped, flipped, turned, turned_and_flipped, scaled),
    *(flipped_and_scaled, cropped_and_turned, layer_moved, all_moved, layer_flipped),
    *(to_image_size, reopened),
)
CHANGES = {
    "fill layer": ALL,
    "img2img layer": (flipped,),
    "img2img visible": (cropped, layer_moved, reopened),
    "img2img 16 bits": (turned_and_flipped, cropped),
    "fill visible, grown edge": (untouched, flipped, scaled, cropped_and_turned),
    "txt2img": (turned,),
    "expand": (untouched, flipped, cropped),
    "upscale": (untouched, turned),
}
AGAIN = (("expand", untouched), ("expand", turned), ("expand", scaled), ("upscale", flipped))
FOUND = {
    f"{name}, {change.__name__}": same(MAKERS[name], change)
    for name, changes in CHANGES.items()
    for change in changes
}
for name, change in AGAIN:
    FOUND[f"again, {name}, {change.__name__}"] = again(MAKERS[name], change)
for change in (turned_by_an_angle, sheared, locked):
    FOUND[f"refused, {change.__name__}"] = refused(change)
FOUND["changed"] = changed()
FOUND["named by hand"] = named_by_hand()
FOUND["one of several"] = one_of_several()
FOUND["in another image"] = in_another_image()
batch.answer(FOUND)
