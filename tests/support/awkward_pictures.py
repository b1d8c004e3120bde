"""Awkward pictures that tests take by default: each orientation, mode, depth, profile and kind of
file, as bytes that the test makes itself, with what is to be seen in them.

    @pytest.mark.parametrize("case", awkward.cases(awkward_pictures.PICTURES))
    def test_...(case: Sample) -> None: ... case.data, case.seen

`seen` is the picture as a person sees it: upright, sRGB, `(h, w, 4)` float 0..1. All of them show
the same `scene` where nothing else is said: every pixel differs, top and bottom, left and right.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image
from tests.support.icc_profiles import (
    ADOBE,
    ADOBE_PRIMARIES,
    BROKEN_PROFILES,
    GREY_18,
    LINEAR,
    P3,
    P3_PRIMARIES,
    SRGB,
    SWAPPED,
    WIDE_TABLE,
    decoded_srgb,
    encoded_srgb,
    shown,
)
from tests.support.picture_writers import ORIENTATION, chunk, exif, png, tiff

WIDTH, HEIGHT = 48, 32


@dataclass(frozen=True)
class Sample:
    """`exact`: how far a lossless reading may be from `seen`, 0..1. `travels`: the server takes it
    as it is. `notice`: a word of the sentence that is told. `stored`: what a result at strength 0
    holds, upright, in the file's own colours and depth; None where the file has loss."""

    data: bytes
    kind: str  # "png" ..., the ending of its name
    seen: np.ndarray
    exact: float = 1.0 / 255
    notice: str = ""
    stored: np.ndarray | None = None
    profile: bytes | None = None

    @property
    def content_type(self) -> str | None:
        """None where the server does not take the kind."""
        types = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}
        return types.get(self.kind)


def scene(width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """`(h, w, 3)` float64: red grows to the right, green to the bottom, the upper left corner is
    blue; smooth, so that JPEG keeps it."""
    y, x = (
        np.mgrid[0:height, 0:width]
        / np.array([max(height - 1, 1), max(width - 1, 1)])[:, None, None]
    )
    corner = np.clip(1 - np.hypot(x, y) * 1.5, 0, 1)
    return np.stack([0.1 + 0.7 * x, 0.15 + 0.6 * y, 0.1 + 0.8 * corner], -1)


def ramp(width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """`(h, w)` float64: grey, every pixel its own."""
    return np.linspace(0.02, 0.95, width * height).reshape(height, width)


def u8(values: np.ndarray) -> np.ndarray:
    return np.rint(values * 255).astype(np.uint8)


def u16(values: np.ndarray) -> np.ndarray:
    return np.rint(values * 65535).astype(np.uint16)


def opaque(values: np.ndarray) -> np.ndarray:
    """`(h, w)` or `(h, w, 3)` as `(h, w, 4)`."""
    if values.ndim == 2:
        values = np.repeat(values[..., None], 3, -1)
    return np.concatenate([values, np.ones((*values.shape[:2], 1))], -1)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


LAID: dict[int, Callable[[np.ndarray], np.ndarray]] = {  # how an upright picture is stored
    1: lambda a: a,
    2: lambda a: np.flip(a, 1),
    3: lambda a: np.rot90(a, 2),
    4: lambda a: np.flip(a, 0),
    5: lambda a: np.swapaxes(a, 0, 1),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: np.rot90(np.swapaxes(a, 0, 1), 2),
    8: lambda a: np.rot90(a, -1),
}


def laid(upright: np.ndarray, orientation: int) -> np.ndarray:
    """The pixels as a camera stores them that says `orientation`."""
    return np.ascontiguousarray(LAID[orientation](upright))


# Kinds of files


def png_of(values: np.ndarray, *extra: bytes) -> bytes:
    """8 or 16 bits, 1 to 4 channels, as the array has them."""
    channels = values.reshape(*values.shape[:2], -1)
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels.shape[2]]
    return png(channels, 8 * values.itemsize, colour, *extra)


def iccp(profile: bytes) -> bytes:
    return chunk(b"iCCP", b"test\0\0" + zlib.compress(profile))


def oriented(orientation: int, kind: str) -> Sample:
    """The scene, stored as a camera that says `orientation` does; `kind` png, png16, jpg, webp,
    tif, tif16."""
    upright = scene()
    deep = kind.endswith("16")
    pixels = laid((u16 if deep else u8)(upright), orientation)
    own = (u16 if deep else u8)(upright)
    ending = kind.removesuffix("16")
    if ending == "png":
        data = png_of(pixels, chunk(b"eXIf", exif(orientation)))
        return Sample(data, "png", opaque(upright), stored=own)
    if ending == "tif":
        data = tiff(pixels, orientation)
        return Sample(data, "tif", opaque(upright), stored=own)
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    if ending == "jpg":
        data = saved(Image.fromarray(pixels), "JPEG", quality=98, subsampling=0, exif=tags)
        return Sample(data, "jpg", opaque(upright), exact=0.03)
    data = saved(Image.fromarray(pixels), "WEBP", lossless=True, exif=tags)
    return Sample(data, "webp", opaque(upright), stored=own)


def _cmyk(values: np.ndarray) -> np.ndarray:
    """Inks without black, 0..255, of `(h, w, 3)` colours."""
    return np.concatenate([u8(1 - values), np.zeros((*values.shape[:2], 1), np.uint8)], -1)


def mpo() -> bytes:
    """Two JPEGs in one file, as phones write a photo with its depth."""
    first = Image.fromarray(u8(scene()))
    second = Image.fromarray(u8(1 - scene()))
    return saved(first, "MPO", save_all=True, append_images=[second], quality=98, subsampling=0)


def animated(kind: str) -> bytes:
    frames = [Image.fromarray(u8(values)) for values in (scene(), 1 - scene(), scene() ** 2)]
    options = {"lossless": True} if kind == "WEBP" else {}
    return saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=80, **options)


