"""Next, Previous and Keep Variation in real GIMP, side by side and in a group."""

import json
import os
import tempfile

import batch
import scenes
from batch import record_of
from gi.repository import Gimp, Gio

FIXED = {"prompt": "三 “three” 🎲", "steps": 1, "strength": 0.5, "random_seed": False, "seed": 5}


def three(grouped):
    image, drawables = scenes.full()
    _status, error, values = batch.call("img2img", image, drawables, count=3, **FIXED)
    layers = values["layers"]
    if grouped:
        group = layers[0].get_parent()
        if group is None:
            group = Gimp.GroupLayer.new(image, "三 “three” 🎲")
            image.insert_layer(group, None, 0)
            for layer in reversed(layers):
                image.reorder_item(layer, group, 0)
    return image, layers, error


def seen(layers):
    return [layer.get_visible() for layer in layers if layer.is_valid()]


def walked(grouped, by_group=False):
    image, layers, error = three(grouped)
    before = [layer.get_name() for layer in image.get_layers()]
    others = [layer for layer in image.get_layers() if layer not in layers]
    pixels = [bytes(batch.read(layer)) for layer in layers]
    found = {"error": error, "shown": [seen(layers)], "before": before}
    for name in ("next", "next", "next", "previous"):
        selected = [layers[0].get_parent()] if by_group else image.get_selected_layers()
        _status, error, values = batch.call(f"{name}-variation", image, selected)
        found["error"] += error
        found["shown"].append(seen(layers))
        found["selected_is_seen"] = image.get_selected_layers() == [values["layer"]]
    last = next(number for number, layer in enumerate(layers) if layer.get_visible())
    selected = [layers[0].get_parent()] if by_group else image.get_selected_layers()
    _status, error, values = batch.call("keep-variation", image, selected)
    kept = values["layer"]
    found["error"] += error
    found["kept"] = [
        kept == layers[last],
        bytes(batch.read(kept)) == pixels[last],
        record_of(kept)["index"],
        kept.get_name(),
        kept.get_parent() is None,
    ]
    found["after"] = [layer.get_name() for layer in image.get_layers()]
    found["others_stay"] = (
        all(layer.is_valid() for layer in others if not layer.is_group()) or grouped
    )
    _status, found["alone"], _values = batch.call("next-variation", image, [kept])
    return found


def not_ours():
    image, drawables = scenes.full()
    _status, error, _values = batch.call("keep-variation", image, drawables)
    return {"error": error, "layers": len(image.get_layers())}


def tries():
    """One by one from one layer, at two places, with other results beside them."""
    image, drawables = scenes.full()
    whole = [one_try(image, drawables, strength) for strength in (0.5, 0.4, 0.3)]
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 2, 2, 12, 9)
    elsewhere = [one_try(image, drawables, 0.5, "regenerate-selection") for _number in range(2)]
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 20, 15, 12, 9)
    elsewhere.append(one_try(image, drawables, 0.5, "regenerate-selection"))
    _status, _error, values = batch.call("img2img", image, drawables, count=2, **FIXED)
    group = values["layers"][0].get_parent()
    names = [layer.get_name() for layer in (*whole, *values["layers"])]
    whole[0].set_visible(False)
    _status, error, values = batch.call("keep-variation", image, [whole[1]])
    left = [layer.is_valid() for layer in whole]
    others = [layer.is_valid() for layer in elsewhere]
    return {
        "error": error,
        "names": names,
        "kept": values["layer"] == whole[1],
        "left": left,
        "elsewhere": others,
        "group": group.is_valid(),
    }


def by_seam():
    """Four of a selection with somebody's own layer among them, sorted; and some of which no edge
    is known."""
    image, drawables = scenes.full()
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 6, 5, 24, 18)
    _status, error, values = batch.call(
        "regenerate-selection", image, drawables, count=4, **{**FIXED, "strength": 1.0}
    )
    made = values["layers"]
    group = made[0].get_parent()
    own = batch.add_layer(image, 0, 0, 8, 8, parent=group, name="own")
    image.reorder_item(own, group, 2)
    words = [layer.get_name() for layer in made]
    _status, told, values = batch.call("sort-variations", image, [made[3]])
    order = values["layers"]
    found = {
        "error": error + told,
        "seams": [record_of(layer)["seam"] for layer in order],
        "as they were": [record_of(layer)["seam"] for layer in made],
        "stack": [layer.get_name() for layer in group.get_children()],
        "order": [layer.get_name() for layer in order],
        "names": [layer.get_name() for layer in made] == words,
        "seen": seen(order),
        "selected": image.get_selected_layers() == order[:1],
    }
    walk = []
    for _number in order:
        values = batch.call("next-variation", image, image.get_selected_layers())[2]
        walk.append(order.index(values["layer"]))
    _status, error, values = batch.call("change-result", image, [order[1]], seed=9)
    _status, told, values = batch.call("sort-variations", image, image.get_selected_layers())
    again = [record_of(layer)["seam"] for layer in values["layers"]]
    whole = three(False)
    unknown = batch.call("sort-variations", whole[0], whole[1][:1])[1]
    return {**found, "walk": walk, "again": [error + told, again], "unknown": unknown}


