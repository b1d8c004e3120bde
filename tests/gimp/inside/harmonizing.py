"""Harmonize Layer: a soft disc pasted over a slope, at several depths, in groups, off canvas."""

import math

import batch
import plugin_modules  # noqa: F401  before the plug-in's modules
import scenes
from actions_common import place_of, siblings
from discs import text
from gi.repository import Gimp
from snapshot import snapshot

COMPUTED = {"way": "computed"}
MODEL = {"way": "model", "model": "klein", "random_seed": False, "seed": 5}


def drawn(image, layer):
    """A disc with a soft edge, gray and red, over smooth stripes."""
    rows = []
    for y in range(layer.get_height()):
        for x in range(layer.get_width()):
            alpha = min(1, max(0, (13.5 - math.hypot(x - 30, y - 22)) / 2.5 + 0.5))
            front = (190, 60, 50) if (x // 6) % 2 else (120 + y, 118 + y, 110 + y)
            rows.append(bytes((*front, round(255 * alpha))))
    batch.write(layer, b"".join(rows))
    for other in image.get_layers():
        if other.get_name() == "background":
            made = [
                bytes((40 + x // 2, 70 + y // 2, 120, 255))
                for y in range(other.get_height())
                for x in range(other.get_width())
            ]
            batch.write(other, b"".join(made))


def seen(image, box):
    """As floating point, so that no rounding of the display hides anything; also off the canvas."""
    copy = image.duplicate()
    copy.resize(box[2], box[3], -box[0], -box[1])
    layer = Gimp.Layer.new_from_visible(copy, copy, "seen")
    data = text(batch.read(layer, pixels_format="R'G'B'A float"))
    layer.delete()
    copy.delete()
    return data


def alone(image, item, box):
    """How much of each pixel is the item's, as it is seen."""
    copy = image.duplicate()
    twins = dict(zip([one.get_id() for one in tree(image)], tree(copy), strict=True))
    twin = twins[item.get_id()]
    keep = {twin.get_id(), *(one.get_id() for one in inside(twin))}
    parent = twin.get_parent()
    while parent is not None:
        keep.add(parent.get_id())
        parent = parent.get_parent()
    for one in tree(copy):
        one.set_visible(one.get_id() in keep and one.get_visible())
    copy.resize(box[2], box[3], -box[0], -box[1])
    layer = Gimp.Layer.new_from_visible(copy, copy, "alone")
    data = bytes(batch.read(layer))[3::4]
    layer.delete()
    copy.delete()
    return text(data)


def inside(layer):
    return (
        [one for child in layer.get_children() for one in (child, *inside(child))]
        if (layer.is_group())
        else []
    )


def tree(image):
    return [one for layer in image.get_layers() for one in (layer, *inside(layer))]


def harmonized(scene, draw=True, **options):
    image, drawables = scene
    layer = drawables[0]
    if draw and not layer.is_group():
        drawn(image, layer)
    before = snapshot(image)
    order = [one.get_id() for one in tree(image)]
    chosen = image.get_selected_layers()
    status, error, values = batch.call("harmonize", image, drawables, **{**COMPUTED, **options})
    if status != "success":
        after = snapshot(image)
        return {"error": error, "unchanged": after["layers"] == before["layers"]}
    edge, light, shadow = values["layers"]
    box = place_of(edge)
    made = {one.get_id() for one in values["layers"]}
    known = siblings(shadow)
    item = next(
        one for one in tree(image) if one.get_id() == known[known.index(shadow.get_id()) - 1]
    )
    for covering in known[: known.index(edge.get_id())]:
        Gimp.Item.get_by_id(covering).set_visible(False)
    after = seen(image, box)
    for one in values["layers"]:
        one.set_visible(False)
    return {
        "error": error,
        "places": [place_of(one) for one in values["layers"]],
        "names": [one.get_name() for one in values["layers"]],
        "modes": [one.get_mode().value_nick for one in values["layers"]],
        "order": known[: known.index(shadow.get_id()) + 1][-4:]
        == [edge.get_id(), light.get_id(), item.get_id(), shadow.get_id()],
        "item": item.get_name(),
        "returned": values["layer"] == edge,
        "chosen": image.get_selected_layers() == chosen,
        "kept": [one.get_id() for one in tree(image) if one.get_id() not in made] == order,
        "before": seen(image, box),
        "after": after,
        "alone": alone(image, item, box),
        "edge": text(batch.read(edge)),
        "light": text(batch.read(light)),
        "shadow": text(batch.read(shadow)),
    }


def in_own_group():
    """A group with nothing else in it: what is around lies below the group."""
    image, drawables = scenes.offset()
    group = Gimp.GroupLayer.new(image, "alone")
    image.insert_layer(group, None, 0)
    image.reorder_item(drawables[0], group, 0)
    return image, drawables


def whole_group():
    image, drawables = scenes.offset()
    group = Gimp.GroupLayer.new(image, "all of it")
    image.insert_layer(group, None, 0)
    image.reorder_item(drawables[0], group, 0)
    drawn(image, drawables[0])
    return image, [group]


def hidden():
    image, drawables = scenes.offset()
    drawables[0].set_visible(False)
    return image, drawables


def two():
    image, drawables = scenes.offset()
    return image, [*drawables, batch.add_layer(image, 3, 3, name="second")]


def empty():
    image, drawables = scenes.offset()
    status = harmonized((image, drawables))  # draws the disc
    batch.write(drawables[0], bytes(4 * 64 * 48))
    before = snapshot(image)["layers"]
    _status, error, _values = batch.call("harmonize", image, drawables, **COMPUTED)
    return {
        "error": error,
        "unchanged": snapshot(image)["layers"] == before,
        "first": status["error"],
    }


batch.answer(
    {
        "u8": harmonized(scenes.offset()),
        "u16": harmonized(scenes.u16()),
        "float": harmonized(scenes.float()),
        "adobe": harmonized(scenes.adobe()),
        "gray": harmonized(scenes.gray()),
        "off canvas": harmonized(scenes.off_canvas()),
        "below another": harmonized(scenes.below()),
        "masked": harmonized(scenes.masked()),
        "translucent": harmonized(scenes.translucent()),
        "own group": harmonized(in_own_group()),
        "whole group": harmonized(whole_group()),
        "by a model": harmonized(scenes.offset(), **MODEL),
        "by a model u16": harmonized(scenes.u16(), **MODEL),
        "automatic": harmonized(scenes.offset(), way="auto", random_seed=False, seed=5),
        "no such model": harmonized(scenes.offset(), way="model", model="nobody"),
        "hidden": harmonized(hidden()),
        "two": harmonized(two()),
        "outside": harmonized(scenes.outside()),
        "locked group": harmonized(scenes.locked_group(), draw=False),
        "indexed": harmonized(scenes.indexed(), draw=False),
        "empty": empty(),
    }
)