def _profiled() -> dict[str, Sample]:
    rows: dict[str, tuple[bytes, np.ndarray]] = {
        "srgb": (SRGB, scene()),
        "p3": (P3, shown(scene(), P3_PRIMARIES, decoded_srgb)),
        "adobe": (ADOBE, shown(scene(), ADOBE_PRIMARIES, lambda v: v ** (563 / 256))),
        "swapped": (SWAPPED, scene()[..., ::-1]),
        "linear": (LINEAR, encoded_srgb(scene())),
        "table": (WIDE_TABLE, shown(scene(), P3_PRIMARIES, lambda v: v**1.8)),
    }
    found = {}
    for name, (profile, seen) in rows.items():
        for deep in (False, True):
            own = (u16 if deep else u8)(scene())
            data = png_of(own, iccp(profile))
            exact = 0.004 if deep else 0.02
            found[f"icc_{name}_{'16' if deep else '8'}"] = Sample(
                data, "png", opaque(seen), exact, stored=own, profile=profile
            )
    image = Image.fromarray(u8(scene()))
    jpeg = saved(image, "JPEG", quality=98, subsampling=0, icc_profile=SWAPPED)
    found["icc_swapped_jpeg"] = Sample(
        jpeg, "jpg", opaque(scene()[..., ::-1]), 0.03, profile=SWAPPED
    )
    webp = saved(image, "WEBP", lossless=True, icc_profile=P3)
    found["icc_p3_webp"] = Sample(
        webp, "webp", opaque(rows["p3"][1]), 0.02, stored=u8(scene()), profile=P3
    )
    found["icc_p3_tiff_16"] = Sample(
        tiff(u16(scene()), profile=P3), "tif", opaque(rows["p3"][1]), 0.004, "", u16(scene()), P3
    )
    for deep in (False, True):
        grey = (u16 if deep else u8)(ramp())
        found[f"icc_grey_{'16' if deep else '8'}"] = Sample(
            *(png_of(grey, iccp(GREY_18)), "png", opaque(encoded_srgb(ramp() ** 1.8))),
            *(0.004 if deep else 0.03, "", grey[..., None], GREY_18),
        )
    for name, profile in BROKEN_PROFILES.items():
        found[f"icc_broken_{name}"] = Sample(
            *(png_of(u8(scene()), iccp(profile)), "png", opaque(scene()), 1 / 255),
            *("profile", u8(scene())),
        )
    found["icc_of_ink_in_colours"] = Sample(
        *(png_of(u8(scene()), iccp(GREY_18)), "png", opaque(scene()), 1 / 255),
        *("profile", u8(scene())),
    )
    return found


