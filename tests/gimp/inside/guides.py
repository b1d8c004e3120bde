"""A reference layer and layers that are named as regions, in real GIMP."""

import batch
import scenes
from batch import record_of
from gi.repository import Gimp
from snapshot import differences, snapshot

FIXED = {"prompt": "x", "strength": 1.0, "steps": 2, "random_seed": False, "seed": 5}


def half(image, name, left, opacity=100.0):
    """A hidden layer over the canvas that is painted on in one half; its edge is soft."""
    width, height = image.get_width(), image.get_height()
    layer = Gimp.Layer.new(
        image, name, width, height, Gimp.ImageType.RGBA_IMAGE, opacity, Gimp.LayerMode.NORMAL
    )
    image.insert_layer(layer, None, 0)
    row = [255 if (x < width // 2) == left else 0 for x in range(width)]
    row[width // 2] = 100
    batch.write(layer, b"".join(bytes((9, 9, 9, value)) for value in row) * height)
    layer.set_visible(False)
    return layer, row


def guided(**options):
    image, drawables = scenes.offset()
    _left, left_row = half(image, "region: snow at night", True)
    _right, right_row = half(image, " Region:a fire ", False, 40.0)
    before = snapshot(image)
    found = {"rows": [left_row, right_row], "plain": None}
    status, error, values = batch.call("img2img", image, drawables, **FIXED)
    found["plain"] = list(bytes(batch.read(values["layer"])))
    image.remove_layer(values["layer"])
    status, error, values = batch.call("img2img", image, drawables, **FIXED, **options)
    found |= {"status": status, "error": error}
    if status != "success":
        return found
    layer = values["layer"]
    found["request"] = record_of(layer)["record"]["request"]
    found["box"] = record_of(layer)["box"]
    found["pixels"] = list(bytes(batch.read(layer)))
    _status, error, again = batch.call("generate-again", image, [layer])
    found["again"] = record_of(again["layer"])["record"]["request"] if again else error
    image.remove_layer(_left)
    found["gone"] = batch.call("generate-again", image, [layer])[:2]
    found["left"] = [text for text in differences(before, snapshot(image)) if "layer" not in text]
    return found


def referred(kind):
    image, drawables = scenes.full()
    other = batch.add_layer(image, -5, 7, 40, 30, name="look", seed=8)
    second = batch.add_layer(image, 3, 3, 20, 10, name="another look", seed=9)
    options = {"reference_layer": other, "reference_kind": kind, "reference_weight": 0.7}
    options |= {"reference_2_layer": second, "reference_2_weight": 0.4}
    status, error, values = batch.call("img2img", image, drawables, **FIXED, **options)
    if status != "success":
        return {"error": error}
    _status, error_again, again = batch.call("generate-again", image, [values["layer"]])
    _status, _error, plain = batch.call("img2img", image, drawables, **FIXED)
    return {
        "error": error,
        "request": record_of(values["layer"])["record"]["request"],
        "again": record_of(again["layer"])["record"]["request"] if again else error_again,
        "pixels": [list(bytes(batch.read(layer))) for layer in (other, second)],
        "differs": batch.read(values["layer"]) != batch.read(plain["layer"]),
    }


def unnamed():
    image, drawables = scenes.full()
    return batch.call("img2img", image, drawables, **FIXED, regions=True)[:2]


def text():
    image, drawables = scenes.full()
    half(image, "region: snow", True)
    sized = {"prompt": "x", "steps": 2, "width": 64, "height": 64}
    _status, error, values = batch.call("txt2img", image, drawables, regions=True, **sized)
    return record_of(values["layer"])["record"]["request"] if values else error


def styled(style):
    """A script that gives words and a style, and nothing else."""
    image, drawables = scenes.full()
    words = {"prompt": "a barn", "strength": 1.0, "random_seed": False, "seed": 5}
    status, error, values = batch.call("img2img", image, drawables, style=style, **words)
    if status != "success":
        return {"error": error}
    told = record_of(values["layer"])["record"]
    _status, error, again = batch.call("generate-again", image, [values["layer"]])
    repeated = record_of(again["layer"])["record"]["request"] if again else error
    return {"request": told["request"], "facts": told["facts"], "again": repeated}


batch.answer(
    {
        "regions": guided(regions=True),
        "no regions": guided(),
        "reference": referred("style"),
        "unnamed": unnamed(),
        "text": text(),
        "style": styled(" Own style "),
        "no such style": styled("nobody"),
    }
)
