"""Pictures between files, arrays and the floats that models work on.

- `load(file) -> np.ndarray`: `(h, w, 4)` u8, u16 or f32 from raw pixels, PNG, JPEG or WebP
- `model_rgb(picture, size) -> np.ndarray`: `(h, w, 3)` float32 0..1, transparent places filled
- `seen_u8(picture) -> np.ndarray`: `(h, w, 3)` u8 of the same at its own size
- `read(file) -> np.ndarray`: `(h, w, c)` just as it is in the file
- `store(picture, format, path)`: raw pixels to a file, whole or not at all
- `encode_png(picture) -> bytes`: 8 or 16 bits a channel
- `decode(data, size)`, `header(data)`: PNG, JPEG and WebP at their full depth, and only those
- `resize(picture, size)`: without ringing into nonsense or aliasing

Arrays are RGB(A) with straight alpha, sRGB-encoded.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from pentimento.core import files
from pentimento.core.errors import BadInput, TooLarge
from pentimento.core.geometry import Box, Size
from pentimento.core.settings import MAX_PIXELS
from pentimento.imaging import png, png_bands, tiff
from pentimento.imaging.sizing import refuse_huge
from pentimento.schema.job import PixelFormat

if TYPE_CHECKING:
    from pentimento.imaging.profiles import Profile
    from pentimento.schema.task import PixelFile


FULL = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0, np.dtype(np.float32): 1.0}
LAYOUT: dict[PixelFormat, tuple[np.dtype[Any], int]] = {  # dtype as stored, channels
    PixelFormat.RGBA_U8: (np.dtype("u1"), 4),
    PixelFormat.RGB_U8: (np.dtype("u1"), 3),
    PixelFormat.RGBA_U16: (np.dtype("<u2"), 4),
    PixelFormat.RGBA_F32: (np.dtype("<f4"), 4),
    PixelFormat.Y_U8: (np.dtype("u1"), 1),
}
RGBA_OF = {  # by the depth that a picture has in memory
    np.dtype(np.uint8): PixelFormat.RGBA_U8,
    np.dtype(np.uint16): PixelFormat.RGBA_U16,
    np.dtype(np.float32): PixelFormat.RGBA_F32,
}
STRIP = 2**18  # values of a picture that is made in strips
VECTOR = 64  # columns: a multiple of all that processors compute at once
PART = 2**15  # values converted at a time: their double precision stays in the cache
WRITTEN = 2**20  # values that go to a file in one piece
LUMA = np.array([0.2126, 0.7152, 0.0722])  # Rec. 709, on the encoded values


@dataclass(frozen=True, slots=True)
class Own:
    """An `(h, w, 4)` picture in the colours of `profile`; without one they are sRGB's."""

    picture: np.ndarray
    profile: Profile | None = None

    def srgb(self) -> np.ndarray:
        return self.picture if self.profile is None else self.profile.to_srgb(self.picture)


def load(file: PixelFile) -> np.ndarray:
    """`(h, w, 4)` in the depth of the file. Raises BadInput("bad_image") when it is damaged."""
    return srgb(_decoded(file))


def load_own(file: PixelFile) -> Own:
    """As a result is to have it: in its own profile where a model's colours can be brought into
    that, else as sRGB. Raises BadInput("bad_image")."""
    return own(_decoded(file))


def own(decoded: Decoded) -> Own:
    """A picture as `load_own` has it."""
    profile = decoded.profile
    if profile is not None and profile.space == "RGB" and profile.holds_results:
        return Own(with_alpha(decoded.values), profile)
    return Own(srgb(decoded))


def srgb(decoded: Decoded) -> np.ndarray:
    """`(h, w, 4)` in its own depth."""
    values = decoded.values
    return with_alpha(decoded.profile.to_srgb(values) if decoded.profile else values)


def as_mask(picture: np.ndarray) -> np.ndarray:
    """`(h, w)` of `(h, w, c)`: u8 of u8, else float32 0..255, as `bands.load_mask` has them."""
    if picture.shape[2] == 1 and picture.dtype == np.uint8:
        return np.ascontiguousarray(picture[..., 0])
    rgba = to_float(with_alpha(picture)).astype(np.float64)
    if picture.shape[2] < 3:
        grey = rgba[..., 0] * rgba[..., 3]
    else:
        grey = np.clip(rgba[..., :3] @ LUMA, 0, 1) * np.clip(rgba[..., 3], 0, 1)
    if picture.dtype == np.uint8:
        return np.rint(grey * 255).astype(np.uint8)
    return (np.clip(np.nan_to_num(grey), 0, 1) * 255).astype(np.float32)