def _transparent() -> dict[str, Sample]:
    """Grey and colours with one value that is transparent."""
    found = {}
    for depth in (1, 2, 4, 8, 16):
        levels = 2**depth
        rows = (np.arange(WIDTH * HEIGHT).reshape(HEIGHT, WIDTH) * 7) % min(levels, 256)
        clear = 1 if levels > 2 else 0
        data = png(rows[..., None], depth, 0, chunk(b"tRNS", struct.pack(">H", clear)))
        seen = opaque(rows / (levels - 1))
        seen[rows == clear, 3] = 0
        found[f"trns_grey_{depth}"] = Sample(data, "png", seen)
    for depth, make in ((8, u8), (16, u16)):
        rows = make(scene())
        rows[4:20, 6:30] = rows[0, 0]
        data = png(rows, depth, 2, chunk(b"tRNS", struct.pack(">3H", *map(int, rows[0, 0]))))
        seen = opaque(rows / (2**depth - 1))
        seen[(rows == rows[0, 0]).all(-1), 3] = 0
        found[f"trns_rgb_{depth}"] = Sample(data, "png", seen)
    indices = (np.arange(WIDTH * HEIGHT).reshape(HEIGHT, WIDTH) // 5) % 4
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]])
    alphas = np.array([255, 128, 0, 255])
    palette = chunk(b"PLTE", colours.astype("u1").tobytes())
    data = png(indices[..., None], 2, 3, palette, chunk(b"tRNS", bytes([255, 128, 0])))
    seen = np.concatenate([colours[indices], alphas[indices][..., None]], -1) / 255
    found["trns_palette"] = Sample(data, "png", seen)
    return found


