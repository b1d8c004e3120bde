"""What the actions do besides placing one layer: several pictures, repetition, new images, last
values, the server and the doctor."""

import hashlib
import os
import sys
from pathlib import Path

import batch
import scenes
from actions_common import place_of, siblings
from batch import record_of
from gi.repository import Gimp
from snapshot import differences, snapshot

QUICK = {"steps": 2}


def described(layer):
    record = record_of(layer)
    return {
        "name": layer.get_name(),
        "place": place_of(layer),
        "visible": layer.get_visible(),
        "seed": record["seed"],
        "origin": record["origin"],
        "job": record["job"],
        "request": record["record"]["request"],
    }


def several_pictures():
    image, drawables = scenes.group()
    options = {"prompt": "  two\nwords ", "strength": 0.0, "random_seed": False, "seed": 7}
    _status, _error, values = batch.call("img2img", image, drawables, count=3, **options)
    order = siblings(drawables[0])
    group = values["layer"].get_parent()
    ids = [layer.get_id() for layer in values["layers"]]
    return {
        "layers": [described(layer) for layer in values["layers"]],
        "first_returned_alone": values["layer"] == values["layers"][0],
        "grouped": [layer.get_id() for layer in group.get_children()] == ids,
        "group": [group.get_name(), group.get_expanded(), group.get_mode().value_nick],
        "above_source": order[order.index(drawables[0].get_id()) - 1] == group.get_id(),
        "selected": image.get_selected_layers() == [group],
    }


def same_seed():
    image, drawables = scenes.offset()
    found = []
    for _run in range(2):
        options = {"prompt": "x", "strength": 0.7, "random_seed": False, "seed": 5, **QUICK}
        _status, _error, values = batch.call("img2img", image, drawables, **options)
        found.append(batch.read(values["layer"]))
    return {"equal": found[0] == found[1], "changed": found[0] != batch.read(drawables[0])}


def text_to_new_image():
    before = len(Gimp.get_images())
    status, error, values = batch.call(
        "txt2img", prompt="a {hill|hill}", width=64, height=96, **QUICK
    )
    image = values["image"]
    return {
        "status": status,
        "error": error,
        "size": [image.get_width(), image.get_height()],
        "layers": [described(layer) for layer in image.get_layers()],
        "undo": image.undo_is_enabled(),
        "new_images": len(Gimp.get_images()) - before,
        "opaque": set(batch.read(values["layer"])[3::4]) == {255},
    }


def text_to_layer():
    image, drawables = scenes.group()
    _status, _error, values = batch.call("txt2img", image, drawables, width=64, height=64, **QUICK)
    order = siblings(values["layer"])
    return {
        "place": place_of(values["layer"]),
        "same_image": values["image"] == image,
        "above_selected": order.index(values["layer"].get_id()) + 1
        == order.index(drawables[0].get_id()),
    }


def again(scene, source):
    """A fill repeated: same place and mask, another seed, from the same source."""
    image, drawables = getattr(scenes, scene)()
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 30, 20, 30, 24)
    Gimp.Selection.feather(image, 6)
    options = {"prompt": "boat", "strength": 0.8, "source": source, **QUICK}
    _status, _error, values = batch.call("regenerate-selection", image, drawables, **options)
    first = values["layer"]
    Gimp.Selection.none(image)
    status, error, values = batch.call("generate-again", image, [first])
    if status != "success":
        return {"status": status, "error": error}
    second = values["layer"]
    return {
        "status": status,
        "first": described(first),
        "second": described(second),
        "same_mask": batch.read(first.get_mask(), pixels_format="Y u8")
        == batch.read(second.get_mask(), pixels_format="Y u8"),
        "same_source": record_of(first)["record"]["request"]["source"]
        == record_of(second)["record"]["request"]["source"],
        "right_above": siblings(first).index(first.get_id())
        == siblings(first).index(second.get_id()) + 1,
    }


def again_without_source():
    image, drawables = scenes.offset()
    _status, _error, values = batch.call("img2img", image, drawables, strength=0.0)
    image.remove_layer(drawables[0])
    status, error, _values = batch.call("generate-again", image, [values["layer"]])
    return {"status": status, "error": error}


def again_without_mask():
    image, drawables = scenes.offset()
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 20, 20, 9, 9)
    _status, _error, values = batch.call("regenerate-selection", image, drawables, strength=0.0)
    values["layer"].remove_mask(Gimp.MaskApplyMode.DISCARD)
    status, error, _values = batch.call("generate-again", image, [values["layer"]])
    return {"status": status, "error": error}


