"""Pixels between GIMP's drawables and bytes, colour managed by GEGL: a format without a space means
sRGB, and GEGL converts from and to the image's profile and precision."""

from __future__ import annotations

import struct
from typing import Any, Optional, Union

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
from gi.repository import Babl, Gegl, Gimp, GLib

from wire import BYTES_PER_PIXEL, Box, Pixels, Stored

GEGL_FORMAT = {
    "rgba-u8": "R'G'B'A u8",
    "rgb-u8": "R'G'B' u8",
    "rgba-u16": "R'G'B'A u16",
    "rgba-f32": "R'G'B'A float",
    "y-u8": "Y u8",  # masks are linear; "Y' u8" would turn 128 into 188
}
BAND_BYTES = 8 * 1024 * 1024  # at once; Buffer.set() with 2 GiB or more kills the process
TILE_CACHE_BYTES = 8 * 1024 * 1024
RELATIVE = Gimp.ColorRenderingIntent.RELATIVE_COLORIMETRIC

_LINEAR = (
    Gimp.Precision.U8_LINEAR,
    Gimp.Precision.U16_LINEAR,
    Gimp.Precision.U32_LINEAR,
    Gimp.Precision.HALF_LINEAR,
    Gimp.Precision.FLOAT_LINEAR,
    Gimp.Precision.DOUBLE_LINEAR,
)
# Full alpha, by babl's name for a number's type.
OPAQUE = {
    "u8": b"\xff",
    "u16": b"\xff" * 2,
    "u32": b"\xff" * 4,
    "half": struct.pack("=e", 1.0),
    "float": struct.pack("=f", 1.0),
    "double": struct.pack("=d", 1.0),
}
_EIGHT_BIT = (Gimp.Precision.U8_NON_LINEAR, Gimp.Precision.U8_PERCEPTUAL)
_SIXTEEN_BIT = (Gimp.Precision.U16_NON_LINEAR, Gimp.Precision.U16_PERCEPTUAL)


# Drawables are read and written once; tiles kept for later would only be a copy of all of it.
Gegl.config().set_property("tile-cache-size", TILE_CACHE_BYTES)


def transport_format(image) -> str:
    """The wire format that loses nothing of the image's pixels. Another profile than sRGB may hold
    colours outside sRGB, which only floating point keeps."""
    if not unknown_space(image) and _space_name(image) == "sRGB":
        if image.get_precision() in _EIGHT_BIT:
            return "rgba-u8"
        if image.get_precision() in _SIXTEEN_BIT:
            return "rgba-u16"
    return "rgba-f32"


def _space_name(image) -> str:
    """GEGL's name for the image's colours; every maker's sRGB profile is "sRGB"."""
    profile = image.get_color_profile()
    return "sRGB" if profile is None else Babl.get_name(profile.get_space(RELATIVE))


def unknown_space(image) -> bool:
    """True for profiles that GEGL can't use (lookup tables): it does not convert colours then."""
    profile = image.get_color_profile()
    if profile is None:
        return False
    try:
        profile.get_space(RELATIVE)
    except GLib.Error:
        return True
    return False


def linear_tables(image) -> bool:
    """True for linear light with a profile made of tables, which nobody converts exactly."""
    return image.get_precision() in _LINEAR and unknown_space(image)


def precision_for(content: Union[Pixels, Stored]) -> Any:
    """The least precision of an image without a profile that holds it."""
    kind = content.format if isinstance(content, Pixels) else content.encoding
    if kind.endswith("u8"):
        return Gimp.Precision.U8_NON_LINEAR
    return Gimp.Precision.U16_NON_LINEAR if kind.endswith("u16") else Gimp.Precision.FLOAT_LINEAR


def to_float(image) -> None:
    """Floating point in the same light: conversions then keep what lies outside the new gamut."""
    linear = image.get_precision() in _LINEAR
    wanted = Gimp.Precision.FLOAT_LINEAR if linear else Gimp.Precision.FLOAT_NON_LINEAR
    if image.get_precision() != wanted:
        image.convert_precision(wanted)


