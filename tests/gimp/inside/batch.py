"""For files that run inside GIMP: call procedures, make images, hand an answer to the test."""

import json
import os

from gi.repository import Gegl, Gimp

WORK = os.environ["PENTIMENTO_TEST_WORK"]
NONINTERACTIVE = Gimp.RunMode.NONINTERACTIVE


def arguments():
    with open(os.path.join(WORK, "arguments.json")) as file:
        return json.load(file)


def answer(found):
    with open(os.path.join(WORK, "answer.json"), "w") as file:
        json.dump(found, file)


def call(name, image=None, drawables=(), mode=NONINTERACTIVE, **options):
    """(status, text of the error, return values by name) of plug-in-pentimento-NAME."""
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-pentimento-" + name)
    config = procedure.create_config()
    config.set_property("run-mode", mode)
    config.set_property("image", image)
    config.set_core_object_array("drawables", list(drawables))
    for option, value in options.items():
        config.set_property(option.replace("_", "-"), value)
    result = procedure.run(config)
    status = result.index(0).value_nick
    if status != "success":
        return status, str(Gimp.get_pdb().get_last_error()), {}
    return status, "", dict(_return_values(procedure, result))


def _return_values(procedure, result):
    """(name, value); an array of layers comes as an opaque box, which only a config can open."""
    for position, spec in enumerate(procedure.get_return_values(), start=1):
        value = result.index(position)
        if spec.name == "layers":
            config = procedure.create_config()
            config.set_property("drawables", value)
            value = config.get_core_object_array("drawables")
        yield spec.name, value


def new_image(width, height, kind=Gimp.ImageBaseType.RGB, precision=None):
    precision = precision or Gimp.Precision.U8_NON_LINEAR
    return Gimp.Image.new_with_precision(width, height, kind, precision)


def add_layer(image, x=0, y=0, width=64, height=48, alpha=True, parent=None, name="L", seed=1):
    """A layer of noise that no two of which are alike."""
    gray = image.get_base_type() == Gimp.ImageBaseType.GRAY
    kinds = Gimp.ImageType
    if gray:
        kind = kinds.GRAYA_IMAGE if alpha else kinds.GRAY_IMAGE
    else:
        kind = kinds.RGBA_IMAGE if alpha else kinds.RGB_IMAGE
    layer = Gimp.Layer.new(image, name, width, height, kind, 100, Gimp.LayerMode.NORMAL)
    image.insert_layer(layer, parent, 0)
    layer.set_offsets(x, y)
    write(layer, noise(width * height * 4, seed))
    return layer


def noise(count, seed):
    """Bytes that differ by seed; alpha (each fourth) is opaque."""
    state, made = seed * 2654435761 % 2**32 or 1, bytearray(count)
    for position in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        made[position] = 255 if position % 4 == 3 else state >> 24
    return bytes(made)


def write(drawable, data, pixels_format="R'G'B'A u8"):
    buffer = drawable.get_buffer()
    area = Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height())
    buffer.set(area, pixels_format, data)
    buffer.flush()


def read(drawable, x=0, y=0, width=None, height=None, pixels_format="R'G'B'A u8"):
    width, height = width or drawable.get_width(), height or drawable.get_height()
    buffer = drawable.get_buffer()
    area = Gegl.Rectangle.new(x, y, width, height)
    data = buffer.get(area, 1.0, pixels_format, Gegl.AbyssPolicy.NONE)
    buffer.flush()
    return data


def selected(image):
    """For every pixel of the canvas whether anything of it is selected. As deep as the selection
    is: in 8 bits the ends of a soft edge would count as not selected."""
    return not_zero(
        read(image.get_selection(), pixels_format=None), image.get_width() * image.get_height()
    )


def not_zero(data, pixels):
    each = len(data) // pixels
    return [any(data[at : at + each]) for at in range(0, len(data), each)]


def record_of(layer):
    """The record that a result layer carries."""
    data = layer.get_parasite("pentimento-job").get_data()
    return json.loads(bytes(value & 255 for value in data))


def visible(image):
    """What is seen of the whole canvas."""
    copy = image.duplicate()
    layer = Gimp.Layer.new_from_visible(copy, copy, "seen")
    data = read(layer)
    layer.delete()
    copy.delete()
    return data