def grown_selection():
    """Grow and feather: the mask is wider than the selection, and only there pixels change."""
    image, drawables = scenes.full()
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 40, 30, 10, 10)
    seen = batch.visible(image)
    _status, _error, values = batch.call(
        "regenerate-selection", image, drawables, grow=4, feather=3, **QUICK
    )
    layer = values["layer"]
    x, y, width, _height = place_of(layer)
    mask = batch.read(layer.get_mask(), pixels_format="Y u8")
    now = batch.visible(image)
    image_width = image.get_width()
    leaked = 0
    for number in range(len(now) // 4):
        column, row = number % image_width - x, number // image_width - y
        inside = 0 <= column < width and 0 <= row < len(mask) // width
        value = mask[row * width + column] if inside else 0
        same = now[4 * number : 4 * number + 4] == seen[4 * number : 4 * number + 4]
        leaked += value == 0 and not same
    return {"masked": sum(value > 0 for value in mask), "full": mask.count(255), "leaked": leaked}


def last_values():
    """What an interactive run left behind is used again; GIMP keeps it in this file."""
    folder = os.path.join(batch.WORK, "config", "plug-in-settings")
    os.makedirs(folder, exist_ok=True)
    name = "GimpProcedureConfigRun-plug-in-pentimento-img2img.last"
    with open(os.path.join(folder, name), "w") as file:
        file.write('(prompt "kept from before")\n(strength 0.0)\n(random-seed no)\n(seed 4242)\n')
    image, drawables = scenes.offset()
    status, error, values = batch.call(
        "img2img", image, drawables, mode=Gimp.RunMode.WITH_LAST_VALS
    )
    if status != "success":
        return {"status": status, "error": error}
    layer = values["layer"]
    return {"status": status, "name": layer.get_name(), "place": place_of(layer)}


def reports():
    _status, _error, report = batch.call("server")
    _status, _error, doctor = batch.call("doctor")
    return {"server": report["report"], "doctor": doctor["report"]}


def kept_address():
    path = os.path.join(batch.WORK, "config", "pentimento.json")
    bad = batch.call("server", command="set", url="ftp://nowhere", token="x")
    wrong = batch.call("server", command="set", url="http://127.0.0.1:9", token="secret")
    mode = oct(os.stat(path).st_mode & 0o777)
    image, drawables = scenes.offset()
    before = snapshot(image)
    failed = batch.call("img2img", image, drawables)
    changed = differences(before, snapshot(image))
    batch.call("server", command="set", url="", token="")
    good = batch.call("img2img", image, drawables, strength=0.0)
    settings = Path(batch.WORK, "config", "plug-in-settings")
    leaks = [file.name for file in settings.glob("*") if "secret" in file.read_text()]
    return {
        "bad": bad[:2],
        "set": wrong[:2],
        "mode": mode,
        "failed": failed[:2],
        "changed_by_failure": changed,
        "good": good[:2],
        "leaks": leaks,
    }


def table_profile():
    """A profile made of tables, which GEGL can't convert: the pixels sent must be sRGB all the
    same, and what comes back must be in the image's own numbers."""
    image, drawables = scenes.table_profile()
    layer = drawables[0]
    copy = image.duplicate()
    intent = Gimp.ColorRenderingIntent.RELATIVE_COLORIMETRIC
    copy.convert_precision(Gimp.Precision.FLOAT_NON_LINEAR)  # nothing outside sRGB gets lost
    copy.convert_color_profile(Gimp.ColorProfile.new_rgb_srgb(), intent, True)
    truth = batch.read(copy.get_layers()[0], pixels_format="R'G'B'A float")
    copy.delete()
    status, error, values = batch.call("img2img", image, drawables, strength=0.0)
    if status != "success":
        return {"status": status, "error": error}
    size = f"rgba-f32;{layer.get_width()};{layer.get_height()};".encode()
    sent = record_of(values["layer"])["record"]["request"]["source"]["blob"]
    pairs = zip(batch.read(layer), batch.read(values["layer"]), strict=True)
    profile = image.get_color_profile()
    return {
        "status": status,
        "converted": truth != batch.read(layer, pixels_format="R'G'B'A float"),
        "sent_srgb": sent == hashlib.sha256(size + truth).hexdigest(),
        "difference": max(abs(one - other) for one, other in pairs),
        "profile": profile.get_label() if profile else None,
    }


def closed_image():
    """The image goes while the plug-in waits for the server: the same code as in the plug-in, run
    with an image that is gone."""
    sys.path.append(os.path.join(batch.WORK, "config", "plug-ins", "pentimento"))
    from errors import NotPossible
    from gimpio import layers, sources
    from gimpio.destination import Destination
    from wire import Box, Pixels

    image, drawables = scenes.offset()
    box = Box(0, 0, 1, 1)
    source = sources.choose(image, drawables, "layer", Destination())
    pictures = [layers.Picture(Pixels("rgba-u8", 1, 1, bytes(4)), "gone", {})]
    image.delete()
    told = []
    for attempt in (
        lambda: source.read(box),
        lambda: layers.Place(image, drawables[0], box, Destination(), None, "Kept.").put(pictures),
    ):
        try:
            attempt()
        except NotPossible as error:
            told.append(str(error))
    return told


def record_that_cannot_be_written():
    """The layer is placed all the same, at its place and alone."""
    from gimpio import layers
    from gimpio.destination import Destination
    from wire import Box, Pixels

    image, drawables = scenes.offset()
    before = len(image.get_layers())
    picture = layers.Picture(Pixels("rgba-u8", 1, 1, bytes(4)), "kept", {"record": {1, 2}})
    values = layers.Place(image, drawables[0], Box(3, 4, 1, 1), Destination()).put([picture])
    (layer,) = values["layers"]
    more = len(image.get_layers()) - before
    return {"place": place_of(layer), "name": layer.get_name(), "more": more}


def removed_source():
    """The source layer goes while the plug-in waits: the result is placed on top, not lost."""
    from gimpio import layers
    from gimpio.destination import Destination
    from wire import Box, Pixels

    image, drawables = scenes.group()
    pictures = [layers.Picture(Pixels("rgba-u8", 1, 1, bytes(4)), "kept", {})]
    image.remove_layer(drawables[0])
    place = layers.Place(image, drawables[0], Box(3, 4, 1, 1), Destination())
    (layer,) = place.put(pictures)["layers"]
    return {"place": place_of(layer), "top": image.get_layers()[0] == layer}


def drawing_over(image, width=64, height=48):
    """A layer of white lines on black that is larger than the source and lies elsewhere."""
    layer = batch.add_layer(image, 5, 4, width + 20, height + 16, name="drawing")
    data = bytearray(b"\0\0\0\xff" * (layer.get_width() * layer.get_height()))
    for x in range(10, layer.get_width() - 10):
        for part in range(3):
            data[4 * (30 * layer.get_width() + x) + part] = 255
    batch.write(layer, bytes(data))
    return layer


def steered():
    """The same job without and with a control layer, with the source's own edges, with a LoRA."""
    image, drawables = scenes.group()
    drawing = drawing_over(image)
    fixed = {"prompt": "x", "strength": 1.0, "random_seed": False, "seed": 5, **QUICK}
    found = {}
    for name, options in {
        "plain": {},
        "by a map": {"control": "canny", "control_layer": drawing, "control_is_map": True},
        "by a picture": {"control": "canny", "control_layer": drawing, "control_weight": 0.5},
        "by the source": {"control": "canny"},
        "lora": {"loras": "blueprint:0.8"},
        "unknown lora": {"loras": "nothing"},
        "lora without a number": {"loras": "blueprint:much"},
        "no depth": {"control": "depth", "control_layer": drawing, "control_is_map": True},
    }.items():
        before = snapshot(image)
        status, error, values = batch.call("img2img", image, drawables, **fixed, **options)
        found[name] = {"status": status, "error": error}
        if status == "success":
            pixels = bytes(batch.read(values["layer"]))
            found[name]["pixels"] = hashlib.sha256(pixels).hexdigest()
            found[name]["request"] = record_of(values["layer"])["record"]["request"]
            found[name]["place"] = place_of(values["layer"])
        else:
            found[name]["changed"] = differences(before, snapshot(image))
    return found


def steered_again():
    """A control layer that is painted on in between counts as it is then."""
    image, drawables = scenes.group()
    drawing = drawing_over(image)
    fixed = {"prompt": "x", "strength": 1.0, "control": "canny", "control_layer": drawing, **QUICK}
    _status, _error, values = batch.call("img2img", image, drawables, **fixed)
    first = values["layer"]
    drawing.edit_clear()
    _status, error, values = batch.call("generate-again", image, [first])
    second = values["layer"] if values else None
    image.remove_layer(drawing)
    gone = batch.call("generate-again", image, [first])
    blobs = [
        record_of(layer)["record"]["request"]["controls"][0]["image"]["blob"]
        for layer in (first, second)
        if layer
    ]
    return {"error": error, "blobs": blobs, "gone": gone[:2]}


def steered_text():
    """A map for a picture from text lies where the picture is going to be."""
    image, drawables = scenes.group()
    drawing = drawing_over(image, 120, 100)
    options = {"width": 64, "height": 64, "random_seed": False, "seed": 5, **QUICK}
    control = {"control": "canny", "control_layer": drawing, "control_is_map": True}
    made = []
    for extra in ({}, control):
        _status, error, values = batch.call("txt2img", image, drawables, **options, **extra)
        made.append(bytes(batch.read(values["layer"])) if values else error)
    return {"differ": made[0] != made[1], "sizes": [len(data) for data in made]}


batch.answer(
    {
        "steered": steered(),
        "steered text": steered_text(),
        "steered again": steered_again(),
        "several pictures": several_pictures(),
        "same seed": same_seed(),
        "text to a new image": text_to_new_image(),
        "text to a layer": text_to_layer(),
        "again from a layer": again("group", "layer"),
        "again from the canvas": again("offset", "visible"),
        "again without source": again_without_source(),
        "again without mask": again_without_mask(),
        "grown selection": grown_selection(),
        "last values": last_values(),
        "reports": reports(),
        "kept address": kept_address(),
        "profile of tables": table_profile(),
        "closed image": closed_image(),
        "removed source": removed_source(),
        "unwritable record": record_that_cannot_be_written(),
    }
)
