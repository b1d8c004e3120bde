"""Runs the fidelity table in GIMP and tells what came of every image."""

import json
import os
import random
import struct
import sys

import batch
import fidelity_cases as table
from gi.repository import Gimp, Gio
from snapshot import differences, snapshot

KINDS = {"rgb": Gimp.ImageBaseType.RGB, "gray": Gimp.ImageBaseType.GRAY}
NEUTRAL = ("dirty", "selected_layers")


def precision_of(case):
    name = {"u8": "U8", "u16": "U16", "u32": "U32", "half": "HALF", "float": "FLOAT"}
    light = "LINEAR" if case["light"] == "linear" else "NON_LINEAR"
    return getattr(Gimp.Precision, name[case["precision"]] + "_" + light)


def profile_of(case):
    if case["profile"] == "srgb":
        return None
    path = os.path.join(batch.WORK, case["profile"] + ".icc")
    return Gimp.ColorProfile.new_from_file(Gio.File.new_for_path(path))


def make(case):
    """An image with one layer of noise and a patch of a known colour, written in the image's own
    numbers: nothing is converted."""
    width, height = table.SIZE
    kind = KINDS.get(case["kind"], Gimp.ImageBaseType.RGB)
    image = batch.new_image(width, height, kind, precision_of(case))
    layer = batch.add_layer(image, 0, 0, width, height, case["alpha"], name="source")
    colours = 1 if case["kind"] == "gray" else 3
    batch.write(layer, pack(case, list(content(case, colours))), plain_format(case))
    profile = profile_of(case)
    if profile is not None:
        image.set_color_profile(profile)  # assigned: the numbers stay
    if case["kind"] == "indexed":
        image.convert_indexed(
            Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE, 250, False, False, ""
        )
    image.clean_all()
    return image, layer


def content(case, colours):
    """Values 0..1, pixel by pixel."""
    chance = random.Random(case["name"])
    few = [[chance.random() for _ in range(colours)] for _ in range(40)]
    left, top, width, height = table.PATCH
    for y in range(table.SIZE[1]):
        for x in range(table.SIZE[0]):
            inside = left <= x < left + width and top <= y < top + height
            if inside:
                yield from stored_patch(case, colours)
            elif case["kind"] == "indexed":
                yield from chance.choice(few)
            else:
                yield from (chance.random() for _ in range(colours))
            if case["alpha"]:
                yield 1.0 if inside or case["kind"] == "indexed" else chance.choice([1.0, 0.5, 0.0])


def stored_patch(case, colours):
    """The patch's colour as this image stores it."""
    encoded = [value / 255 for value in table.PATCH_COLOUR[:colours]]
    if case["light"] == "perceptual":
        return encoded
    gamma = 2.19921875 if case["profile"] == "adobe" else 0
    return [value**gamma if gamma else ((value + 0.055) / 1.055) ** 2.4 for value in encoded]


def pack(case, values):
    code, full = table.PRECISIONS[case["precision"]]
    numbers = [round(value * full) for value in values] if full else values
    return struct.pack(f"<{len(numbers)}{code}", *numbers)


def unpack(case, data):
    code, _full = table.PRECISIONS[case["precision"]]
    return struct.unpack(f"<{len(data) // struct.calcsize(code)}{code}", data)


def plain_format(case):
    """The layer's own format while the image has no profile yet."""
    colours = "Y" if case["kind"] == "gray" else "RGB"
    if case["light"] == "perceptual":
        colours = "".join(letter + "'" for letter in colours)
    return colours + ("A " if case["alpha"] else " ") + case["precision"]


def raw(case, drawable):
    """The stored numbers, `(pixels, channels)` flat, and the number of channels."""
    data = batch.read(drawable, pixels_format=None)
    values = unpack(case, data)
    return values, len(values) // (drawable.get_width() * drawable.get_height())


