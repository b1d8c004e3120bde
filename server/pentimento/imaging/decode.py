"""The pixels of picture files at their full depth, upright, with their profile.

- `load(file) -> np.ndarray`: `(h, w, 4)` u8, u16 or f32 from raw pixels, PNG, JPEG or WebP
- `read(file) -> np.ndarray`: `(h, w, c)` just as it is in the file
- `decode(data, size)`: of a file's bytes; `decoded` of an opened file
- `parts(file)`: any part of a large picture
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image

from pentimento.core.errors import BadInput, TooLarge
from pentimento.core.geometry import Box, Size
from pentimento.imaging import png_chunks, tiff
from pentimento.imaging.file_header import (
    DEEP_BITS,
    FIRST_ONLY,
    OpenedFile,
    damaged,
    image_of,
    opened,
)
from pentimento.imaging.pixels import LAYOUT, with_alpha

if TYPE_CHECKING:
    from pentimento.imaging.profiles import Profile
    from pentimento.schema.task import PixelFile


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


DEEP_PIXELS = 40_000_000  # of a PNG of 16 bits that is there as a whole: 8 bytes each
PPM_DEEP = re.compile(rb"P6\s+(?:#[^\n]*\n\s*)*(\d+)\s+(\d+)\s+(\d+)\s")
BROKEN_PROFILE = "Its ICC profile is damaged; it was left out."
INTEGER_SCALES = (255, 65_535, 2**31 - 1, 2**32 - 1)


@dataclass(frozen=True, slots=True)
class Decoded:
    """`values` is `(h, w, 1..4)` u8, u16 or f32: grey or RGB, with straight alpha in the last of 2
    or 4 channels. Without a profile the colours are sRGB's."""

    values: np.ndarray
    profile: Profile | None = None
    notices: tuple[str, ...] = ()


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
            values = _by_opencv(png_chunks.whole(file.chunks.plain) if file.chunks else file.data)
            return lambda box: _part_of(file, lambda: _part_of_values(file, values, box))
        image = image_of(file.chunks.plain, ("PNG",)) if file.chunks else file.image
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


def _png_values(file: OpenedFile, facts: png_chunks.Facts) -> np.ndarray:
    image = image_of(facts.plain, ("PNG",))
    image.load()
    if file.is_deep:
        values = _deep(_rgb(_by_opencv(png_chunks.whole(facts.plain))), facts)
    else:
        values = _array(image)
    if facts.transparent is None:
        return values
    return with_clear(values, facts.transparent, facts.depth)


def _deep(values: np.ndarray, facts: png_chunks.Facts) -> np.ndarray:
    if values.dtype != np.uint16:
        raise damaged("its 16-bit pixels cannot be decoded")
    if facts.colour == png_chunks.GREY_ALPHA and values.shape[2] == 4:
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
    if file.image is not None:
        read = _of_pillow(file, file.image)
    elif tags.in_planes or tags.is_half or tags.samples not in (1, 3, 4):
        read = _scaled(_samples(file, tags), tags)
    else:
        read = _scaled(_rgb(_by_opencv(file.plain)), tags)
    deep = tags.one(tiff.BITS, 1) >= DEEP_BITS
    values = read.values
    if deep and tags.one(tiff.PHOTOMETRIC, 1) == tiff.WHITE_IS_ZERO:
        grey = np.iinfo(values.dtype).max - values[..., :1]
        values = np.concatenate([grey, values[..., 1:]], axis=2)
    if file.image is None and tags.one(tiff.EXTRA_SAMPLES, 0) == tiff.ASSOCIATED:
        values = _straight(values)
    return replace(read, values=values)


def _samples(file: OpenedFile, tags: tiff.Tags) -> np.ndarray:
    """`(h, w, 1..4)`: colours and alpha of a layout that OpenCV takes for another one."""
    width, height = file.stored.width, file.stored.height
    found = [_by_opencv(plane) for plane in tiff.as_grey(file.plain, tags)]
    values = np.concatenate([plane.reshape(height, width, -1) for plane in found], axis=2)
    if tags.one(tiff.PREDICTOR, 1) == tiff.DIFFERENCES and not tags.in_planes and tags.samples > 1:
        step = tags.one(tiff.TILE_WIDTH, width)
        for left in range(0, width, step):
            part = values[:, left : left + step]
            np.cumsum(part, axis=1, dtype=values.dtype, out=part)
    if tags.is_half:
        values = values.astype(np.uint16, copy=False).view(np.float16).astype(np.float32)
    return values[..., : tags.colours + tags.has_alpha]


def _of_pillow(file: OpenedFile, image: Image.Image) -> Decoded:
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
    return np.ascontiguousarray(TURNS[orientation](values))