def _deep() -> dict[str, Sample]:
    grey16, colour16 = u16(ramp()), u16(scene())
    whole = np.rint(ramp() * (2**32 - 1))
    half = np.rint(ramp() * (2**31 - 1))
    pgm = b"P5 # a comment\n%d %d\n65535\n" % (WIDTH, HEIGHT)
    pgm10 = b"P5\n%d %d\n1023\n" % (WIDTH, HEIGHT)
    ppm = b"P6\n%d %d\n65535\n" % (WIDTH, HEIGHT)
    seen, colours = opaque(ramp()), opaque(scene())
    fine = 1.5 / 65535
    tenth = np.rint(ramp() * 1023)
    beyond = ramp() * 2 - 0.5
    unknown = ramp().astype("f4")
    unknown[3, 4] = np.nan
    unknown[5, 6] = np.inf
    black = opaque(np.nan_to_num(unknown, nan=0, posinf=0).astype(float))
    alpha = np.dstack([colour16, u16(ramp())])
    return {
        "tiff_grey_16": Sample(tiff(grey16), "tif", seen, fine, stored=grey16[..., None]),
        "tiff_grey_16_big_endian": Sample(tiff(grey16, order=">"), "tif", seen, fine),
        "tiff_grey_16_white_is_zero": Sample(
            tiff(65535 - grey16, white_is_zero=True), "tif", seen, fine
        ),
        "tiff_rgb_16": Sample(tiff(colour16), "tif", colours, fine, stored=colour16),
        "tiff_rgb_16_big_endian": Sample(tiff(colour16, order=">"), "tif", colours, fine),
        "tiff_rgba_16": Sample(
            tiff(alpha), "tif", np.dstack([scene(), ramp()]), fine, stored=alpha
        ),
        "tiff_grey_32": Sample(tiff(whole.astype("u4")), "tif", seen, fine),
        "tiff_grey_32_signed": Sample(tiff(half.astype("i4")), "tif", seen, fine),
        "tiff_grey_32_of_16": Sample(tiff(grey16.astype("i4")), "tif", seen, fine),
        "tiff_float": Sample(tiff(ramp().astype("f4")), "tif", seen, fine),
        "tiff_float_big_endian": Sample(tiff(ramp().astype("f4"), order=">"), "tif", seen, fine),
        "tiff_float_rgb": Sample(tiff(scene().astype("f4")), "tif", colours, fine),
        "tiff_double": Sample(tiff(ramp()), "tif", seen, fine),
        "tiff_float_of_8": Sample(tiff(u8(ramp()).astype("f4")), "tif", opaque(u8(ramp()) / 255)),
        "tiff_float_beyond": Sample(
            tiff(beyond.astype("f4")), "tif", opaque(np.clip(beyond, 0, 1)), fine, "cut"
        ),
        "tiff_float_nan": Sample(tiff(unknown), "tif", black, fine, "NaN"),
        **_laid_out_otherwise(),
        "pgm_16": Sample(pgm + grey16.astype(">u2").tobytes(), "pgm", seen, fine),
        "pgm_10": Sample(
            pgm10 + tenth.astype(">u2").tobytes(), "pgm", opaque(tenth / 1023), fine * 2
        ),
        "ppm_16": Sample(
            ppm + colour16.astype(">u2").tobytes(), "ppm", colours, fine, stored=colour16
        ),
        "png_grey_16": Sample(png_of(grey16), "png", seen, fine, stored=grey16[..., None]),
        "png_rgb_16": Sample(png_of(colour16), "png", colours, fine, stored=colour16),
        "png_grey_alpha_16": Sample(
            png_of(np.dstack([grey16, 65535 - grey16])),
            "png",
            np.dstack([*[ramp()] * 3, 1 - ramp()]),
            fine,
        ),
        "png_rgba_16": Sample(
            png_of(alpha), "png", np.dstack([scene(), ramp()]), fine, stored=alpha
        ),
    }


def _laid_out_otherwise() -> dict[str, Sample]:
    """Deep TIFFs as scanners, darkrooms and GIMP write them: in planes, in strips, packed, with
    alpha beside grey, of half floats, in the other order of bytes."""
    grey, colour, clear = u16(ramp()), u16(scene()), u16(scene()[..., 0])
    seen, colours = opaque(ramp()), opaque(scene())
    with_alpha = np.dstack([ramp()] * 3 + [scene()[..., 0]])
    grey_alpha, rgba = np.dstack([grey, clear]), np.dstack([colour, grey])
    fine, half = 1.5 / 65535, 1 / 2048
    found = {}
    for order, name in (("<", ""), (">", "_big_endian")):
        for packed in (False, True):
            way = {"order": order, "packed": packed, "rows": 5}
            end = name + "_packed" * packed
            found |= {
                f"tiff_grey_alpha_16{end}": Sample(
                    tiff(grey_alpha, **way), "tif", with_alpha, fine, stored=grey_alpha
                ),
                f"tiff_planes_16{end}": Sample(
                    tiff(colour, in_planes=True, **way), "tif", colours, fine, stored=colour
                ),
                f"tiff_planes_rgba_16{end}": Sample(
                    *(tiff(rgba, in_planes=True, **way), "tif"),
                    *(np.dstack([scene(), ramp()]), fine),
                    stored=rgba,
                ),
            }
        found |= {
            f"tiff_half{name}": Sample(tiff(ramp().astype("f2"), order=order), "tif", seen, half),
            f"tiff_half_rgb{name}": Sample(
                tiff(scene().astype("f2"), order=order), "tif", colours, half
            ),
            f"tiff_planes_float{name}": Sample(
                tiff(scene().astype("f4"), order=order, in_planes=True), "tif", colours, fine
            ),
            f"tiff_grey_alpha_float{name}": Sample(
                tiff(with_alpha[..., 2:].astype("f4"), order=order), "tif", with_alpha, fine
            ),
            f"tiff_grey_32{name}_strips": Sample(
                tiff(np.rint(ramp() * (2**32 - 1)).astype("u4"), order=order, rows=3),
                *("tif", seen, fine),
            ),
        }
    found["tiff_grey_16_white_is_zero_big_endian"] = Sample(
        tiff(65535 - grey, white_is_zero=True, order=">"), "tif", seen, fine
    )
    found["tiff_grey_alpha_16_on_6"] = Sample(
        tiff(laid(grey_alpha, 6), 6), "tif", with_alpha, fine, stored=grey_alpha
    )
    return found


