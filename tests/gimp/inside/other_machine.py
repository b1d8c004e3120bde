"""Fills a drawn selection, steered by a seed and a LoRA, with the server that is there, or pairs
with one on another machine first."""

import batch
import plugin_modules  # noqa: F401  before the plug-in's modules
import scenes
from batch import read, record_of
from gi.repository import Gimp

LASSO = [20.0, 12.0, 70.0, 15.0, 80.0, 50.0, 45.0, 58.0, 18.0, 40.0]


def fill(lora):
    image, drawables = scenes.full()
    image.select_polygon(Gimp.ChannelOps.REPLACE, LASSO)
    status, error, values = batch.call(
        "regenerate-selection",
        image,
        drawables,
        prompt="湖边的塔 “黄昏” 🌅",
        random_seed=False,
        seed=41,
        steps=4,
        loras=lora,
    )
    if status != "success":
        return {"status": status, "error": error}
    layer = values["layer"]
    return {
        "status": status,
        "pixels": read(layer).hex(),
        "mask": read(layer.get_mask()).hex(),
        "place": list(layer.get_offsets())[1:],
        "seed": record_of(layer)["record"]["request"]["seed"],
        "undos": len(image.get_layers()),
    }


given = batch.arguments()
found = {}
if "address" in given:
    for name in ("wrong", "code"):
        status, error, values = batch.call(
            "server", command="set", url=given["address"], token=given[name]
        )
        found[name] = [status, error or values.get("report", "")]
if "lora" in given:
    found["fill"] = fill(given["lora"])
batch.answer(found)
