"""Pixels between GIMP's drawables and bytes, colour managed by GEGL: a format without a space means
sRGB, and GEGL converts from and to the image's profile and precision."""

from __future__ import annotations

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
from gi.repository import Babl, Gegl, Gimp, GLib

from wire import BYTES_PER_PIXEL, Box, Pixels

GEGL_FORMAT = {
    "rgba-u8": "R'G'B'A u8",
    "rgb-u8": "R'G'B' u8",
    "rgba-u16": "R'G'B'A u16",
    "rgba-f32": "R'G'B'A float",
    "y-u8": "Y u8",  # masks are linear; "Y' u8" would turn 128 into 188
}
BAND_BYTES = 512 * 1024 * 1024  # Buffer.set() with 2 GiB or more kills the process
RELATIVE = Gimp.ColorRenderingIntent.RELATIVE_COLORIMETRIC

_LINEAR = (
    Gimp.Precision.U8_LINEAR,
    Gimp.Precision.U16_LINEAR,
    Gimp.Precision.U32_LINEAR,
    Gimp.Precision.HALF_LINEAR,
    Gimp.Precision.FLOAT_LINEAR,
    Gimp.Precision.DOUBLE_LINEAR,
)
_EIGHT_BIT = (Gimp.Precision.U8_NON_LINEAR, Gimp.Precision.U8_PERCEPTUAL)
_SIXTEEN_BIT = (Gimp.Precision.U16_NON_LINEAR, Gimp.Precision.U16_PERCEPTUAL)


def transport_format(image) -> str:
    """The wire format that loses nothing of the image's pixels. Another profile than sRGB may hold
    colours outside sRGB, which only floating point keeps."""
    if unknown_space(image) or _space_name(image) == "sRGB":
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


def to_srgb(image) -> None:
    gray = image.get_base_type() == Gimp.ImageBaseType.GRAY
    profiles = Gimp.ColorProfile
    profile = profiles.new_d50_gray_srgb_trc() if gray else profiles.new_rgb_srgb()
    image.convert_color_profile(profile, RELATIVE, True)


def read(drawable, box: Box, pixels_format: str) -> Pixels:
    """The drawable's stored pixels, without mask, opacity and filters. `box` is in the drawable's
    own coordinates; what lies outside of it is transparent."""
    buffer = drawable.get_buffer()
    rows = _band_rows(box.width, pixels_format)
    bands = [
        buffer.get(
            Gegl.Rectangle.new(box.x, box.y + top, box.width, min(rows, box.height - top)),
            1.0,
            GEGL_FORMAT[pixels_format],
            Gegl.AbyssPolicy.NONE,
        )
        for top in range(0, box.height, rows)
    ]
    buffer.flush()  # GIMP kills the plug-in if an unflushed buffer outlives its drawable
    return Pixels(
        pixels_format, box.width, box.height, bands[0] if len(bands) == 1 else b"".join(bands)
    )


def write(drawable, pixels: Pixels) -> None:
    """Fills the drawable from its upper left corner."""
    buffer = drawable.get_buffer()
    rows = _band_rows(pixels.width, pixels.format)
    stride = pixels.width * BYTES_PER_PIXEL[pixels.format]
    for top in range(0, pixels.height, rows):
        count = min(rows, pixels.height - top)
        band = pixels.data[top * stride : (top + count) * stride]
        area = Gegl.Rectangle.new(0, top, pixels.width, count)
        buffer.set(area, GEGL_FORMAT[pixels.format], bytes(band))  # other types go item by item
    buffer.flush()
    del buffer
    drawable.update(0, 0, pixels.width, pixels.height)


def _band_rows(width: int, pixels_format: str) -> int:
    return max(1, BAND_BYTES // (width * BYTES_PER_PIXEL[pixels_format]))
