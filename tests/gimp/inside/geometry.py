"""Runs the geometry table in GIMP and tells the facts of every case."""

import array
import os
import tempfile

import batch
import cases
import scenes
from gi.repository import Gimp
from snapshot import differences, snapshot

NEUTRAL = ("dirty", "selected_layers")  # what adding a layer changes by its nature
DEEP = {"u16": "R'G'B'A u16", "float": "R'G'B'A float", "adobe": "R'G'B'A float"}


def listed():
    """Files where a careless program would leave some."""
    folders = [tempfile.gettempdir(), os.path.join(batch.WORK, "config", "tmp")]
    return sorted(
        os.path.join(folder, name)
        for folder in folders
        if os.path.isdir(folder)
        for name in os.listdir(folder)
    )


def select(image, x, y, width, height, radius):
    image.select_rectangle(Gimp.ChannelOps.REPLACE, x, y, width, height)
    if radius:
        Gimp.Selection.feather(image, radius)


def layers_of(image):
    found, waiting = [], list(image.get_layers())
    while waiting:
        layer = waiting.pop(0)
        found.append(layer)
        if layer.is_group():
            waiting = layer.get_children() + waiting
    return found


def alone(image, wanted):
    """What a copy of the image shows of some layers only."""
    before = layers_of(image)
    copy = image.duplicate()
    twins = dict(zip([layer.get_id() for layer in before], layers_of(copy), strict=True))
    kept = set()
    for layer in wanted:
        while layer is not None:
            kept.add(layer.get_id())
            layer = layer.get_parent()
    for number, twin in twins.items():
        twin.set_visible(number in kept)
    return copy


def expected_pixels(case, image, sources, pixels_format):
    """The source's pixels in the expected box, read in another way than the plug-in does."""
    x, y, width, height = case["box"]
    kind = case["options"].get("source", "layer")
    if kind == "layer" and len(sources) == 1:
        _ok, left, top = sources[0].get_offsets()
        return batch.read(sources[0], x - left, y - top, width, height, pixels_format)
    copy = image.duplicate() if kind == "visible" else alone(image, sources)
    Gimp.Selection.none(copy)
    copy.resize(width, height, -x, -y)
    layer = Gimp.Layer.new_from_visible(copy, copy, "seen")
    data = batch.read(layer, 0, 0, width, height, pixels_format)
    layer.delete()
    copy.delete()
    return data


def without(tree, ids):
    """The layers of a snapshot without those with the given ids."""
    return [
        layer | ({"children": without(layer["children"], ids)} if "children" in layer else {})
        for layer in tree
        if layer["id"] not in ids
    ]


def place_of(layer):
    _ok, x, y = layer.get_offsets()
    return [x, y, layer.get_width(), layer.get_height()]


def run(case):
    image, drawables = getattr(scenes, case["scene"])()
    if "selection" in case:
        select(image, *case["selection"])
    image.clean_all()
    sources = [Gimp.Layer.from_mask(item) if item.is_layer_mask() else item for item in drawables]
    pixels_format = DEEP.get(case["scene"], "R'G'B'A u8")
    before, seen = snapshot(image), batch.visible(image)
    wanted = expected_pixels(case, image, sources, pixels_format) if "box" in case else None
    images, files = len(Gimp.get_images()), listed()
    status, error, values = batch.call(case["action"], image, drawables, **case["options"])
    facts = {"status": status, "error": error}
    if status == "success":
        layer = values["layer"]
        facts |= {
            "place": place_of(layer),
            "above": above_of(layer),
            "expected_above": sources[0].get_id() if _in_place(case) else None,
            "name": layer.get_name(),
            "parasites": layer.get_parasite_list(),
            "stray_images": len(Gimp.get_images()) - images,
            "stray_files": [name for name in listed() if name not in files],
            "changed": untouched(before, image, [item.get_id() for item in values["layers"]]),
        }
        if wanted is not None:
            found = batch.read(layer, pixels_format=pixels_format)
            facts["difference"] = largest_difference(found, wanted, pixels_format)
        if "selection" in case:
            facts |= about_mask(image, layer, seen)
    image.delete()
    return facts


def _in_place(case):
    default = "layer" if case["action"] == "img2img" else "visible"
    return case["options"].get("source", default) != "visible"


def above_of(layer):
    """The id of the layer right below the result in its group."""
    parent = layer.get_parent()
    siblings = parent.get_children() if parent else layer.get_image().get_layers()
    position = siblings.index(layer) + 1
    return siblings[position].get_id() if position < len(siblings) else None


def untouched(before, image, new_ids):
    """What else than the new layers is not as it was. Groups change their look by their content."""
    after = snapshot(image)
    after["layers"] = without(after["layers"], new_ids)
    for one in (before, after):
        for key in NEUTRAL:
            one.pop(key)
        _forget_groups(one["layers"])
    return differences(before, after)


def _forget_groups(tree):
    for layer in tree:
        if "children" in layer:
            for key in ("pixels", "size", "offsets"):
                layer.pop(key)
            _forget_groups(layer["children"])


def about_mask(image, layer, seen):
    """The mask against the selection, and what is seen outside of the selection."""
    x, y, width, height = place_of(layer)
    selection = image.get_selection()
    chosen = batch.read(selection, x, y, width, height, None)
    mask = layer.get_mask()
    everywhere = batch.selected(image)
    now = batch.visible(image)
    changed = leaked = 0
    for number, value in enumerate(everywhere):
        same = now[4 * number : 4 * number + 4] == seen[4 * number : 4 * number + 4]
        changed += value and not same
        leaked += not value and not same
    return {
        "mask_equals_selection": mask is not None
        and batch.read(mask, pixels_format=None) == chosen,
        "selected_inside_box": sum(batch.not_zero(chosen, width * height)) == sum(everywhere),
        "changed_inside": changed,
        "leaked_outside": leaked,
    }


def largest_difference(found, wanted, pixels_format):
    """The largest difference of a sample, in steps of 8 bits; None for another size."""
    code, scale = {"u8": ("B", 1), "u16": ("H", 257), "float": ("f", 1 / 255)}[
        pixels_format.split()[1]
    ]
    if len(found) != len(wanted):
        return None
    pairs = zip(array.array(code, found), array.array(code, wanted), strict=True)
    return max(abs(one - other) for one, other in pairs) / scale


def refuse(scene, action, options):
    image, drawables = getattr(scenes, scene)()
    before = snapshot(image)
    status, error, _values = batch.call(action, image, drawables, **options)
    facts = {"status": status, "error": error, "changed": differences(before, snapshot(image))}
    image.delete()
    return facts


def main():
    chosen = batch.arguments()
    facts = {case["name"]: run(case) for case in cases.CASES if case["name"] in chosen}
    for name, scene, action, options, _text in cases.REFUSALS:
        facts[name] = refuse(scene, action, options)
    batch.answer(facts)


main()
