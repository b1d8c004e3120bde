"""Sends large pictures to the server and back, and tells how large what travelled was."""

import json
import os
import time

import batch
import large_cases
from gi.repository import Gimp

LAYER = (4000, 3000)  # at most; the rest of a larger canvas is empty


def trip(case):
    width, height = case["size"]
    image = batch.new_image(width, height, precision=getattr(Gimp.Precision, case["precision"]))
    size = min(width, LAYER[0]), min(height, LAYER[1])
    kind, mode = Gimp.ImageType.RGBA_IMAGE, Gimp.LayerMode.NORMAL
    layer = Gimp.Layer.new(image, "photo", *size, kind, 100, mode)
    image.insert_layer(layer, None, 0)
    batch.write(layer, os.urandom(4 * size[0] * size[1]))
    options = dict(case["options"])
    area = options.pop("area", None)
    if area:
        image.select_rectangle(Gimp.ChannelOps.REPLACE, *area)
    action = "regenerate-selection" if area else "img2img"
    started = time.perf_counter()
    status, error, values = batch.call(action, image, [layer], strength=0.0, **options)
    seconds = time.perf_counter() - started
    assert status == "success", f"{case['name']}: {error}"
    made = values["layer"]
    data = made.get_parasite("pentimento-job").get_data()
    record = json.loads(bytes(value & 255 for value in data))
    facts = {
        "size": [made.get_width(), made.get_height()],
        "box": record["box"],
        "blob": record["record"]["request"]["source"]["blob"],
        "seconds": seconds,
    }
    image.delete()
    return facts


batch.answer({case["name"]: trip(case) for case in large_cases.CASES})
