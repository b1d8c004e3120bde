"""Makes an image with results and saves it, or opens it and repeats them: in between, the file can
meet another server and other models."""

import os

import batch
import plugin_modules  # noqa: F401  before the plug-in's modules
import scenes
from batch import record_of
from gi.repository import Gimp, Gio
from snapshot import differences, snapshot

from gimpio import metadata

FILE = Gio.File.new_for_path(os.path.join(batch.WORK, "猫 “远行”.xcf"))
FIXED = {"prompt": "一只猫", "strength": 1.0, "steps": 1, "random_seed": False, "seed": 5}


def make():
    """The results "plain", "steered" and "with a lora"."""
    image, drawables = scenes.group()
    drawing = batch.add_layer(image, 0, 0, *scenes.CANVAS, name="线稿", seed=4)
    steering = {"control": "canny", "control_layer": drawing}
    found = {}
    for name, options in {
        "plain": {},
        "steered": steering,
        "with a lora": {"loras": batch.arguments()["lora"] + ":0.8"},
    }.items():
        status, error, values = batch.call("img2img", image, drawables, **FIXED, **options)
        found[name] = [status, error]
        if values:
            values["layer"].set_name(name)
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, FILE)
    return found


def again():
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, FILE)
    found = {}
    for name in batch.arguments()["results"]:
        (layer,) = [one for one in results(image.get_layers()) if one.get_name() == name]
        before = snapshot(image)
        status, error, values = batch.call("generate-again", image, [layer])
        found[name] = {"status": status, "error": error}
        if values:
            found[name]["request"] = record_of(values["layer"])["record"]["request"]
            image.remove_layer(values["layer"])
        else:
            found[name]["changed"] = differences(before, snapshot(image))
    return found


def results(layers):
    """The results, also in groups."""
    for layer in layers:
        if layer.is_group():
            yield from results(layer.get_children())
        elif metadata.read(layer):
            yield layer


batch.answer({"make": make, "again": again}[batch.arguments()["do"]]())
