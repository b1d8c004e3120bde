"""Results in other places than where they were made: another image, a copy of the image, a file
that is opened again. At strength 0 a result is its source bit for bit: a wrong one shows."""

import os

import batch
import plugin_modules  # noqa: F401  before the plug-in's modules
import scenes
from actions_common import place_of
from batch import record_of
from gi.repository import Gimp, Gio
from snapshot import differences, snapshot

from gimpio import metadata

SAME = {"strength": 0.0, "prompt": "猫 “x”", "random_seed": False, "seed": 5}
FIXED = {"strength": 1.0, "steps": 1, "prompt": "x", "random_seed": False, "seed": 5}


def copied(layer, image):
    """As dragging a layer into another image does."""
    made = Gimp.Layer.new_from_drawable(layer, image)
    image.insert_layer(made, None, 0)
    return made


def other():
    """An image with layers of the same numbers, that nothing was made from."""
    image, _drawables = scenes.offset()
    for layer in image.get_layers():
        batch.write(layer, batch.noise(layer.get_width() * layer.get_height() * 4, 77))
    for number in range(4):
        batch.add_layer(image, 0, 0, *scenes.CANVAS, name=f"more {number}", seed=50 + number)
    return image


def seen_without(image, layer):
    """What is visible of the image where a result layer lies, but for that layer."""
    x, y, width, height = place_of(layer)
    copy = image.duplicate()
    twins = dict(zip([one.get_id() for one in image.get_layers()], copy.get_layers(), strict=True))
    twins[layer.get_id()].set_visible(False)
    copy.resize(width, height, -x, -y)
    flat = Gimp.Layer.new_from_visible(copy, copy, "seen")
    data = batch.read(flat)
    flat.delete()
    copy.delete()
    return data


def again(image, layer, source=None, visible=False):
    """What comes of it, and what has changed where nothing did."""
    before = snapshot(image)
    seen = seen_without(image, layer) if visible else None
    status, error, values = batch.call("generate-again", image, [layer])
    found = {"status": status, "error": error}
    if status != "success":
        return found | {"changed": differences(before, snapshot(image))}
    if visible:
        found["same"] = batch.read(values["layer"]) == seen
        found["varied"] = len(set(seen)) > 8
    if source is not None:
        x, y, width, height = place_of(values["layer"])
        left, top, *_size = place_of(source)
        wanted = batch.read(source, x - left, y - top, width, height)
        found["same"] = batch.read(values["layer"]) == wanted
        found["alike"] = batch.read(values["layer"]) == batch.read(layer)
    return found


def made(action="img2img", scene="offset", **options):
    image, drawables = getattr(scenes, scene)()
    if action == "regenerate-selection":
        image.select_rectangle(Gimp.ChannelOps.REPLACE, 20, 16, 24, 18)
    _status, error, values = batch.call(action, image, drawables, **{**SAME, **options})
    assert values, error
    return image, drawables[0], values["layer"]


def alone(**options):
    _image, source, layer = made(**options)
    target = other()
    tattoo = target.get_layer_by_tattoo(source.get_tattoo()) is not None
    return again(target, copied(layer, target)) | {"tattoo_taken": tattoo}


def with_its_source():
    _image, source, layer = made()
    target = other()
    own = copied(source, target)
    return again(target, copied(layer, target), own)


def steered(**more):
    """A layer that steers stays behind; the source comes along."""
    image, drawables = scenes.offset()
    guide = batch.add_layer(image, 0, 0, *scenes.CANVAS, name="region: snow", seed=3)
    guide.set_visible(False)
    options = {name: guide if value == "guide" else value for name, value in more.items()}
    _status, error, values = batch.call("img2img", image, drawables, **FIXED, **options)
    if not values:
        return {"status": "", "error": error}
    target = other()
    copied(drawables[0], target)
    return again(target, copied(values["layer"], target))


def duplicated():
    """The copy of an image has its own source, painted over since."""
    image, source, layer = made()
    copy = image.duplicate()
    twins = dict(zip([one.get_id() for one in image.get_layers()], copy.get_layers(), strict=True))
    own = twins[source.get_id()]
    batch.write(own, batch.noise(own.get_width() * own.get_height() * 4, 31))
    return again(copy, twins[layer.get_id()], own)


def duplicated_visible():
    image, _source, layer = made("regenerate-selection", source="visible")
    copy = image.duplicate()
    image.delete()
    layer = next(one for one in copy.get_layers() if metadata.read(one))
    batch.write(layer, batch.noise(layer.get_width() * layer.get_height() * 4, 41))
    return again(copy, layer, visible=True)


def source_copied_within():
    """Of two layers with one name the source is the older one."""
    image, source, layer = made()
    twin = source.copy()
    image.insert_layer(twin, None, 0)
    batch.write(twin, batch.noise(twin.get_width() * twin.get_height() * 4, 31))
    return again(image, layer, source)


def reopened(**options):
    image, source, layer = made(**options)
    name = source.get_name()
    file = Gio.File.new_for_path(os.path.join(batch.WORK, "猫 “kept”.xcf"))
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file)
    image.delete()
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, file)
    layer = next(one for one in image.get_layers() if metadata.read(one))
    source = next(one for one in image.get_layers() if one.get_name() == name)
    prompt = record_of(layer)["record"]["request"]["prompt"]
    kept = {"prompt": prompt == SAME["prompt"], "name": layer.get_name()}
    batch.add_layer(image, 0, 0, 9, 9, name="newer", seed=9)
    batch.write(layer, batch.noise(layer.get_width() * layer.get_height() * 4, 41))
    return again(image, layer, None if options else source, visible=bool(options)) | kept


def as_an_older_version_wrote_it(layer):
    """Tattoos, and no names."""
    record = metadata.read(layer)
    del record["image"]
    record["source"] = {
        "kind": record["source"]["kind"],
        "tattoos": [one["tattoo"] for one in record["source"]["layers"]],
    }
    record |= {"version": 1, "control": None}
    layer.detach_parasite(metadata.NAME)
    metadata.attach(layer, record)


def older(where):
    image, source, layer = made()
    as_an_older_version_wrote_it(layer)
    source.detach_parasite("pentimento-id")
    if where == "other image":
        image = other()
        layer = copied(layer, image)
        return again(image, layer)
    if where == "painted over":
        batch.write(source, batch.noise(source.get_width() * source.get_height() * 4, 31))
    return again(image, layer, source)


def unreadable():
    """Records that nobody of ours wrote."""
    image, _source, layer = made()
    record = metadata.read(layer)
    found = {}
    for name, content in {
        "a newer version": {"version": 9, "job": {"prompt": "x"}},
        "no request": {**record, "record": []},
        "no origin": {**record, "origin": None},
        "nothing": {},
    }.items():
        layer.detach_parasite(metadata.NAME)
        metadata.attach(layer, content)
        found[name] = again(image, layer)
    return found


batch.answer(
    {
        "alone": alone(),
        "alone, visible": alone(source="visible"),
        "alone, a fill": alone(action="regenerate-selection"),
        "with its source": with_its_source(),
        "control": steered(control="canny", control_layer="guide"),
        "region": steered(regions=True),
        "duplicated": duplicated(),
        "duplicated, visible": duplicated_visible(),
        "source copied within": source_copied_within(),
        "reopened": reopened(),
        "reopened, visible": reopened(source="visible"),
        "older": older("same image"),
        "older, other image": older("other image"),
        "older, painted over": older("painted over"),
        "unreadable": unreadable(),
    }
)