def _modes() -> dict[str, Sample]:
    image = Image.fromarray(u8(scene()))
    inks = Image.fromarray(_cmyk(scene()), "CMYK")
    grey = u8(ramp())
    two = np.where(ramp() > 0.5, 255, 0).astype(np.uint8)
    few = image.quantize(16)
    few_seen = opaque(np.asarray(few.convert("RGB")) / 255)
    with_alpha = np.dstack([u8(scene()), grey])
    return {
        "png_1": Sample(saved(Image.fromarray(two).convert("1"), "PNG"), "png", opaque(two / 255)),
        "png_l": Sample(saved(Image.fromarray(grey), "PNG"), "png", opaque(grey / 255)),
        "png_la": Sample(
            saved(Image.fromarray(np.dstack([grey, 255 - grey])), "PNG"),
            "png",
            np.dstack([*[grey / 255] * 3, 1 - grey / 255]),
        ),
        "png_p": Sample(saved(few, "PNG"), "png", few_seen),
        "png_rgb": Sample(saved(image, "PNG"), "png", opaque(scene()), stored=u8(scene())),
        "png_rgba": Sample(
            saved(Image.fromarray(with_alpha), "PNG"), "png", with_alpha / 255, stored=with_alpha
        ),
        "gif": Sample(saved(few, "GIF"), "gif", few_seen),
        "bmp": Sample(saved(image, "BMP"), "bmp", opaque(scene()), stored=u8(scene())),
        "jpeg_l": Sample(
            saved(Image.fromarray(grey), "JPEG", quality=98), "jpg", opaque(grey / 255), 0.03
        ),
        "jpeg_progressive": Sample(
            saved(image, "JPEG", quality=98, subsampling=0, progressive=True),
            *("jpg", opaque(scene()), 0.03),
        ),
        "jpeg_cmyk": Sample(  # Pillow writes the Adobe marker, so inks are inverted
            saved(inks, "JPEG", quality=98, subsampling=0), "jpg", opaque(scene()), 0.03
        ),
        "jpeg_cmyk_broken_profile": Sample(
            saved(inks, "JPEG", quality=98, subsampling=0, icc_profile=b"no profile"),
            *("jpg", opaque(scene()), 0.03, "profile"),
        ),
        "tiff_cmyk": Sample(saved(inks, "TIFF"), "tif", opaque(scene()), 2 / 255),
        "mpo": Sample(mpo(), "jpg", opaque(scene()), 0.03),
        "gif_animated": Sample(animated("GIF"), "gif", opaque(scene()), 0.3, "first"),
        "webp_animated": Sample(
            animated("WEBP"), "webp", opaque(scene()), 1 / 255, "first", u8(scene())
        ),
        "png_animated": Sample(
            animated("PNG"), "png", opaque(scene()), 1 / 255, "first", u8(scene())
        ),
        "png_huge_text": Sample(
            png_of(u8(scene()), chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(90_000_000)))),
            *("png", opaque(scene()), 1 / 255, "", u8(scene())),
        ),
        "one_pixel": Sample(
            png_of(u8(np.full((1, 1, 3), 0.4))), "png", opaque(np.full((1, 1, 3), 0.4))
        ),
        "long_strip": Sample(
            *(png_of(u8(scene(8192, 1))), "png", opaque(scene(8192, 1)), 1 / 255),
            *("", u8(scene(8192, 1))),
        ),
        "tall_strip": Sample(
            *(png_of(u8(scene(1, 8192))), "png", opaque(scene(1, 8192)), 1 / 255),
            *("", u8(scene(1, 8192))),
        ),
    }


