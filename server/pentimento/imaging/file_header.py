"""Picture files up to their pixels: kind, size, orientation and profile, from the header alone.

- `opened(data)`: PNG, JPEG and WebP, with `any_kind` whatever Pillow and OpenCV read
- `header(data)`: what is told of a file before it is decoded
"""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from pentimento.core.errors import BadInput
from pentimento.core.geometry import Size
from pentimento.imaging import png_chunks, tiff

TRAVELLING = ("PNG", "JPEG", "WEBP")
SAME_AS = {"MPO": "JPEG"}  # a JPEG with further pictures behind the first one
XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=[\"']|>)\s*([1-8])")
DEEP_BITS = 9  # and more do not fit into 8
FIRST_ONLY = "Only the first of its pictures is read."
Image.MAX_IMAGE_PIXELS = None  # sizes are looked at in the header, before there are pixels


@dataclass(frozen=True, slots=True)
class PictureHeader:
    """What a file says of itself before it is decoded. `size` is upright, `turned`: the pixels are
    not yet. `notices` are sentences about what will not be read."""

    size: Size
    kind: str  # as Pillow names formats; an MPO is a JPEG
    turned: bool = False
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
    chunks: png_chunks.Facts | None = None
    tags: tiff.Tags | None = None

    @property
    def is_deep(self) -> bool:
        """Whether it is a PNG of 16 bits in colours, which Pillow reads as 8."""
        return bool(
            self.chunks and self.chunks.depth == 16 and self.chunks.colour != png_chunks.GREY
        )

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


def opened(data: bytes, *, any_kind: bool = False) -> OpenedFile:
    try:
        if png_chunks.is_png(data):
            return _opened_png(data)
        if any_kind and tiff.is_tiff(data):
            return _opened_tiff(data)
        image = image_of(data, None if any_kind else TRAVELLING)
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


def image_of(data: bytes, formats: tuple[str, ...] | None) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Image.open(io.BytesIO(data), formats=formats)


def _opened_png(data: bytes) -> OpenedFile:
    facts = png_chunks.facts(data)
    image = image_of(facts.head, ("PNG",))
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
    deep = tags.one(tiff.BITS, 1) >= DEEP_BITS and tags.one(tiff.PHOTOMETRIC, 1) <= 2
    beyond_pillow = tags.samples > 1 or tags.one(tiff.BITS, 1) == 64 or tags.is_half
    image = None if deep and beyond_pillow else _by_pillow(plain, deep)
    several = image is not None and _is_animated(image)
    orientation = orientation if 1 <= orientation <= 8 else 1
    return OpenedFile(
        *(data, plain, "TIFF", size, orientation, tags.profile, image, several), tags=tags
    )


def _by_pillow(plain: bytes, deep: bool) -> Image.Image | None:
    """None for a `deep` TIFF of a kind that it does not know."""
    try:
        return image_of(plain, ("TIFF",))
    except UnidentifiedImageError:
        if not deep:
            raise
        return None


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