def one_try(image, drawables, strength, action="img2img"):
    asked = {**FIXED, "strength": strength}
    _status, error, values = batch.call(action, image, drawables, **asked)
    assert not error, error
    return values["layer"]


def plotted():
    image, drawables = scenes.full()
    _status, error, values = batch.call("img2img", image, drawables, **FIXED)
    result = values["layer"]
    before = [layer.get_id() for layer in image.get_layers()]
    axes = {"x_axis": "strength", "x_values": "0.4, 0.6,0.8", "y_axis": "seed"}
    _status, told, values = batch.call("xy-plot", image, [result], y_values="5, 6, 7", **axes)
    layers = values["layers"]
    group = layers[0].get_parent()
    records = [record_of(layer)["record"]["request"] for layer in layers]
    single = batch.call("img2img", image, drawables, **{**FIXED, "strength": 0.6, "seed": 7})[2]
    found = {
        "error": error + told,
        "group": group.get_name(),
        "names": [layer.get_name() for layer in layers],
        "values": [[request["strength"], request["seed"]] for request in records],
        "seen": seen(layers),
        "different": len({bytes(batch.read(layer)) for layer in layers}),
        "as_single": bytes(batch.read(layers[7])) == bytes(batch.read(single["layer"])),
        "above": image.get_layers().index(group) < image.get_layers().index(result),
        "others_stay": all(Gimp.Item.id_is_valid(one) for one in before),
    }
    _status, found["next"], values = batch.call("next-variation", image, [layers[0]])
    found["second"] = values["layer"] == layers[1]
    return found


def not_plotted():
    image, drawables = scenes.full()
    _status, _error, values = batch.call("img2img", image, drawables, **FIXED)
    found = []
    for x, across, y, down in (
        ("strength", "0.2", "strength", "0.3"),
        ("strength", "7", "seed", "1"),
        ("sampler", "猫", "seed", "1"),
        ("lora", "0.3", "seed", "1"),
        ("steps", "", "seed", "1"),
    ):
        axes = {"x_axis": x, "x_values": across, "y_axis": y, "y_values": down}
        found.append(batch.call("xy-plot", image, [values["layer"]], **axes)[1])
    return {"errors": found, "layers": len(image.get_layers())}


def workflow():
    """Of a result: in both forms where a script says, and beside the image's file, twice."""
    image, drawables = scenes.full()
    _status, _error, values = batch.call("img2img", image, drawables, **FIXED)
    made = [values["layer"]]
    folder = tempfile.mkdtemp(prefix="图 é ")
    named = os.path.join(folder, "named.json")
    export = "export-workflow"
    found = {"errors": [], "forms": []}
    for api in (True, False):  # the second replaces the first
        _status, error, told = batch.call(export, image, made, file=named, api=api)
        found["errors"].append(error)
        with open(named, encoding="utf-8") as file:
            found["forms"].append(json.load(file))
    found["report"] = told["report"]
    image.set_file(Gio.File.new_for_path(os.path.join(folder, "Bild 猫.xcf")))
    layers = len(image.get_layers())
    for _number in range(2):
        found["errors"].append(batch.call(export, image, made)[1])
    found["files"] = sorted(os.listdir(folder))
    found["layers"] = len(image.get_layers()) - layers
    nowhere = os.path.join(folder, "missing", "x.json")
    found["refused"] = [
        batch.call(export, image, made, file=nowhere)[1],
        batch.call(export, *scenes.full())[1],
    ]
    return found


batch.answer(
    {
        "workflow": workflow(),
        "plot": plotted(),
        "no plot": not_plotted(),
        "side by side": walked(False),
        "grouped": walked(True),
        "by the group": walked(True, by_group=True),
        "not ours": not_ours(),
        "tries": tries(),
        "by seam": by_seam(),
    }
)