def _turned() -> dict[str, Sample]:
    return {
        f"{kind}_on_{orientation}": oriented(orientation, kind)
        for kind in ("jpg", "png", "png16", "webp", "tif", "tif16")
        for orientation in range(1, 9)
    }


TURNED: dict[str, Sample] = _turned()
PROFILED: dict[str, Sample] = _profiled()
TRANSPARENT: dict[str, Sample] = _transparent()
DEEP: dict[str, Sample] = _deep()
MODES: dict[str, Sample] = _modes()
PICTURES: dict[str, Sample] = TURNED | PROFILED | TRANSPARENT | DEEP | MODES

TRAVELLING: dict[str, Sample] = {
    name: sample for name, sample in PICTURES.items() if sample.content_type
}

# One of each kind of trouble, for tests where each case takes seconds.
FEW: dict[str, Sample] = {
    name: PICTURES[name]
    for name in (
        *("jpg_on_6", "png16_on_5", "tif16_on_8", "mpo", "jpeg_cmyk", "icc_p3_16", "trns_grey_2"),
        *("icc_swapped_jpeg", "icc_grey_16", "tiff_float", "pgm_16", "webp_animated", "one_pixel"),
    )
}

# Not pictures, or no longer; each is refused with a sentence.
DAMAGED: dict[str, bytes] = {
    "empty": b"",
    "words": b"no picture",
    "png_signature_only": b"\x89PNG\r\n\x1a\n",
    "png_header_only": PICTURES["png_rgb"].data[:33],
    "png_cut": PICTURES["png_rgb"].data[:-60],
    "png_16_cut": PICTURES["png_rgb_16"].data[:-200],
    "png_palette_missing": png(np.zeros((2, 2, 1)), 8, 3),
    "png_16_claims_gigabytes": PICTURES["png_rgb_16"].data[:33] + b"\xd2\0\x15\xb5IDAT",
    "png_wrong_sum": PICTURES["png_rgb"].data.replace(b"IHDR", b"IHDr", 1),
    "jpeg_cut": PICTURES["jpg_on_1"].data[:-300],
    "jpeg_start_only": b"\xff\xd8\xff\xe0",
    "webp_cut": PICTURES["webp_on_1"].data[:-40],
    "png_no_area": png(np.zeros((1, 1, 3)), 8, 2).replace(
        struct.pack(">II", 1, 1), struct.pack(">II", 0, 1), 1
    ),
}


def _claiming(width: int, height: int) -> bytes:
    """A PNG of one pixel whose header says another size."""
    whole = png(np.zeros((1, 1, 3)), 8, 2)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return whole[:8] + header + whole[8 + len(header) :]


# Small files that say they are enormous; refused before a pixel is made.
BOMBS: dict[str, bytes] = {
    "png_square": _claiming(60_000, 60_000),
    "png_strip": _claiming(2**31 - 1, 1),
    "png_column": _claiming(1, 70_000),
    "jpeg": PICTURES["jpg_on_1"].data.replace(
        struct.pack(">HH", HEIGHT, WIDTH), struct.pack(">HH", 65_500, 65_500), 1
    ),
}
