"""What a photographer chooses: conversion, mask sources, the exact edge, transparency, the mark in
the metadata, and sources that are no plain layers."""

import os
import xml.etree.ElementTree as ElementTree

import batch
import scenes
from gi.repository import Gegl, Gimp, Gio
from snapshot import differences, snapshot

QUICK = {"steps": 2, "random_seed": False, "seed": 3}
HOLE = (20, 16, 12, 10)
NEUTRAL = ("dirty", "selected_layers", "selected_channels")  # what adding a layer changes
METADATA = """<?xml version='1.0' encoding='UTF-8'?>
<metadata>
  <tag name="Exif.Photo.LensModel">Old 50 mm</tag>
  <tag name="Exif.Image.Artist">Somebody</tag>
  <tag name="Xmp.dc.title">lang="x-default" A hill &amp; a tree</tag>
</metadata>"""


def request_of(layer):
    return batch.record_of(layer)["record"]["request"]


def tags_of(image):
    """Every tag of the metadata with its value."""
    kept = image.get_metadata()
    root = ElementTree.fromstring(kept.serialize())
    return sorted((tag.get("name"), tag.text or "") for tag in root.findall("tag"))


def kind_of(image):
    return image.get_base_type().value_nick


def profile_of(image):
    profile = image.get_color_profile()
    return profile.get_label() if profile else None


def truth(image):
    """(what is seen, the top layer) in sRGB; GIMP converts where GEGL can't read the profile."""
    copy = image.duplicate()
    if copy.get_color_profile() is not None:
        intent = Gimp.ColorRenderingIntent.RELATIVE_COLORIMETRIC
        copy.convert_color_profile(Gimp.ColorProfile.new_rgb_srgb(), intent, True)
    found = batch.visible(copy), batch.read(copy.get_layers()[0])
    copy.delete()
    return found


def converted(scene, wanted, strength=0.0):
    """Image to Image with a conversion: what the source, what is seen and the result are then."""
    image, drawables = getattr(scenes, scene)()
    seen, source = truth(image)
    status, error, values = batch.call(
        "img2img", image, drawables, strength=strength, convert=wanted, **QUICK
    )
    if status != "success":
        return {"status": status, "error": error}
    layer = values["layer"]
    facts = {
        "status": status,
        "error": error,
        "kind": kind_of(image),
        "profile": profile_of(image),
        "difference": largest(batch.read(layer), source),
        "colored": colored(batch.read(layer)),
    }
    image.remove_layer(layer)
    return facts | {"seen_difference": largest(batch.visible(image), seen)}


def largest(found, wanted):
    return max(abs(one - other) for one, other in zip(found, wanted, strict=True))


def colored(pixels):
    """Whether any pixel is not gray."""
    return any(
        len(set(pixels[first : first + 3])) > 1
        for first in range(0, len(pixels), 4)
        if pixels[first + 3]
    )


def to_new_image(scene):
    image, drawables = getattr(scenes, scene)()
    (_seen, source), before = truth(image), snapshot(image)
    status, error, values = batch.call("img2img", image, drawables, strength=0.0, target="image")
    if status != "success":
        return {"status": status, "error": error}
    made = values["image"]
    return {
        "status": status,
        "error": error,
        "changed": differences(before, snapshot(image)),
        "other": made != image,
        "kind": kind_of(made),
        "precision": made.get_precision() == image.get_precision(),
        "difference": largest(batch.read(values["layer"]), source),
    }


def refused(scene, action="img2img", **options):
    """What is told, and that nothing has changed."""
    image, drawables = getattr(scenes, scene)()
    before = snapshot(image)
    status, error, _values = batch.call(action, image, drawables, **options)
    return {"status": status, "error": error, "changed": differences(before, snapshot(image))}


def regenerated(image, drawables, **options):
    """What is below the result stays, and so does the selection."""
    before = snapshot(image)
    status, error, values = batch.call("regenerate-selection", image, drawables, **options, **QUICK)
    if status != "success":
        return {"status": status, "error": error}, None
    after = snapshot(image)
    after["layers"] = [
        layer for layer in after["layers"] if layer["id"] != values["layer"].get_id()
    ]
    for one in (before, after):
        for key in NEUTRAL:
            one.pop(key)
    facts = {"status": status, "error": error, "changed": differences(before, after)}
    return facts, values["layer"]


def spread(layer):
    """The layer's mask on the canvas, value by value."""
    canvas = bytearray(scenes.CANVAS[0] * scenes.CANVAS[1])
    mask, (_ok, x, y) = batch.read(layer.get_mask(), pixels_format="Y u8"), layer.get_offsets()
    width = layer.get_width()
    for row in range(layer.get_height()):
        start = (y + row) * scenes.CANVAS[0] + x
        canvas[start : start + width] = mask[row * width : row * width + width]
    return bytes(canvas)


