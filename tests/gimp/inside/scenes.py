"""Images for the tests, one function each. A scene gives the image and its selected drawables; the
first one is what a result has to go above."""

import os

from batch import WORK, add_layer, new_image, read, write
from cases import CANVAS
from gi.repository import Gimp, Gio

OFFSET = (13, 9)


def _blank(kind=Gimp.ImageBaseType.RGB, precision=None, profile=None):
    image = new_image(*CANVAS, kind, precision)
    if profile is not None:
        image.set_color_profile(profile)
    add_layer(image, 0, 0, *CANVAS, name="background", seed=99)
    return image


def _group(image, parent=None, name="group"):
    group = Gimp.GroupLayer.new(image, name)
    image.insert_layer(group, parent, 0)
    return group


def full():
    image = _blank()
    return image, [image.get_layers()[0]]


def offset(**more):
    image = _blank(**more)
    layer = add_layer(image, *OFFSET)
    return image, [layer]


def _at(x, y, width=64, height=48):
    image = _blank()
    return image, [add_layer(image, x, y, width, height)]


def off_canvas():
    return _at(-20, -10)


def beyond():
    return _at(70, 50)


def outside():
    return _at(-200, -100)


def corner():
    return _at(0, 0, 30, 20)


def one_pixel_layer():
    return _at(31, 17, 1, 1)


def below():
    image = _blank()
    layer = add_layer(image, 0, 0)
    add_layer(image, 3, 3, seed=5, name="above")
    return image, [layer]


def group():
    image = _blank()
    parent = _group(image)
    layer = add_layer(image, *OFFSET, parent=parent)
    add_layer(image, 40, 40, 20, 20, parent=parent, seed=6)
    return image, [layer]


def two_groups():
    image = _blank()
    inner = _group(image, _group(image, name="outer"), name="inner")
    add_layer(image, 2, 2, 8, 8, parent=inner, seed=7)
    layer = add_layer(image, *OFFSET, parent=inner)
    return image, [layer]


def whole_group():
    image = _blank()
    parent = _group(image)
    add_layer(image, 5, 6, 30, 20, parent=parent)
    add_layer(image, 25, 26, 40, 30, parent=parent, seed=8)
    return image, [parent]


def pass_through():
    image, drawables = whole_group()
    drawables[0].set_mode(Gimp.LayerMode.PASS_THROUGH)
    return image, drawables


def several():
    image = _blank()
    lower = add_layer(image, 4, 5, 30, 20, name="lower")
    add_layer(image, 0, 0, 50, 50, name="between", seed=11)
    upper = add_layer(image, 20, 20, 60, 48, name="upper", seed=12)
    upper.set_opacity(50)
    return image, [upper, lower]


def several_in_groups():
    image = _blank()
    lower = add_layer(image, 4, 5, 30, 20, parent=_group(image, name="one"))
    other = _group(image, name="two")
    upper = add_layer(image, 20, 20, 60, 48, parent=other, seed=12)
    add_layer(image, 0, 0, 50, 50, parent=other, seed=11)
    return image, [upper, lower]


def translucent():
    image, drawables = offset()
    drawables[0].set_opacity(60)
    return image, drawables


def no_alpha():
    image = _blank()
    return image, [add_layer(image, *OFFSET, alpha=False)]


def masked():
    image, drawables = offset()
    mask = drawables[0].create_mask(Gimp.AddMaskType.WHITE)
    drawables[0].add_mask(mask)
    count = mask.get_width() * mask.get_height()
    write(mask, bytes(index % 256 for index in range(count)), "Y u8")
    drawables[0].set_edit_mask(False)
    return image, drawables


def mask_selected():
    image, drawables = masked()
    drawables[0].set_edit_mask(True)
    return image, [drawables[0].get_mask()]


def locked():
    image, drawables = offset()
    _lock(drawables[0])
    drawables[0].set_lock_alpha(True)
    return image, drawables


def locked_group():
    image, drawables = group()
    _lock(drawables[0].get_parent())
    return image, drawables


def _lock(item):
    item.set_lock_content(True)
    item.set_lock_position(True)
    item.set_lock_visibility(True)


def with_selection():
    image, drawables = offset()
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 20, 20, 10, 10)
    return image, drawables


def gray():
    return offset(kind=Gimp.ImageBaseType.GRAY)


def u16():
    return offset(precision=Gimp.Precision.U16_NON_LINEAR)


def float():
    return offset(precision=Gimp.Precision.FLOAT_LINEAR)


def adobe():
    return offset(profile=Gimp.ColorProfile.new_rgb_adobe())


def indexed():
    image, drawables = full()
    image.convert_indexed(
        Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE, 16, False, False, ""
    )
    return image, drawables


def floating():
    image, drawables = full()
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 20, 20, 10, 10)
    Gimp.edit_copy(drawables)
    Gimp.edit_paste(drawables[0], False)
    return image, drawables


def channel():
    image, _drawables = full()
    made = Gimp.Channel.new_from_component(image, Gimp.ChannelType.RED, "red")
    image.insert_channel(made, None, 0)
    return image, [made]


def table_profile(precision=None):
    file = Gio.File.new_for_path(os.path.join(WORK, "table.icc"))
    image = _blank(precision=precision, profile=Gimp.ColorProfile.new_from_file(file))
    layer = add_layer(image, *OFFSET, width=32, height=24)
    write(layer, bytes(v for n in range(32 * 24) for v in (100 + n % 60, 120, 110 + n // 24, 255)))
    return image, [layer]


def linear_tables():
    return table_profile(Gimp.Precision.U16_LINEAR)


def hole(place):
    """A layer with a transparent hole at a place of the canvas."""
    image, _drawables = full()
    layer = add_layer(image, 0, 0, *CANVAS, name="holed")
    x, y, width, height = place
    pixels = bytearray(read(layer))
    for row in range(y, y + height):
        for column in range(x, x + width):
            pixels[4 * (row * CANVAS[0] + column) + 3] = 0
    write(layer, bytes(pixels))
    return image, [layer]


def text_layer():
    image = _blank()
    Gimp.fonts_refresh()  # the tests start GIMP without fonts
    font = Gimp.fonts_get_list("")[0]
    layer = Gimp.TextLayer.new(image, "words", font, 20, Gimp.Unit.pixel())
    image.insert_layer(layer, None, 0)
    layer.set_offsets(*OFFSET)
    return image, [layer]


def link_layer():
    """Only in GIMP 3.2: a layer that shows a file."""
    image, _drawables = full()
    file = Gio.File.new_for_path(os.path.join(WORK, "linked.png"))
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file)
    layer = Gimp.LinkLayer.new(image, file)
    image.insert_layer(layer, None, 0)
    layer.set_offsets(*OFFSET)
    return image, [layer]


def vector_layer():
    """Only in GIMP 3.2: a layer that shows a path."""
    image = _blank()
    path = Gimp.Path.new(image, "triangle")
    image.insert_path(path, None, 0)
    corners = (20, 20, 70, 25, 40, 60)
    points = [value for n in range(0, 6, 2) for _ in range(3) for value in corners[n : n + 2]]
    path.stroke_new_from_points(Gimp.PathStrokeType.BEZIER, points, True)
    layer = Gimp.VectorLayer.new(image, path)
    image.insert_layer(layer, None, 0)
    return image, [layer]


def filtered():
    image, drawables = full()
    drawables[0].append_filter(Gimp.DrawableFilter.new(drawables[0], "gegl:invert-gamma", ""))
    return image, drawables