def largest_error(case, source, result, within=(0.0, 1.0)):
    """The largest difference of the stored numbers, in steps of 8 bits, of pixels all of whose
    numbers lie `within`."""
    (old, before), (new, after) = raw(case, source), raw(case, result)
    _code, full = table.PRECISIONS[case["precision"]]
    colours = 1 if after == 2 else 3
    worst = 0
    for pixel in range(len(new) // after):
        one = old[pixel * before : pixel * before + before]
        other = new[pixel * after : pixel * after + after]
        if not all(
            within[0] * (full or 1) <= value <= within[1] * (full or 1) for value in one[:colours]
        ):
            continue
        opaque = [full or 1.0] if before == colours else []
        pairs = zip([*one, *opaque], other, strict=True)
        worst = max(worst, *(abs(a - b) for a, b in pairs))
    return worst / (full or 1) * 255


def outside(case, image, before):
    """The largest difference of what is seen where nothing at all is selected, in steps of 8 bits,
    and how many other pixels changed."""
    after = seen(image)
    selected = batch.selected(image)
    each = len(after) // len(selected)
    worst = 0
    changed = 0
    for pixel, value in enumerate(selected):
        here = slice(pixel * each, pixel * each + each)
        if not value:
            worst = max(
                worst, *(abs(a - b) for a, b in zip(before[here], after[here], strict=True))
            )
        else:
            changed += before[here] != after[here]
    _code, full = table.PRECISIONS[case["precision"]]
    return worst / (full or 1) * 255, changed


def seen(image):
    copy = image.duplicate()
    Gimp.Selection.none(copy)
    layer = Gimp.Layer.new_from_visible(copy, copy, "seen")
    values, _channels = raw(CASE, layer)
    layer.delete()
    copy.delete()
    return values


def job_of(layer):
    return json.loads(bytes(v & 255 for v in layer.get_parasite("pentimento-job").get_data()))[
        "job"
    ]


def trip(case):
    """There and back at strength 0."""
    image, source = make(case)
    facts = {}
    if case["convert"] != "no":
        before = snapshot(image)
        status, error, _values = batch.call("img2img", image, [source], strength=0.0)
        facts["refused"] = [status, error, differences(before, snapshot(image))]
    status, error, values = batch.call(
        "img2img", image, [source], strength=0.0, convert=case["convert"]
    )
    facts |= {"status": status, "error": error}
    if status == "success":
        facts["trip"] = largest_error(case, source, values["layer"])
        facts["conversion"] = conversion_error(case, image, source)
        facts["job"] = job_of(values["layer"])
        facts["patch"] = patch_of(case, source)
    image.delete()
    return facts


def conversion_error(case, image, source):
    """What the way to the server's sRGB and back costs a result that is not the source unchanged:
    the largest error of middle values, in steps of 8 bits. Near 0 an encoded value says nothing."""
    sys.path.append(os.path.join(batch.WORK, "config", "plug-ins", "pentimento"))
    from gimpio import layers, sources
    from gimpio.destination import Destination
    from wire import Box

    box = Box(0, 0, *table.SIZE)
    picture = sources.choose(image, [source], "layer", Destination()).read(box)
    place = layers.Place(image, source, box, Destination())
    (layer,) = place.put([layers.Picture(picture, "converted", {})])["layers"]
    return largest_error(case, source, layer, within=(0.2, 0.8))


def patch_of(case, layer):
    """The stored numbers of the patch's middle."""
    values, channels = raw(case, layer)
    x, y, width, height = table.PATCH
    pixel = (y + height // 2) * table.SIZE[0] + x + width // 2
    return values[pixel * channels : pixel * channels + channels]


def fill(case):
    """A feathered selection made anew. What is seen then is compared with the same image under an
    empty layer: GIMP itself rounds when it lays anything over a deep image."""
    global CASE
    CASE = case
    image, source = make(case)
    if case["convert"] == "rgb":
        image.convert_rgb()
    elif case["convert"] == "srgb":
        profile = Gimp.ColorProfile.new_rgb_srgb()
        intent = Gimp.ColorRenderingIntent.RELATIVE_COLORIMETRIC
        image.convert_color_profile(profile, intent, True)
    x, y, width, height, radius = table.SELECTION
    image.select_rectangle(Gimp.ChannelOps.REPLACE, x, y, width, height)
    Gimp.Selection.feather(image, radius)
    layer_before = batch.read(source, pixels_format=None)
    empty = batch.add_layer(image, 0, 0, *table.SIZE, name="empty")
    batch.write(empty, bytes(4 * table.SIZE[0] * table.SIZE[1]))
    before = seen(image)
    image.remove_layer(empty)
    metadata = image.get_metadata().serialize() if image.get_metadata() else ""
    status, error, values = batch.call(
        "regenerate-selection", image, [source], strength=1.0, steps=1, random_seed=False, seed=3
    )
    facts = {"status": status, "error": error}
    if status == "success":
        facts["outside"], facts["changed"] = outside(case, image, before)
        layer = values["layer"]
        _ok, left, top = layer.get_offsets()
        box = (left, top, layer.get_width(), layer.get_height())
        facts["mask_exact"] = batch.read(layer.get_mask(), pixels_format=None) == batch.read(
            image.get_selection(), *box, None
        )
        facts["source_untouched"] = batch.read(source, pixels_format=None) == layer_before
        now = image.get_metadata().serialize() if image.get_metadata() else ""
        facts["metadata_untouched"] = now == metadata
    image.delete()
    return facts


def run(case):
    facts = {"trip": trip(case)}
    if case["filled"] and not trips:
        facts["fill"] = fill(case)
    return facts


given = batch.arguments()
trips = given["trips"] if isinstance(given, dict) else []  # those that are not filled
chosen = trips or given or [case["name"] for case in table.CASES]
batch.answer({case["name"]: run(case) for case in table.CASES if case["name"] in chosen})