def from_transparency(selected):
    image, drawables = scenes.hole(HOLE)
    if selected:
        image.select_rectangle(Gimp.ChannelOps.REPLACE, HOLE[0], HOLE[1], 4, 80)
    options = {"mask_source": "transparency", "source": "layer", "prompt": "a boat"}
    facts, layer = regenerated(image, drawables, **options)
    if layer is None:
        return facts
    mask = spread(layer)
    width = scenes.CANVAS[0]
    places = [(n % width, n // width) for n, value in enumerate(mask) if value]
    alpha = batch.read(layer)[3::4]
    return facts | {
        "values": sorted(set(mask)),
        "corner": [min(x for x, _y in places), min(y for _x, y in places)],
        "count": len(places),
        "alpha": sorted(set(alpha)),
        "asked": request_of(layer).get("alpha"),
    }


def from_layer_mask():
    image, drawables = scenes.masked()
    wanted = batch.read(drawables[0].get_mask(), pixels_format="Y u8")
    facts, layer = regenerated(image, drawables, mask_source="layer-mask", source="layer")
    if layer is None:
        return facts
    found, (left, top) = spread(layer), scenes.OFFSET
    width, height = drawables[0].get_width(), drawables[0].get_height()
    rows = [found[(top + y) * scenes.CANVAS[0] + left :][:width] for y in range(height)]
    return facts | {"equal": b"".join(rows) == wanted, "sum": sum(found) == sum(wanted)}


def from_channel():
    image, drawables = scenes.full()
    channel = Gimp.Channel.new(image, "kept", *scenes.CANVAS, 50, Gegl.Color.new("black"))
    image.insert_channel(channel, None, 0)
    ramp = bytes(max(0, n % 100 - 30) * 3 for n in range(scenes.CANVAS[0] * scenes.CANVAS[1]))
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 3, 3, 9, 9)
    batch.write(channel, ramp, "Y u8")
    stored = batch.read(channel, pixels_format="Y u8")
    facts, layer = regenerated(image, drawables, mask_source="channel", mask_channel=channel)
    if layer is None:
        return facts
    copy = image.duplicate()
    copy.select_item(Gimp.ChannelOps.REPLACE, copy.get_channels()[0])
    wanted = batch.read(copy.get_selection(), pixels_format="Y u8")
    copy.delete()
    return facts | {"equal": spread(layer) == wanted, "soft": len(set(stored)) > 50}


def exact_edge(exact):
    image, drawables = scenes.full()
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 30, 20, 30, 24)
    Gimp.Selection.feather(image, 5)
    wanted = batch.read(image.get_selection(), pixels_format="Y u8")
    options = {"exact_edge": exact, "grow": 3, "feather": 4, "blend": 5}
    facts, layer = regenerated(image, drawables, **options)
    if layer is None:
        return facts
    asked = request_of(layer).get("mask_options")
    return facts | {"equal": spread(layer) == wanted, "asked": asked}


def transparency(alpha):
    """The hole of the source in the result of Image to Image."""
    image, drawables = scenes.hole(HOLE)
    wanted = batch.read(drawables[0])[3::4]
    _status, error, values = batch.call(
        "img2img", image, drawables, strength=0.7, alpha=alpha, transparent_fill="gray", **QUICK
    )
    layer = values["layer"]
    found = batch.read(layer)[3::4]
    return {
        "error": error,
        "as_source": found == wanted,
        "opaque": set(found) == {255},
        "asked": [request_of(layer).get(name) for name in ("alpha", "transparent_fill")],
    }


def again_keeps():
    """Generate Again asks for what the first job asked, also in an image converted for it."""
    image, drawables = scenes.indexed()
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 20, 20, 16, 12)
    options = {"convert": "rgb", "color_match": False, "alpha": "opaque", "strength": 0.6}
    options |= {"transparent_fill": "white", "source": "layer"}
    status, error, values = batch.call("regenerate-selection", image, drawables, **options, **QUICK)
    if status != "success":
        return {"status": status, "error": error}
    first = values["layer"]
    status, error, values = batch.call("generate-again", image, [first])
    if status != "success":
        return {"status": status, "error": error}
    names = ("color_match", "alpha", "transparent_fill", "drift_correction", "strength", "steps")
    found = [[request_of(layer).get(name) for name in names] for layer in (first, values["layer"])]
    masks = [
        batch.read(layer.get_mask(), pixels_format="Y u8") for layer in (first, values["layer"])
    ]
    facts = {"status": status, "error": error, "same_mask": masks[0] == masks[1]}
    return facts | {"first": found[0], "second": found[1]}


