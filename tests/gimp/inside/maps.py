"""Make Control Layer, and jobs that are steered by what it made and by two layers at once."""

import batch
import plugin_modules  # noqa: F401  before the plug-in's modules
import scenes
from actions_common import place_of
from batch import record_of
from gi.repository import Gimp
from snapshot import differences, snapshot

import texts

SQUARE = (16, 12, 24, 18)  # x, y, width, height in the layer


def with_square(image, drawables):
    """Makes the first drawable light gray with a dark square in it."""
    layer = drawables[0]
    width, height = layer.get_width(), layer.get_height()
    x, y, w, h = SQUARE
    rows = []
    for row in range(height):
        inside = y <= row < y + h
        line = [30 if inside and x <= column < x + w else 200 for column in range(width)]
        rows.append(b"".join(bytes((value, value, value, 255)) for value in line))
    batch.write(layer, b"".join(rows))
    return image, drawables


def made(scene, **options):
    image, drawables = with_square(*scene)
    before, selected = snapshot(image), image.get_selected_layers()
    status, error, values = batch.call("make-control-layer", image, drawables, **options)
    found = {"status": status, "error": error}
    if status != "success":
        return found | {"changed": differences(before, snapshot(image))}
    layer = values["layer"]
    group = layer.get_parent()
    found |= {
        "name": layer.get_name(),
        "place": place_of(layer),
        "source": place_of(drawables[0]),
        "group": [group.get_name(), group.get_visible(), group.get_expanded()],
        "on top": group.get_parent() is None and image.get_layers()[0] == group,
        "selected": image.get_selected_layers() == selected,
        "pixels": list(bytes(batch.read(layer))),
        "record": layer.get_parasite("pentimento-job") is not None,
        "map": texts.unpacked(layer.get_parasite("pentimento-map").get_data())["type"],
    }
    image.remove_layer(group)
    image.set_selected_layers(selected)
    found["left"] = [
        text for text in differences(before, snapshot(image)) if not text.startswith("image.dirty")
    ]
    return found


def steering():
    """The map of a layer, painted on, steers a job together with the layer itself."""
    image, drawables = with_square(*scenes.group())
    _status, error, values = batch.call("make-control-layer", image, drawables, low=20.0, high=60.0)
    drawn = values["layer"]
    options = {
        "prompt": "x",
        "strength": 1.0,
        "steps": 2,
        "control": "canny",
        "control_layer": drawn,
        "control_is_map": True,
        "control_start": 0.1,
        "control_end": 0.8,
        "control_2": "canny",
        "control_2_layer": drawables[0],
        "control_2_weight": 0.5,
    }
    status, error, values = batch.call("img2img", image, drawables, **options)
    if status != "success":
        return {"error": error}
    first = values["layer"]
    edges = {"control": "canny", "control_low": 30.0, "control_high": 70.0}
    _status, error, values = batch.call(
        "img2img", image, drawables, prompt="x", strength=1.0, steps=2, **edges
    )
    own = record_of(values["layer"])["record"]["request"]["controls"] if values else error
    _status, error, values = batch.call("generate-again", image, [first])
    again = record_of(values["layer"]) if values else {"error": error}
    return {
        "controls": record_of(first)["record"]["request"]["controls"],
        "own": own,
        "again": again["record"]["request"]["controls"] if values else error,
        "tattoos": [record_of(first)["control"], again.get("control")],
        "layers": [
            {"id": name_of(layer), "tattoo": layer.get_tattoo()} for layer in (drawn, drawables[0])
        ],
    }


def name_of(item):
    return bytes(v & 255 for v in item.get_parasite("pentimento-id").get_data()).decode()


def adobe():
    return scenes.offset(profile=Gimp.ColorProfile.new_rgb_adobe())


batch.answer(
    {
        "offset": made(scenes.offset()),
        "group": made(scenes.group(), map="lineart"),
        "visible": made(scenes.full(), source="visible"),
        "beyond": made(scenes.beyond(), map="softedge"),
        "adobe": made(adobe()),
        "gray": made(scenes.offset(kind=Gimp.ImageBaseType.GRAY)),
        "many edges": made(scenes.offset(), low=1.0, high=2.0),
        "no depth": made(scenes.offset(), map="depth"),
        "steering": steering(),
    }
)