def model_rgb(picture: np.ndarray, size: Size, fill: str = "surroundings") -> np.ndarray:
    """`(size.height, size.width, 3)` float32 0..1 of an `(h, w, 4)` picture.

    What lies under transparent pixels is arbitrary, often black; it is replaced by the colours
    around, or by the plain colour `fill`, before it can bleed into the result.
    """
    height, width = picture.shape[:2]
    if is_opaque(picture):
        resized = _opaque_rgb(picture, size)
    else:
        values = np.empty((height, width, 4), np.float32)
        for rows in bands(height, width * 4):
            _as_float(picture[rows], values[rows])
        filled = fill_transparent(values[..., :3], values[..., 3], fill, own=True)
        np.clip(filled, 0, 1, out=filled)
        resized = resize(filled, size)
    if (width, height) == (size.width, size.height):
        return resized
    return np.clip(resized, 0, 1, out=resized)


def _opaque_rgb(picture: np.ndarray, size: Size) -> np.ndarray:
    """`(size.height, size.width, 3)` float32 of an opaque picture. What shrinks is never there as
    floats in all its channels: three planes come out as one picture does, bit for bit."""
    height, width = picture.shape[:2]
    shrinks = size.width <= width and size.height <= height and size != Size(width, height)
    if not shrinks or size == Size(width // 2, height // 2):  # OpenCV halves pictures another way
        whole = np.empty((height, width, 3), np.float32)
        for rows in bands(height, width * 3):
            _as_float(picture[rows, :, :3], whole[rows])
        return resize(whole, size)
    resized = np.empty((size.height, size.width, 3), np.float32)
    plane = np.empty((height, width), np.float32)
    for channel in range(3):
        for rows in bands(height, width):
            _as_float(picture[rows, :, channel], plane[rows])
        resized[..., channel] = resize(plane, size)
    return resized


def _as_float(picture: np.ndarray, result: np.ndarray) -> None:
    """float32 0..1 of any depth; what is no number is 0."""
    if picture.dtype != np.float32:
        np.divide(picture, np.float32(FULL[picture.dtype]), out=result, dtype=np.float32)
        return
    np.fmax(picture, np.float32(0), out=result)  # of NaN and 0 this is 0
    np.minimum(result, np.float32(1), out=result)


def bands(height: int, width: int, values: int = PART, least: int = 1) -> Iterator[slice]:
    """Rows of `width` values, about `values` of them at a time: by itself as many as stay in a
    processor's cache."""
    rows = max(values // max(width, 1), least)
    return (slice(top, min(top + rows, height)) for top in range(0, height, rows))


def is_opaque(picture: np.ndarray) -> bool:
    return bool(picture[..., 3].min() >= FULL[picture.dtype])


def smallest_format(depth: np.dtype[Any], is_opaque: Callable[[], bool]) -> PixelFormat:
    """The raw format that keeps what a picture of that depth holds, without an alpha that is of no
    use: `is_opaque` is asked where there is one without."""
    if depth == np.uint8 and is_opaque():
        return PixelFormat.RGB_U8
    return RGBA_OF[depth]


def seen_u8(picture: np.ndarray, fill: str = "surroundings") -> np.ndarray:
    """`(h, w, 3)` u8 of an `(h, w, 4)` picture at its own size, transparent places filled."""
    size = Size(picture.shape[1], picture.shape[0])
    return to_depth(model_rgb(picture, size, fill), np.uint8)


def to_float(picture: np.ndarray) -> np.ndarray:
    """float32 with 1.0 as white; values of float pictures stay as they are."""
    if picture.dtype == np.float32:
        return picture
    values = picture.astype(np.float32)
    values /= np.float32(FULL[picture.dtype])
    return values


def to_depth(picture: np.ndarray, dtype: np.dtype | type) -> np.ndarray:
    """The picture as u8, u16 or f32, rounded to nearest; exact from u8 to any other and back."""
    target = np.dtype(dtype)
    if picture.dtype == target:
        return picture
    if target == np.float32:
        return to_float(picture)
    if picture.dtype == np.uint8:
        return picture.astype(np.uint16) * np.uint16(257)
    result = np.empty(picture.shape, target)
    flat, whole = np.ascontiguousarray(picture).reshape(-1), result.reshape(-1)
    if picture.dtype == np.uint16:
        whole[:] = _u8_of_u16()[flat]
        return result
    full = FULL[target]
    values = np.empty(min(PART, flat.size))  # double: no product with 65535 is rounded before rint
    for start in range(0, flat.size, PART):
        part = flat[start : start + PART]
        scaled = values[: part.size]
        np.multiply(part, full, out=scaled, dtype=np.float64)
        np.fmax(scaled, 0, out=scaled)  # of NaN and 0 this is 0
        np.minimum(scaled, full, out=scaled)
        whole[start : start + PART] = np.rint(scaled, out=scaled)
    return result


@cache
def _u8_of_u16() -> np.ndarray:
    """Every 16-bit value rounded to 8 bits."""
    return np.rint(np.arange(65536) / FULL[np.dtype(np.uint16)] * 255).astype(np.uint8)


def convert(picture: np.ndarray, format: PixelFormat) -> np.ndarray:
    """`(h, w, c)` as the format lays it out. Alpha is dropped where the format has none."""
    stored, channels = LAYOUT[format]
    values = to_depth(picture, stored.newbyteorder("="))
    if channels == 1 and values.shape[2] > 1:
        values = to_depth(to_float(values[..., :3]) @ LUMA.astype(np.float32), stored)[..., None]
    elif channels == 4:
        values = with_alpha(values)
    else:
        values = values[..., :channels]
    return np.ascontiguousarray(values, dtype=stored)


def profile_file(path: Path) -> Path:
    """Where the ICC profile of raw pixels lies, if they have one."""
    return path.with_suffix(".icc")


def store(picture: np.ndarray, format: PixelFormat, path: Path) -> None:
    """Raw pixels at `path`, which appears only when they are complete."""
    with files.whole(path) as stream:
        write(picture, format, stream)


def write(picture: np.ndarray, format: PixelFormat, stream: BinaryIO) -> None:
    """As `convert` lays it out, some rows at a time."""
    for rows in bands(len(picture), picture.shape[1] * picture.shape[2], WRITTEN):
        stream.write(convert(picture[rows], format).data)


def encode_png(picture: np.ndarray, profile: bytes | None = None) -> bytes:
    """`(h, w, 1..4)` as PNG: u8 with 8 bits a channel, u16 and float pictures with 16."""
    height, width = picture.shape[:2]
    step = png_bands.rows_of_a_band(width, picture.shape[2] * picture.itemsize)
    deep = picture.dtype != np.uint8
    parts = (picture[top : top + step] for top in range(0, height, step))
    out = io.BytesIO()
    png_bands.write(
        *(out, Size(width, height)),
        (to_depth(rows, np.uint16) if deep else rows for rows in parts),
        profile,
    )
    return out.getvalue()


def read(file: PixelFile) -> np.ndarray:
    """`(h, w, c)` upright as it is in the file, in native byte order."""
    return _decoded(file).values


def _decoded(file: PixelFile) -> Decoded:
    if file.format is None:
        return decode(file.path.read_bytes(), Size(file.width, file.height))
    stored, channels = LAYOUT[file.format]
    data = np.fromfile(file.path, dtype=stored)
    if data.size != file.width * file.height * channels:
        raise damaged(f"it has {data.nbytes} bytes, not what its size needs")
    shaped = data.reshape(file.height, file.width, channels)
    return Decoded(shaped.astype(stored.newbyteorder("="), copy=False))


def with_alpha(picture: np.ndarray) -> np.ndarray:
    """Grey and opaque pictures as RGBA."""
    if picture.shape[2] == 4:
        return picture
    height, width, channels = picture.shape
    result = np.empty((height, width, 4), picture.dtype)
    result[..., :3] = picture[..., :3] if channels == 3 else picture[..., :1]
    result[..., 3] = picture[..., 1] if channels == 2 else FULL[picture.dtype]
    return result


DEEP_PIXELS = 40_000_000  # of a PNG of 16 bits that is there as a whole: 8 bytes each
TRAVELLING = ("PNG", "JPEG", "WEBP")
SAME_AS = {"MPO": "JPEG"}  # a JPEG with further pictures behind the first one
XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=[\"']|>)\s*([1-8])")
DEEP_BITS = 9  # and more do not fit into 8
PPM_DEEP = re.compile(rb"P6\s+(?:#[^\n]*\n\s*)*(\d+)\s+(\d+)\s+(\d+)\s")
FIRST_ONLY = "Only the first of its pictures is read."
BROKEN_PROFILE = "Its ICC profile is damaged; it was left out."
INTEGER_SCALES = (255, 65_535, 2**31 - 1, 2**32 - 1)

Image.MAX_IMAGE_PIXELS = None  # sizes are looked at in the header, before there are pixels


@dataclass(frozen=True, slots=True)
class PictureHeader:
    """What a file says of itself before it is decoded. `size` is upright, `turned`: the pixels are
    not yet. `notices` are sentences about what will not be read."""

    size: Size
    kind: str  # as Pillow names formats; an MPO is a JPEG
    turned: bool = False
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decoded:
    """`values` is `(h, w, 1..4)` u8, u16 or f32: grey or RGB, with straight alpha in the last of 2
    or 4 channels. Without a profile the colours are sRGB's."""

    values: np.ndarray
    profile: Profile | None = None
    notices: tuple[str, ...] = ()


@dataclass(slots=True)
class OpenedFile:
    """An opened file. `plain` is what decoders get: the same pixels, without orientation."""

    data: bytes
    plain: bytes
    kind: str
    stored: Size  # before it is turned
    orientation: int = 1
    profile: bytes | None = None  # b"" where there is one that cannot be read
    image: Image.Image | None = None  # None where only OpenCV can read it
    several: bool = False  # pictures: an animation, or pages
    chunks: png.Facts | None = None
    tags: tiff.Tags | None = None

    @property
    def is_deep(self) -> bool:
        """Whether it is a PNG of 16 bits in colours, which Pillow reads as 8."""
        return bool(self.chunks and self.chunks.depth == 16 and self.chunks.colour != png.GREY)

    @property
    def size(self) -> Size:
        """Upright."""
        return self.stored if self.orientation < 5 else Size(self.stored.height, self.stored.width)

    def refuse_other(self, size: Size) -> None:
        """Raises BadInput("bad_image") where another size was announced."""
        if self.size != size:
            raise damaged(f"it is {self.size} px, not {size}")


def damaged(
    reason: str, hint: str = "Send a whole PNG, JPEG or WebP file, or raw pixels."
) -> BadInput:
    return BadInput("bad_image", f"The picture cannot be read: {reason}.", hint)


def header(data: bytes, *, any_kind: bool = False) -> PictureHeader:
    """Raises BadInput("bad_image") for anything else than a picture of the formats."""
    file = opened(data, any_kind=any_kind)
    notices = (FIRST_ONLY,) if file.several else ()
    return PictureHeader(file.size, file.kind, file.orientation != 1, notices)


def decode(data: bytes, size: Size, *, any_kind: bool = False) -> Decoded:
    """`size` is what was announced and must hold. Raises BadInput("bad_image")."""
    return decoded(opened(data, any_kind=any_kind), size)


def decoded(file: OpenedFile, size: Size) -> Decoded:
    """The same of an opened file."""
    file.refuse_other(size)
    read = described(file, size, _pixels(file))
    return replace(read, values=upright(read.values, file.orientation))


def described(file: OpenedFile, size: Size, read: Decoded) -> Decoded:
    """With the file's profile, and what is said about it."""
    from pentimento.imaging import profiles

    file.refuse_other(size)
    if file.profile is not None and read.profile is None:
        try:
            read = _with_profile(read, profiles.read(file.profile))
        except profiles.BrokenProfileError:
            read = replace(read, notices=(*read.notices, BROKEN_PROFILE))
    profile = read.profile if read.profile and read.profile.data else None
    notices = (*((FIRST_ONLY,) if file.several else ()), *read.notices)
    return Decoded(read.values, profile, notices)


# Opening


def opened(data: bytes, *, any_kind: bool = False) -> OpenedFile:
    try:
        if png.is_png(data):
            return _opened_png(data)
        if any_kind and tiff.is_tiff(data):
            return _opened_tiff(data)
        image = _image(data, None if any_kind else TRAVELLING)
    except UnidentifiedImageError as error:
        what = (
            "it is not a picture of a known kind"
            if any_kind
            else "it is not a PNG, JPEG or WebP file"
        )
        raise damaged(what) from error
    except Exception as error:  # Pillow lets through whatever damage makes of its parsers
        raise damaged("its header is damaged") from error
    kind = SAME_AS.get(str(image.format), str(image.format))
    several = image.format != "MPO" and _is_animated(image)
    profile = image.info.get("icc_profile")
    orientation = _orientation(image.info.get("exif"), image.info.get("xmp"))
    return OpenedFile(data, data, kind, Size(*image.size), orientation, profile, image, several)


def _image(data: bytes, formats: tuple[str, ...] | None) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Image.open(io.BytesIO(data), formats=formats)


def _opened_png(data: bytes) -> OpenedFile:
    facts = png.facts(data)
    image = _image(facts.head, ("PNG",))
    orientation = _orientation(facts.exif, facts.xmp)
    return OpenedFile(
        *(data, b"", "PNG", Size(*image.size), orientation, facts.profile),
        *(image, facts.frames > 1, facts),
    )


def _opened_tiff(data: bytes) -> OpenedFile:
    """OpenCV reads what is deeper than 8 bits, Pillow all the other kinds."""
    tags = tiff.read(data)
    size = Size(tags.one(tiff.WIDTH, 0), tags.one(tiff.HEIGHT, 0))
    if min(size.width, size.height) < 1:
        raise ValueError("no size")
    orientation = tags.one(tiff.ORIENTATION, 1)
    plain = tiff.upright(data, tags)
    grey_or_rgb = tags.one(tiff.PHOTOMETRIC, 1) <= 2
    deep = tags.one(tiff.BITS, 1) >= DEEP_BITS and grey_or_rgb
    several = tags.one(tiff.SAMPLES, 1) > 1 or tags.one(tiff.BITS, 1) == 64
    image = None if deep and several else _image(plain, ("TIFF",))
    several = image is not None and _is_animated(image)
    orientation = orientation if 1 <= orientation <= 8 else 1
    return OpenedFile(
        *(data, plain, "TIFF", size, orientation, tags.profile, image, several), tags=tags
    )


def _is_animated(image: Image.Image) -> bool:
    """Whether there are further pictures, as far as that can be read."""
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # it looks for the second picture, which may be damaged
        return True


def _orientation(exif: bytes | None, xmp: bytes | str | None) -> int:
    """1 to 8; 1 where there is none or it cannot be read, as viewers have it."""
    found = None
    if exif:
        try:
            found = tiff.read(exif.removeprefix(b"Exif\0\0")).one(tiff.ORIENTATION, 0)
        except ValueError:
            found = None
    if not found and xmp:
        match = XMP_ORIENTATION.search(xmp.encode() if isinstance(xmp, str) else xmp)
        found = int(match[1]) if match else None
    return found if found is not None and 1 <= found <= 8 else 1


# Pixels


@contextmanager
def _decoding() -> Iterator[None]:
    try:
        yield
    except BadInput:
        raise
    except Exception as error:  # as in `opened`
        raise damaged("it is cut short or damaged") from error


def _pixels(file: OpenedFile) -> Decoded:
    with _decoding():
        if file.chunks:
            return Decoded(_png_values(file, file.chunks))
        if file.tags:
            return _tiff_pixels(file, file.tags)
        if found := PPM_DEEP.match(file.data):
            return Decoded(_ppm_values(file.data, found))
        assert file.image is not None
        return _of_pillow(file, file.image)


def parts(file: OpenedFile) -> Callable[[Box], Decoded]:
    """What gives any part of a large PNG, JPEG or WebP, by its place before it is turned. The
    decoder's own copy of the picture is the only one, and no part is kept.

    Raises TooLarge for what is larger in a decoder than the front has memory for."""
    if file.is_deep and file.stored.pixels > DEEP_PIXELS:
        raise TooLarge(
            "too_large",
            f"A PNG of 16 bits that is interlaced or turned by its EXIF data has at most "
            f"{DEEP_PIXELS // 10**6} megapixels here; this one is {file.size} px.",
            "Save it upright and without interlacing, or with 8 bits a channel.",
        )
    with _decoding():
        if file.is_deep or file.kind == "WEBP":
            values = _by_opencv(png.whole(file.chunks.plain) if file.chunks else file.data)
            return lambda box: _part_of(file, lambda: _part_of_values(file, values, box))
        image = _image(file.chunks.plain, ("PNG",)) if file.chunks else file.image
        assert image is not None
        image.load()
    return lambda box: _part_of(file, lambda: _part_of_image(file, image, box))


def _part_of(file: OpenedFile, read: Callable[[], Decoded]) -> Decoded:
    with _decoding():
        found = read()
        facts = file.chunks
        if facts is None or facts.transparent is None:
            return found
        return replace(found, values=with_clear(found.values, facts.transparent, facts.depth))


def _part_of_image(file: OpenedFile, image: Image.Image, box: Box) -> Decoded:
    return _of_pillow(file, image.crop((box.x, box.y, box.right, box.bottom)))


def _part_of_values(file: OpenedFile, values: np.ndarray, box: Box) -> Decoded:
    part = _rgb(values[box.y : box.bottom, box.x : box.right])
    return Decoded(_deep(part, file.chunks) if file.chunks else part)


def turned_box(rows: slice, file: OpenedFile) -> Box:
    """Where these rows of the upright picture are in the file."""
    width, height = file.stored.width, file.stored.height
    count = rows.stop - rows.start
    if file.orientation in (1, 2):
        return Box(0, rows.start, width, count)
    if file.orientation in (3, 4):
        return Box(0, height - rows.stop, width, count)
    if file.orientation in (5, 6):
        return Box(rows.start, 0, count, height)
    return Box(width - rows.stop, 0, count, height)


def _png_values(file: OpenedFile, facts: png.Facts) -> np.ndarray:
    image = _image(facts.plain, ("PNG",))
    image.load()
    if file.is_deep:
        values = _deep(_rgb(_by_opencv(png.whole(facts.plain))), facts)
    else:
        values = _array(image)
    if facts.transparent is None:
        return values
    return with_clear(values, facts.transparent, facts.depth)


def _deep(values: np.ndarray, facts: png.Facts) -> np.ndarray:
    if values.dtype != np.uint16:
        raise damaged("its 16-bit pixels cannot be decoded")
    if facts.colour == png.GREY_ALPHA and values.shape[2] == 4:
        return values[..., [0, 3]]
    return values


def with_clear(
    values: np.ndarray, transparent: tuple[int, ...], depth: int | None = None
) -> np.ndarray:
    """With alpha: the samples `transparent` of `depth` bits are not there, all others are."""
    full = int(np.iinfo(values.dtype).max)
    bits = depth or values.itemsize * 8
    scale = full // (2**bits - 1)  # Pillow spreads 1, 2 and 4 bits over 8
    key = np.array(transparent) % 2**bits * scale
    clear = (values == key.astype(values.dtype)).all(axis=2)
    alpha = np.where(clear, 0, full).astype(values.dtype)
    return np.concatenate([values, alpha[..., None]], axis=2)


def _tiff_pixels(file: OpenedFile, tags: tiff.Tags) -> Decoded:
    import numpy as np

    if file.image is not None:
        with_image = _of_pillow(file, file.image)
    else:
        with_image = _scaled(_rgb(_by_opencv(file.plain)), tags)
    deep = tags.one(tiff.BITS, 1) >= DEEP_BITS
    values = with_image.values
    if deep and tags.one(tiff.PHOTOMETRIC, 1) == tiff.WHITE_IS_ZERO:
        full = 1 if values.dtype == np.float32 else np.iinfo(values.dtype).max
        values = (full - values).astype(values.dtype)
    if file.image is None and tags.one(tiff.EXTRA_SAMPLES, 0) == tiff.ASSOCIATED:
        values = _straight(values)
    return replace(with_image, values=values)


def _of_pillow(file: OpenedFile, image: Image.Image) -> Decoded:
    import numpy as np

    image.load()
    if image.mode in ("CMYK", "LAB", "YCbCr", "HSV"):
        return _as_rgb(file, image)
    if image.mode == "F":
        return _scaled(np.asarray(image)[..., None], file.tags)
    if image.mode == "I":
        return _scaled(np.asarray(image)[..., None], file.tags)
    return Decoded(_array(image))


def _as_rgb(file: OpenedFile, image: Image.Image) -> Decoded:
    """Pictures of inks and other systems of colours as sRGB, 8 bits."""
    import numpy as np
    from PIL import ImageCms

    from pentimento.imaging import profiles

    notices: tuple[str, ...] = ()
    profile = file.profile
    if image.mode == "LAB":
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    if profile is not None and image.mode in ("CMYK", "LAB"):
        try:
            converted = profiles.through_littlecms(image, profile)
            return Decoded(np.asarray(converted), _srgb())
        except profiles.BrokenProfileError:
            notices = (BROKEN_PROFILE,)
    return Decoded(np.asarray(image.convert("RGB")), _srgb(), notices)


def _srgb() -> Profile:
    """Stands for colours that are sRGB already, whatever profile the file has."""
    from pentimento.imaging.profiles import Profile

    return Profile(b"", "RGB", plain=True)


def _array(image: Image.Image) -> np.ndarray:
    """`(h, w, 1..4)` u8 or u16 of the modes without a system of their own."""
    import numpy as np

    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)[..., None]
    if image.mode == "I":  # Pillow's other name of 16 bits of grey
        return np.clip(np.asarray(image), 0, 65_535).astype(np.uint16)[..., None]
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        image = image.convert(_plain_mode(image))
    array = np.asarray(image)
    return array if array.ndim == 3 else array[..., None]


def _plain_mode(image: Image.Image) -> str:
    if image.mode == "1":
        return "L"
    if image.mode == "La":
        return "LA"
    return "RGBA" if image.has_transparency_data else "RGB"


def _by_opencv(data: bytes) -> np.ndarray:
    """`(h, w, 1..4)`, colours as BGR; Pillow reads deep colours as 8-bit, and takes 16 bytes a
    pixel for WebP."""
    import cv2
    import numpy as np

    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        decoded = None
    if decoded is None:
        raise damaged("its deep pixels cannot be decoded")
    return decoded if decoded.ndim == 3 else decoded[..., None]


def _rgb(values: np.ndarray) -> np.ndarray:
    """Of BGR; grey stays."""
    if values.shape[2] < 3:
        return values
    return values[..., [2, 1, 0, *range(3, values.shape[2])]]


def _scaled(values: np.ndarray, tags: tiff.Tags | None) -> Decoded:
    """Large integers and floats as 16 bits: full white is the most that their type can say, except
    where all of the picture fits into 8 or 16 bits."""
    import numpy as np

    if values.dtype in (np.uint8, np.uint16):
        return Decoded(values)
    notices: tuple[str, ...] = ()
    if values.dtype.kind == "f":
        whole = _floats(values)
        return Decoded(np.rint(whole.values * 65_535).astype(np.uint16), notices=whole.notices)
    if values.dtype == np.int32 and tags and tags.one(tiff.SAMPLE_FORMAT, 1) == tiff.UNSIGNED:
        values = values.view(np.uint32)  # Pillow has no such mode
    most = int(values.max(initial=0))
    if tags is None and most <= 65_535:
        full = 65_535  # of a PGM, which Pillow has spread already
    else:
        signed = values.dtype.kind == "i"
        full = next(scale for scale in INTEGER_SCALES[: 3 if signed else 4] if most <= scale)
    if values.min(initial=0) < 0:
        notices = ("Its values below 0 were read as black.",)
    shares = np.clip(values.astype(np.float64) / full, 0, 1)
    return Decoded(np.rint(shares * 65_535).astype(np.uint16), notices=notices)


def _floats(values: np.ndarray) -> Decoded:
    """0..1. Whole numbers beyond 1 are integers that were kept as floats; other values are cut."""
    import numpy as np

    notices = []
    unknown = ~np.isfinite(values)
    if unknown.any():
        share = max(round(100 * unknown.any(axis=2).mean()), 1)
        notices.append(
            f"{share} % of its pixels are no numbers (NaN or infinite); they were read as black."
        )
        values = np.where(unknown, 0, values)
    most = float(values.max(initial=0))
    if 1 < most <= 65_535 and (values == np.rint(values)).all():
        values = values / (255 if most <= 255 else 65_535)
    elif most > 1 or values.min(initial=0) < 0:
        notices.append("Its values beyond 0 to 1 were cut.")
    return Decoded(np.clip(values, 0, 1).astype(np.float64), notices=tuple(notices))


def _ppm_values(data: bytes, found: re.Match[bytes]) -> np.ndarray:
    """Colours of a PPM; beyond 8 bits Pillow drops the lower ones."""
    import numpy as np

    width, height, most = (int(number) for number in found.groups())
    stored, target = (np.dtype(name) for name in (("u1", "u1") if most < 256 else (">u2", "u2")))
    if not 1 <= most <= 65_535:
        raise ValueError("no such depth")
    values = np.frombuffer(data, stored, width * height * 3, found.end())
    full = np.iinfo(target).max
    scaled = values if most == full else np.rint(values * (full / most)).clip(0, full)
    return scaled.astype(target).reshape(height, width, 3)


def _straight(values: np.ndarray) -> np.ndarray:
    """Colours that were multiplied with their alpha, divided by it."""
    import numpy as np

    alpha = values[..., -1:].astype(np.float64)
    full = 1 if values.dtype == np.float32 else np.iinfo(values.dtype).max
    colours = np.divide(
        values[..., :-1] * float(full), alpha, where=alpha > 0, out=np.zeros(values[..., :-1].shape)
    )
    colours = np.clip(np.rint(colours), 0, full).astype(values.dtype)
    return np.concatenate([colours, values[..., -1:]], axis=2)


def _with_profile(read: Decoded, profile: Profile) -> Decoded:
    """A profile of another kind than the picture is of no use."""
    grey = read.values.shape[2] < 3
    fits = profile.space == "RGB" or (grey and profile.space == "grey")
    if fits:
        return replace(read, profile=profile)
    told = f"Its ICC profile is one for {profile.space} pictures; it was left out."
    return replace(read, notices=(*read.notices, told))


TURNS: dict[int, Callable[[Any], Any]] = {  # EXIF orientation -> what makes it upright
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a[::-1].swapaxes(0, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a[:, ::-1].swapaxes(0, 1),
}


def upright(values: np.ndarray, orientation: int) -> np.ndarray:
    import numpy as np

    return np.ascontiguousarray(TURNS[orientation](values))


def resize(picture: np.ndarray, size: Size) -> np.ndarray:
    """`(h, w)` or `(h, w, c)` at another size; the same array when nothing changes. float32 is
    exact, u8 and u16 are rounded.

    Sides that shrink are averaged over the area they cover, sides that grow use Lanczos with a
    radius of 4. Overshoot is limited to the range of the input, so no new extremes appear.
    """
    height, width = picture.shape[:2]
    if (width, height) == (size.width, size.height):
        return picture
    smaller = _shrunk(picture, size)
    if smaller.shape[:2] == (size.height, size.width):
        return smaller
    result = _cv2_resize(smaller, (size.width, size.height), cv2.INTER_LANCZOS4)
    np.clip(result, picture.min(), picture.max(), out=result)
    return result


def _shrunk(picture: np.ndarray, size: Size) -> np.ndarray:
    """With those of its sides that are to shrink at the new size."""
    height, width = picture.shape[:2]
    smaller = (min(width, size.width), min(height, size.height))
    return picture if smaller == (width, height) else _cv2_resize(picture, smaller, cv2.INTER_AREA)


class Resized:
    """What `resize` answers, for one strip of columns at a time, to the same bits: OpenCV's Lanczos
    goes along rows first, and then each column has nothing to do with any other."""

    def __init__(self, picture: np.ndarray, size: Size) -> None:
        self._rows = size.height
        self._range: tuple[float, float] | None = None
        self._wide = picture
        if picture.shape[:2] == (size.height, size.width):
            return
        smaller = _shrunk(picture, size)
        if smaller.shape[:2] != (size.height, size.width):
            self._range = float(picture.min()), float(picture.max())
        height = smaller.shape[0]
        wider = smaller.shape[1] != size.width
        self._wide = (
            _cv2_resize(smaller, (size.width, height), cv2.INTER_LANCZOS4) if wider else smaller
        )

    def strips(self) -> Iterator[slice]:
        """Columns of which about a quarter of a million values are made at a time. They begin where
        OpenCV's vectors do: the last values of a row, too few for one, it adds up otherwise."""
        values = self._rows * int(np.prod(self._wide.shape[2:]))
        step = max(STRIP // values // VECTOR, 1) * VECTOR
        width = self._wide.shape[1]
        return (slice(left, min(left + step, width)) for left in range(0, width, step))

    def columns(self, which: slice) -> np.ndarray:
        """`(h, w, ...)` of one of the strips; it may be a part of the picture itself."""
        strip = self._wide[:, which]
        if strip.shape[0] != self._rows:
            size = (strip.shape[1], self._rows)
            strip = _cv2_resize(np.ascontiguousarray(strip), size, cv2.INTER_LANCZOS4)
        return strip if self._range is None else np.clip(strip, *self._range)


def _cv2_resize(picture: np.ndarray, size: tuple[int, int], interpolation: int) -> np.ndarray:
    resized = cv2.resize(picture, size, interpolation=interpolation)
    return resized.reshape(*resized.shape[:2], *picture.shape[2:])  # cv2 drops a last axis of 1


LARGE = 2**24  # px; in whole numbers what is resized is right to one of them

Way = Literal["stretch", "crop", "pad"]


def fit(picture: np.ndarray, size: Size, way: Way) -> np.ndarray:
    """`(size.height, size.width, c)` in the depth of `picture`; itself when it has that size.

    `crop` keeps the middle of what covers the size, `pad` shows all of it and continues its
    borders. Raises TooLarge before it makes a pixel.
    """
    refuse_huge(size)
    height, width = picture.shape[:2]
    if (width, height) == (size.width, size.height):
        return picture
    if way == "stretch":
        return _resized(picture, size)
    factors = size.width / width, size.height / height
    factor = max(factors) if way == "crop" else min(factors)
    scaled = Size(width, height).scaled(factor)
    if scaled.pixels > MAX_PIXELS:  # of a strip, nearly all of which is cut off
        return _resized(_middle(picture, size, factor), size)
    whole = Box(0, 0, scaled.width, scaled.height)
    window = whole.resized(size)
    resized = _resized(picture, scaled)
    if whole.intersect(window) == window:
        return resized[window.y : window.bottom, window.x : window.right]
    rows = np.clip(np.arange(window.y, window.bottom), 0, scaled.height - 1)
    columns = np.clip(np.arange(window.x, window.right), 0, scaled.width - 1)
    return resized[rows[:, None], columns]


def _middle(picture: np.ndarray, size: Size, factor: float) -> np.ndarray:
    """The part of the picture that is to fill the size."""
    height, width = picture.shape[:2]
    part = Size(
        min(max(round(size.width / factor), 1), width),
        min(max(round(size.height / factor), 1), height),
    )
    left, top = (width - part.width) // 2, (height - part.height) // 2
    return picture[top : top + part.height, left : left + part.width]


def _resized(picture: np.ndarray, size: Size) -> np.ndarray:
    if max(size.pixels, picture.shape[0] * picture.shape[1]) > LARGE:  # floats take much memory
        return resize(picture, size)
    return to_depth(resize(to_float(picture), size), picture.dtype)


NEUTRAL = 0.5  # where nothing at all is opaque
PLAIN = {"white": 1.0, "black": 0.0, "gray": NEUTRAL}


def fill_transparent(
    rgb: np.ndarray, alpha: np.ndarray, fill: str = "surroundings", *, own: bool = False
) -> np.ndarray:
    """`(h, w, 3)` float32 in which transparent pixels continue their surroundings, or lie on one
    of the PLAIN colours. `own`: the values of `rgb` are not needed any more.

    Pull and push over a pyramid (Gortler et al. 1996, "The Lumigraph", section 3.4): each level
    averages by alpha, and holes take the colour of the next coarser level. Opaque pixels stay as
    they are.
    """
    if alpha.min() >= 1:
        return rgb
    weight = alpha[..., None].astype(np.float32, copy=False)
    if fill not in PLAIN and alpha.max() <= 0:
        return np.full_like(rgb, NEUTRAL)
    weighted = np.multiply(rgb, weight, out=rgb if own else None)
    if fill in PLAIN:
        return _added(weighted, np.float32(PLAIN[fill]), weight)
    return _added(weighted, _spread(weighted, weight), weight)


def _added(weighted: np.ndarray, below: Any, weight: np.ndarray) -> np.ndarray:
    """`weighted + below * (1 - weight)`, in place of one of both."""
    result = below if isinstance(below, np.ndarray) else weighted
    for rows in bands(len(weighted), weighted.shape[1] * 3):
        under = below[rows] if isinstance(below, np.ndarray) else below
        np.add(weighted[rows], under * (1 - weight[rows]), out=result[rows])
    return result


def _spread(weighted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Colours for all pixels from `(h, w, 3)` colours times weight and `(h, w, 1)` weights."""
    height, width = weight.shape[:2]
    if max(height, width) == 1 or weight.min() >= 1:
        return weighted / np.maximum(weight, 1e-6)
    half = (max(1, (width + 1) // 2), max(1, (height + 1) // 2))
    around = _spread(
        cv2.resize(weighted, half, interpolation=cv2.INTER_AREA).reshape(half[1], half[0], 3),
        cv2.resize(weight, half, interpolation=cv2.INTER_AREA).reshape(half[1], half[0], 1),
    )
    coarse = cv2.resize(around, (width, height), interpolation=cv2.INTER_LINEAR)
    coarse = coarse.reshape(height, width, 3)
    for rows in bands(height, width * 3):
        mean = weighted[rows] / np.maximum(weight[rows], 1e-6) * weight[rows]
        np.add(mean, coarse[rows] * (1 - weight[rows]), out=coarse[rows])
    return coarse
