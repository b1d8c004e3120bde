"""Edit by Instruction in real GIMP: all of a layer, a selection, pictures that are read along."""

import batch
import scenes
from actions_common import place_of
from batch import record_of
from gi.repository import Gimp
from snapshot import differences, snapshot

FIXED = {"prompt": "make it winter", "steps": 2, "random_seed": False, "seed": 5}


def edited(image, drawables, **options):
    """What the result is and carries, and what else has changed."""
    before = snapshot(image)
    status, error, values = batch.call("edit", image, drawables, **{**FIXED, **options})
    if status != "success":
        return {"error": error, "changed": differences(before, snapshot(image))}
    layer = values["layer"]
    record = record_of(layer)
    found = {
        "error": error,
        "name": layer.get_name(),
        "place": place_of(layer),
        "box": [record["box"][side] for side in ("x", "y", "width", "height")],
        "masked": layer.get_mask() is not None,
        "request": record["record"]["request"],
        "guides": record["guides"],
        "differs": batch.read(layer) != batch.read(drawables[0], *_inside(layer, drawables[0])),
    }
    if found["masked"]:
        selection = image.get_selection()
        x, y, width, height = found["place"]
        found["same_mask"] = batch.read(layer.get_mask(), pixels_format="Y u8") == batch.read(
            selection, x, y, width, height, pixels_format="Y u8"
        )
    _status, error, again = batch.call("generate-again", image, [layer])
    found["again"] = record_of(again["layer"])["record"]["request"] if again else error
    for made in (layer, again["layer"] if again else None):
        if made is not None:
            image.remove_layer(made)
    found["left"] = differences(before, snapshot(image))
    return found


def _inside(layer, source):
    """The layer's place in the source's own coordinates."""
    x, y, width, height = place_of(layer)
    left, top = place_of(source)[:2]
    return x - left, y - top, width, height


def selection(**options):
    image, drawables = scenes.full()
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 20, 12, 30, 26)
    Gimp.Selection.feather(image, 4)
    return edited(image, drawables, **options)


def whole(**options):
    image, drawables = scenes.offset()
    return edited(image, drawables, **options)


def read_along():
    image, drawables = scenes.full()
    pictures = [batch.add_layer(image, -5, 7, 40, 30, name=f"look {n}", seed=n) for n in (8, 9)]
    named = dict(zip(("reference_layer", "reference_2_layer"), pictures, strict=True))
    found = edited(image, drawables, **named)
    found["pixels"] = [list(bytes(batch.read(picture))) for picture in pictures]
    return found


batch.answer(
    {
        "whole": whole(),
        "selection": selection(),
        "not only the selection": selection(only_selection=False),
        "read along": read_along(),
        "no instruction": whole(prompt=" "),
        "no editor": whole(model="starter"),
    }
)