def metadata(mark):
    image, drawables = scenes.offset()
    image.set_metadata(Gimp.Metadata.deserialize(METADATA))
    before, kept = tags_of(image), image.get_metadata().serialize()
    parasites = {name: snapshot(image)["parasites"][name] for name in image.get_parasite_list()}
    options = {"strength": 0.0, "mark_digital_source": mark}
    _status, error, _values = batch.call("img2img", image, drawables, **options)
    _status, _error, _values = batch.call("img2img", image, drawables, **options)
    after = tags_of(image)
    path = os.path.join(batch.WORK, f"marked-{mark}.png")
    procedure = Gimp.get_pdb().lookup_procedure("file-png-export")
    config = procedure.create_config()
    config.set_property("image", image)
    config.set_property("file", Gio.File.new_for_path(path))
    config.set_property("include-xmp", True)
    procedure.run(config)
    with open(path, "rb") as file:
        exported = b"compositeWithTrainedAlgorithmicMedia" in file.read()
    return {
        "error": error,
        "identical": image.get_metadata().serialize() == kept,
        "parasites": {name: snapshot(image)["parasites"][name] for name in parasites} == parasites,
        "added": [list(tag) for tag in after if tag not in before],
        "lost": [list(tag) for tag in before if tag not in after],
        "exported": exported,
    }


def special_layer(scene):
    """A layer that is no plain one, as the source; it stays what it is."""
    image, drawables = getattr(scenes, scene)()
    source = drawables[0]
    kind, before = type(source).__name__, snapshot(image)
    wanted = batch.read(source)
    status, error, values = batch.call("img2img", image, drawables, strength=0.0)
    if status != "success":
        return {"status": status, "error": error}
    layer = values["layer"]
    difference = largest(batch.read(layer), wanted)
    place = [list(one.get_offsets())[1:] for one in (layer, source)]
    image.remove_layer(layer)
    after = snapshot(image)
    for one in (before, after):
        for key in NEUTRAL:
            one.pop(key)
    return {
        "status": status,
        "error": error,
        "kind": [kind, type(source).__name__, type(layer).__name__],
        "content": len(set(wanted)) > 1,
        "difference": difference,
        "same_place": place[0] == place[1],
        "changed": differences(before, after),
    }


def filtered(source):
    """A layer with a filter: its own pixels, or what is seen of it."""
    image, drawables = scenes.filtered()
    stored = batch.read(drawables[0])
    _status, error, values = batch.call("img2img", image, drawables, strength=0.0, source=source)
    found = batch.read(values["layer"])
    inverted = bytes(v if n % 4 == 3 else 255 - v for n, v in enumerate(stored))
    return {"error": error, "stored": largest(found, stored), "seen": largest(found, inverted)}


FOUND = {
    "indexed to rgb": converted("indexed", "rgb"),
    "indexed to rgb, repainted": converted("indexed", "rgb", 0.9),
    "gray kept": converted("gray", "no", 0.9),
    "gray to rgb": converted("gray", "rgb", 0.9),
    "gray to rgb, unchanged": converted("gray", "rgb"),
    "linear tables to srgb": converted("linear_tables", "srgb"),
    "rgb needs none": converted("offset", "rgb"),
    "indexed in a new image": to_new_image("indexed"),
    "linear tables in a new image": to_new_image("linear_tables"),
    "16 bits in a new image": to_new_image("u16"),
    "indexed": refused("indexed"),
    "linear tables": refused("linear_tables"),
    "failed conversion": refused("indexed", convert="rgb", model="missing"),
    "no layer mask": refused("full", "regenerate-selection", mask_source="layer-mask"),
    "no channel": refused("full", "regenerate-selection", mask_source="channel"),
    "nothing transparent": refused("full", "regenerate-selection", mask_source="transparency"),
    "transparency": from_transparency(False),
    "transparency in a selection": from_transparency(True),
    "layer mask": from_layer_mask(),
    "channel": from_channel(),
    "exact edge": exact_edge(True),
    "worked edge": exact_edge(False),
    "alpha of the source": transparency("source"),
    "opaque": transparency("opaque"),
    "again": again_keeps(),
    "unmarked": metadata(False),
    "marked": metadata(True),
    "text layer": special_layer("text_layer"),
    "stored": filtered("layer"),
    "as seen": filtered("selected-layers"),
}
if hasattr(Gimp, "LinkLayer"):
    FOUND["link layer"] = special_layer("link_layer")
    FOUND["vector layer"] = special_layer("vector_layer")
batch.answer(FOUND)
