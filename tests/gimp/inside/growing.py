"""Expand and Upscale in real GIMP, at several depths and in several ways."""

import os

import batch
from actions_common import place_of
from batch import record_of
from gi.repository import Gimp, Gio

DEPTHS = {
    "8 bits": Gimp.Precision.U8_NON_LINEAR,
    "16 bits": Gimp.Precision.U16_NON_LINEAR,
    "32 bits": Gimp.Precision.FLOAT_LINEAR,
}
SIZE = 72, 56
FIXED = {"prompt": "海 “sea” 🌊", "steps": 2, "random_seed": False, "seed": 5, "feather": 0}


def scene(precision):
    """Two layers, one of them off the canvas and half seen."""
    image = batch.new_image(*SIZE, precision=precision)
    batch.add_layer(image, 0, 0, *SIZE, name="background", seed=3)
    above = batch.add_layer(image, -9, 11, 40, 30, name="above", seed=4)
    above.set_opacity(40)
    return image, [above]


def stored(image):
    """The raw numbers of every layer that was there before."""
    return {
        layer.get_name(): bytes(batch.read(layer, pixels_format=None)).hex()
        for layer in image.get_layers()
    }


def seen(image, box):
    copy = image.duplicate()
    layer = Gimp.Layer.new_from_visible(copy, copy, "seen")
    data = bytes(batch.read(layer, *box, pixels_format=None))
    layer.delete()
    copy.delete()
    return data


def expanded(precision, **options):
    image, drawables = scene(precision)
    before, look = stored(image), seen(image, (0, 0, *SIZE))
    places = {layer.get_name(): place_of(layer)[:2] for layer in image.get_layers()}
    status, error, values = batch.call("expand", image, drawables, **{**FIXED, **options})
    if status != "success":
        return {"error": error, "size": [image.get_width(), image.get_height()]}
    layer, made = values["layer"], values["image"]
    record = record_of(layer)
    request = record["record"]["request"]
    left, top = (request["expand"].get(side, 0) for side in ("left", "top"))
    others = {other.get_name(): other for other in image.get_layers() if other != layer}
    found = {
        "error": error,
        "same_image": made == image,
        "size": [made.get_width(), made.get_height()],
        "left_as_they_are": {
            name: value == before[name] for name, value in stored(image).items() if name in before
        },
        "moved": [
            [place_of(others[name])[0] - x, place_of(others[name])[1] - y]
            for name, (x, y) in places.items()
        ],
        "place": place_of(layer),
        "request": request,
        "name": layer.get_name(),
        "masked": layer.get_mask() is not None,
    }
    if made == image:
        found["moved_by"] = [left, top]
        found["looks_the_same"] = seen(image, (left, top, *SIZE)) == look
        mask = batch.read(layer.get_mask(), pixels_format="Y u8")
        found["mask"] = [mask[0], mask[(top + 20) * made.get_width() + left + 30]]
        _status, found["again"], _values = batch.call("generate-again", image, [layer])
    return found


def upscaled(precision, **options):
    image, drawables = scene(precision)
    names = [layer.get_name() for layer in image.get_layers()]
    status, error, values = batch.call("upscale", image, drawables, **options)
    if status != "success":
        return {"error": error, "size": [image.get_width(), image.get_height()]}
    made, layer = values["image"], values["layer"]
    return {
        "error": error,
        "same_image": made == image,
        "size": [made.get_width(), made.get_height()],
        "old_size": [image.get_width(), image.get_height()],
        "precision": made.get_precision() == precision,
        "place": place_of(layer),
        "layers": [other.get_name() for other in made.get_layers()],
        "names": names,
        "places": {other.get_name(): place_of(other) for other in made.get_layers()},
        "values": len(set(zip(*[iter(batch.read(layer))] * 4, strict=True))),
        "request": record_of(layer)["record"]["request"],
    }


def saved(folder, number):
    """A picture as a file."""
    image = batch.new_image(*SIZE)
    batch.add_layer(image, 0, 0, *SIZE, alpha=False, seed=20 + number)
    file = os.path.join(folder, f"{number} “图” é.png")
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(file))
    image.delete()
    return file


def loaded(file):
    return Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(file))


def batched():
    """The job of a result layer over a folder in which one file is none, twice."""
    folder, output = (os.path.join(batch.WORK, name) for name in ("Bilder “é”", "out 出"))
    os.mkdir(folder)
    files = [saved(folder, number) for number in range(3)]
    with open(os.path.join(folder, "broken.png"), "wb") as broken:
        broken.write(b"\x89PNG nothing")
    image = loaded(files[0])
    asked = {**FIXED, "strength": 0.4}
    del asked["feather"]
    values = batch.call("img2img", image, image.get_layers(), **asked)[2]
    result, runs = values["layer"], []
    for _number in range(2):
        told = batch.call("batch", image, [result], folder=folder, output=output)
        made = [os.path.join(output, os.path.basename(file)) for file in files]
        runs.append(
            [
                *told[:2],
                {**told[2]},
                [os.stat(file).st_mtime_ns for file in made if os.path.exists(file)],
            ]
        )
    other = loaded(files[2])
    single = batch.call("img2img", other, other.get_layers(), **asked)[2]["layer"]
    pairs = ((made[0], result), (made[2], single))
    same = [
        bytes(batch.read(loaded(file).get_layers()[0])) == bytes(batch.read(layer))
        for file, layer in pairs
    ]
    nothing = batch.call("batch", image, [result], folder=folder + "?", output=output)[1]
    no_layer = batch.call("batch", folder=folder, output=output)[1]
    return {"runs": runs, "same": same, "nothing": nothing, "no layer": no_layer}


found = {"batch": batched()}
for name, precision in DEPTHS.items():
    found[f"left, {name}"] = expanded(precision, left=25.0)
    found[f"corner, {name}"] = expanded(precision, grow_by="px", left=24.0, bottom=17.0, feather=4)
    found[f"plain, {name}"] = upscaled(precision, scale=1.5, upscaler="plain")
image, layers = scene(Gimp.Precision.U8_NON_LINEAR)
found["to the layer"] = expanded(Gimp.Precision.U8_NON_LINEAR, grow_by="layers")
found["wide"] = expanded(Gimp.Precision.U8_NON_LINEAR, grow_by="aspect", aspect="2:1")
found["new image"] = expanded(Gimp.Precision.U8_NON_LINEAR, right=50.0, target="image")
found["nothing"] = expanded(Gimp.Precision.U8_NON_LINEAR)
found["no ratio"] = expanded(Gimp.Precision.U8_NON_LINEAR, grow_by="aspect", aspect="breit")
found["learned"] = upscaled(Gimp.Precision.U8_NON_LINEAR)
found["this image"] = upscaled(Gimp.Precision.U8_NON_LINEAR, source="layer", enlarged="this-image")
found["too large"] = upscaled(Gimp.Precision.U8_NON_LINEAR, upscaler="gibt-es-nicht")
batch.answer(found)