def to_srgb(image) -> None:
    gray = image.get_base_type() == Gimp.ImageBaseType.GRAY
    profiles = Gimp.ColorProfile
    profile = profiles.new_d50_gray_srgb_trc() if gray else profiles.new_rgb_srgb()
    image.convert_color_profile(profile, RELATIVE, True)


def read(drawable, box: Box, pixels_format: str) -> Pixels:
    """The drawable's stored pixels, without mask, opacity and filters. `box` is in the drawable's
    own coordinates; what lies outside of it is transparent."""
    data = _read(drawable, box, GEGL_FORMAT[pixels_format], BYTES_PER_PIXEL[pixels_format])
    return Pixels(pixels_format, box.width, box.height, data)


def read_stored(drawable, box: Box) -> Stored:
    """The numbers of a box in the drawable's own coordinates; what lies outside of it is 0."""
    layout = drawable.get_format()
    data = _read(drawable, box, None, Babl.format_get_bytes_per_pixel(layout))
    return Stored(Babl.format_get_encoding(layout), box.width, box.height, data)


def is_locked(item) -> bool:
    """Whether its pixels are, also by a group that it is in: GIMP kills a plug-in that writes to
    such a drawable."""
    while item is not None and not item.get_lock_content():
        item = item.get_parent()
    return item is not None


def write(drawable, pixels: Pixels) -> None:
    """Fills the drawable from its upper left corner."""
    _write(drawable, pixels, GEGL_FORMAT[pixels.format])


def write_mask(drawable, mask: Pixels) -> None:
    """The values of a mask as the drawable's own numbers, at its depth. Channels of 8-bit images
    are "Y' u8", but GIMP makes selections of their numbers: light is no matter of a mask."""
    light, _space, _depth = Babl.format_get_encoding(drawable.get_format()).partition(" ")
    _write(drawable, mask, f"{light} u8")


def write_stored(drawable, stored: Stored) -> None:
    """Fills a drawable of that encoding. Its image must have no profile: GEGL takes a layout
    without a space for sRGB and would convert."""
    _write(drawable, stored, stored.encoding)


def opaque(stored: Stored) -> Stored:
    """The same numbers with full alpha, where they have none. GIMP would convert them for that, and
    which way babl takes it finds out by measuring: the last bit could be another each time."""
    colours, _space, depth = stored.encoding.partition(" ")
    if colours.endswith("A"):
        return stored
    full = OPAQUE[depth]
    before = len(stored.data) // (stored.width * stored.height)
    after = before + len(full)
    data = bytearray(full) * (stored.width * stored.height * after // len(full))
    for position in range(before):
        data[position::after] = stored.data[position::before]
    return Stored(f"{colours}A {depth}", stored.width, stored.height, data)


def _read(drawable, box: Box, layout: Optional[str], bytes_per_pixel: int) -> bytearray:
    """Band by band into place, so that no second copy of all of it is ever in memory."""
    buffer = drawable.get_buffer()
    stride = box.width * bytes_per_pixel
    data = bytearray(stride * box.height)
    rows = _band_rows(stride)
    for top in range(0, box.height, rows):
        count = min(rows, box.height - top)
        area = Gegl.Rectangle.new(box.x, box.y + top, box.width, count)
        band = buffer.get(area, 1.0, layout, Gegl.AbyssPolicy.NONE)
        data[top * stride : (top + count) * stride] = band
    buffer.flush()  # GIMP kills the plug-in if an unflushed buffer outlives its drawable
    return data


def _write(drawable, content: Union[Pixels, Stored], layout: str) -> None:
    buffer = drawable.get_buffer()
    stride = len(content.data) // content.height
    rows = _band_rows(stride)
    for top in range(0, content.height, rows):
        count = min(rows, content.height - top)
        area = Gegl.Rectangle.new(0, top, content.width, count)
        band = content.data[top * stride : (top + count) * stride]
        buffer.set(area, layout, bytes(band))  # other types go item by item
    buffer.flush()
    del buffer
    drawable.update(0, 0, content.width, content.height)


def _band_rows(stride: int) -> int:
    return max(1, BAND_BYTES // stride)
