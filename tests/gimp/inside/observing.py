"""How a result was made, as a group of layers and on a contact sheet."""

import os
import struct
from array import array

import batch
import scenes
from actions_common import place_of, siblings
from gi.repository import Gimp, Gio
from snapshot import differences, snapshot

JOB = {"prompt": "a lake", "strength": 0.6, "steps": 4, "random_seed": False, "seed": 3}


def sheet(name="sheet.png"):
    return os.path.join(batch.WORK, name)


def png_size(path):
    with open(path, "rb") as stream:
        head = stream.read(24)
    return list(struct.unpack(">II", head[16:24])) if head[:4] == b"\x89PNG" else None


def group_above(layer):
    """The item right above a layer among its siblings."""
    order = siblings(layer)
    above = order.index(layer.get_id()) - 1
    return Gimp.Item.get_by_id(order[above]) if above >= 0 else None


def seen(image):
    """What is seen of the whole canvas, in the image's own depth: which way GEGL takes to another
    one may change with its caches."""
    copy = image.duplicate()
    layer = Gimp.Layer.new_from_visible(copy, copy, "seen")
    data = stored(layer, image)
    layer.delete()
    copy.delete()
    return data


def stored(layer, image):
    """Its numbers as the image keeps them."""
    deep = image.get_precision() == Gimp.Precision.U16_NON_LINEAR
    return array("H" if deep else "B", batch.read(layer, pixels_format=None))


def furthest(some, others):
    return max(abs(one - other) for one, other in zip(some, others, strict=True))


def told(values):
    """The group and its stages, and where they are."""
    layer = values["layer"]
    group = group_above(layer)
    stages = group.get_children()
    return {
        "name": group.get_name(),
        "is_group": group.is_group(),
        "visible": group.get_visible(),
        "expanded": group.get_expanded(),
        "names": [stage.get_name() for stage in stages],
        "places": [place_of(stage) for stage in stages],
        "result": place_of(layer),
        "records": [stage.get_parasite_list() for stage in stages],
        "all_seen": all(stage.get_visible() for stage in stages),
        "same_parent": group.get_parent() == layer.get_parent(),
        "returned": [item.is_group() for item in values["layers"]],
        "last_is_result": batch.read(stages[-1]) == batch.read(layer),
        "first_is_result": batch.read(stages[0]) == batch.read(layer),
    }


def observed(scene, action="img2img", **options):
    """What is there after the job; and taken away again, the image is as it was."""
    image, drawables = scene
    before, selected = snapshot(image), image.get_selected_layers()
    options = {name: value for name, value in {**JOB, **options}.items() if value is not None}
    plain = batch.call(action, image, drawables, **options)
    if plain[0] != "success":
        return {"status": plain[0], "error": plain[1]}
    pixels, shown = stored(plain[2]["layer"], image), seen(image)
    image.remove_layer(plain[2]["layer"])
    image.set_selected_layers(selected)
    status, error, values = batch.call(action, image, drawables, observe=True, **options)
    if status != "success":
        return {"status": status, "error": error}
    found = told(values)
    found["furthest"] = furthest(stored(values["layer"], image), pixels)
    found["furthest_seen"] = furthest(seen(image), shown)
    found["selected"] = image.get_selected_layers() == [values["layer"]]
    group = group_above(values["layer"])
    image.remove_layer(group)
    image.remove_layer(values["layer"])
    image.set_selected_layers(selected)
    found["left"] = [
        text for text in differences(before, snapshot(image)) if not text.startswith("image.dirty")
    ]
    return found


def selection(scene):
    image, drawables = scene
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 30, 20, 30, 24)
    return image, drawables


def locked_group():
    image, drawables = scenes.group()
    drawables[0].get_parent().set_lock_position(True)
    return image, drawables


def new_image(image, drawables, **options):
    _status, error, values = batch.call(
        "img2img", image, drawables, observe=True, target="image", **{**JOB, **options}
    )
    if not values:
        return {"error": error}
    made = values["image"]
    return {
        "layers": [item.is_group() for item in made.get_layers()],
        "returned": [item.is_group() for item in values["layers"]],
        "undo": made.undo_is_enabled(),
        "type": made.get_base_type().value_nick,
    }


def on_a_sheet():
    """The file alone: nothing more in the image. Replaced, and not remembered."""
    image, drawables = scenes.offset()
    path = sheet()
    with open(path, "w") as stream:
        stream.write("an older file")
    file = Gio.File.new_for_path(path)
    status, error, _values = batch.call("img2img", image, drawables, contact_sheet=file, **JOB)
    found = {"status": status, "error": error, "size": png_size(path)}
    found["layers"] = [layer.is_group() for layer in image.get_layers()]
    os.remove(path)
    mode = Gimp.RunMode.WITH_LAST_VALS
    batch.call("img2img", image, drawables, mode=mode)
    found["again"] = os.path.exists(path)
    return found


def nowhere():
    image, drawables = scenes.offset()
    before = snapshot(image)
    file = Gio.File.new_for_path(sheet("no/such/folder/sheet.png"))
    status, error, _values = batch.call("img2img", image, drawables, contact_sheet=file, **JOB)
    return {
        "status": status,
        "error": error,
        "changed": differences(before, snapshot(image)),
    }


def again():
    """Generate Again is quick: it does not observe."""
    image, drawables = scenes.offset()
    _status, _error, values = batch.call("img2img", image, drawables, observe=True, **JOB)
    count = len(image.get_layers())
    status, error, _values = batch.call("generate-again", image, [values["layer"]])
    return {"status": status, "error": error, "more": len(image.get_layers()) - count}


def adobe():
    return scenes.offset(
        profile=Gimp.ColorProfile.new_rgb_adobe(), precision=Gimp.Precision.U16_NON_LINEAR
    )


batch.answer(
    {
        "offset": observed(scenes.offset()),
        "group": observed(scenes.group()),
        "locked group": observed(locked_group()),
        "selection": observed(selection(scenes.offset()), "regenerate-selection"),
        "text": observed(scenes.offset(), "txt2img", width=64, height=64, strength=None),
        "unchanged": observed(scenes.offset(), strength=0.0),
        "gray": observed(scenes.offset(kind=Gimp.ImageBaseType.GRAY)),
        "adobe": observed(adobe()),
        "new image": new_image(*scenes.offset()),
        "sheet": on_a_sheet(),
        "nowhere": nowhere(),
        "again": again(),
    }
)
