"""Lays fills with soft edges over a 16-bit gradient and tells the numbers of one row."""

import os
import struct
import sys

import banding_case as case
import batch
from gi.repository import Gimp

sys.path.append(os.path.join(batch.WORK, "config", "plug-ins", "pentimento"))


def make():
    """A gradient of steps that 8 bits can't hold, and a feathered selection of whole columns."""
    image = batch.new_image(*case.SIZE, precision=Gimp.Precision.U16_NON_LINEAR)
    layer = batch.add_layer(image, 0, 0, *case.SIZE, name="gradient")
    batch.write(layer, picture(case.source_row()), case.FORMAT)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, case.LEFT, 0, case.SELECTED, case.SIZE[1])
    Gimp.Selection.feather(image, case.FEATHER)
    return image, layer


def picture(row):
    """The same row all over."""
    values = [number for value in row for number in (value, value, value, 65535)]
    return struct.pack(f"<{len(values)}H", *values) * case.SIZE[1]


def middle_row(drawable, pixels_format=case.FORMAT, code="H"):
    data = batch.read(drawable, 0, case.SIZE[1] // 2, case.SIZE[0], 1, pixels_format)
    return struct.unpack(f"<{len(data) // struct.calcsize(code)}{code}", data)


def shown(image):
    copy = image.duplicate()
    Gimp.Selection.none(copy)
    layer = Gimp.Layer.new_from_visible(copy, copy, "shown")
    row = middle_row(layer)[::4]
    layer.delete()
    copy.delete()
    return row


def filled(strength):
    """Through the server."""
    image, source = make()
    selection = middle_row(image.get_selection(), "Y float", "f")
    status, error, values = batch.call(
        "regenerate-selection", image, [source], strength=strength, steps=1, exact_edge=True
    )
    assert status == "success", error
    return facts(image, values["layer"], selection)


def placed():
    """A smooth fill from nobody, placed by the plug-in."""
    from gimpio import layers, selection, sources
    from gimpio.destination import Destination
    from wire import Box, Pixels

    image, source = make()
    soft = middle_row(image.get_selection(), "Y float", "f")
    box = Box(0, 0, *case.SIZE)
    area = selection.Area(sources.choose(image, [source], "layer", Destination()))
    fill = Pixels("rgba-u16", *case.SIZE, picture(case.fill_row()))
    place = layers.Place(image, source, box, Destination())
    _sent, mask = area.read(box)
    (layer,) = place.put([layers.Picture(fill, "fill", {})], mask)["layers"]
    return facts(image, layer, soft)


def facts(image, layer, selection):
    _ok, left, _top = layer.get_offsets()
    found = {
        "left": left,
        "layer": middle_row(layer)[: layer.get_width() * 4 : 4],
        "mask": middle_row(layer.get_mask(), "Y float", "f")[: layer.get_width()],
        "selection": selection,
        "shown": shown(image),
    }
    image.delete()
    return found


batch.answer({"unchanged": filled(0.0), "generated": filled(1.0), "smooth": placed()})
