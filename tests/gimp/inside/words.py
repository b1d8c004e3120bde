"""Awkward words in every field and name that reaches GIMP: all actions, and what their layers carry
then. The arguments are the words by their names."""

import batch
import plugin_modules  # noqa: F401  before the plug-in's modules
import scenes
from actions_common import place_of
from gi.repository import Gimp

from gimpio import layers, metadata
from gimpio.destination import Destination
from wire import Box, Pixels

QUICK = {"strength": 0.0, "random_seed": False, "seed": 5}


def told(layer, prompt):
    record = metadata.read(layer)
    request = record["record"]["request"]
    return {
        "name": layer.get_name(),
        "prompt": request.get("prompt", "") == prompt,
        "negative": request.get("negative_prompt", "") == prompt,
        "box": list(record["box"].values()) == place_of(layer),
    }


def repainted(words):
    """Prompt and negative prompt in an image that is repainted, and once more."""
    image, drawables = scenes.offset()
    options = {"prompt": words, "negative_prompt": words, **QUICK}
    status, error, values = batch.call("img2img", image, drawables, **options)
    if status != "success":
        return {"status": status, "error": error, "layers": len(image.get_layers())}
    found = told(values["layer"], words)
    status, error, values = batch.call("generate-again", image, [values["layer"]])
    found |= {"status": status, "error": error}
    if values:
        found["again"] = told(values["layer"], words)
    image.delete()
    return found


def every_action(words):
    """Prompt, names of layers and words of regions: what each action says, and what its layers
    are called."""
    image, drawables = scenes.offset()
    source = drawables[0]
    source.set_name(words)
    kept = source.get_name()
    region = batch.add_layer(image, 0, 0, *scenes.CANVAS, name="region: " + words, seed=4)
    region.set_visible(False)
    map_status, map_error, made = batch.call("make-control-layer", image, [source])
    drawn = made.get("layer")
    runs = {
        "img2img": {"observe": True, "control": "canny", "control_layer": drawn},
        "regenerate-selection": {"observe": True, "source": "layer"},
        "txt2img": {"width": 64, "height": 64, "steps": 1, "observe": True},
        "edit": {"model": "klein", "steps": 1},
    }
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 20, 16, 24, 18)
    found = {"map": [map_status, map_error, drawn.get_name() if drawn else "", kept]}
    for action, options in runs.items():
        fixed = {"prompt": words or "x", "random_seed": False, "seed": 5, **options}
        if action in ("img2img", "regenerate-selection"):
            fixed |= {"strength": 0.5, "steps": 2, "regions": True, "negative_prompt": words}
        status, error, values = batch.call(action, image, [source], **fixed)
        found[action] = {"status": status, "error": error}
        if status != "success":
            continue
        layer = values["layer"]
        found[action] |= told(layer, words or "x")
        request = metadata.read(layer)["record"]["request"]
        found[action]["regions"] = [one["prompt"] for one in request.get("regions", ())]
        status, error, values = batch.call("generate-again", image, [layer])
        found[action]["again"] = [status, error]
    image.delete()
    return found


def styled(style, lora):
    """A style and a LoRA of any name: what the layer says of them, and whether it can be read."""
    image, drawables = scenes.full()
    options = {"width": 64, "height": 64, "steps": 1, "prompt": "x", "style": style}
    status, error, values = batch.call("txt2img", image, drawables, loras=lora + ":0.5", **options)
    found = {"status": status, "error": error}
    if status == "success":
        record = metadata.read(values["layer"])["record"]
        found |= {"style": record["facts"].get("style"), "loras": record["request"]["loras"]}
        status, error, _values = batch.call("generate-again", image, [values["layer"]])
        found["again"] = [status, error]
    image.delete()
    return found


def from_the_server():
    """Text as only JSON can bring it, in the name and the record of a layer."""
    found = {}
    for name, words in batch.arguments()["not utf-8"].items():
        image, _drawables = scenes.offset()
        record = {"prompt": words, words: [words]}
        picture = layers.Picture(Pixels("rgba-u8", 1, 1, bytes(4)), words, record)
        stage = layers.Picture(Pixels("rgba-u8", 1, 1, bytes(4)), words)
        place = layers.Place(image, None, Box(3, 4, 1, 1), Destination())
        values = place.put([picture], story=layers.Story(words, [stage]))
        layer = values["layers"][0]
        kept = metadata.read(layer)
        same = {key: kept.get(key) for key in record} == record
        found[name] = {"same": same, "name": layer.get_name()}
        image.delete()
    return found


given = batch.arguments()
batch.answer(
    {
        "repainted": {name: repainted(words) for name, words in given["prompts"].items()},
        "every action": {name: every_action(words) for name, words in given["few"].items()},
        "styled": {name: styled(*names) for name, names in given["styled"].items()},
        "from the server": from_the_server(),
    }
)
