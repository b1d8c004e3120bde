"""Pictures a band of rows at a time, so that the memory for them doesn't grow with their size.

- `of(file) -> Bands`, `of_data(data, size)`: rows as they are in the file, upright
- `load_mask(file)`, `seen_u8(file)`: whole pictures of one byte a value, made in bands
- `write_png(out, bands)`, `write_raw(bands, format, path)`
- `shrunk(bands, size)`: the mean over the area that each small pixel covers

Raw pixels and PNG files are read in bands. What no decoder gives in bands (JPEG, WebP, a PNG that
is interlaced or lies on its side) is decoded once; bands are taken from the decoder's own copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import cv2
import numpy as np

from pentimento.core import files
from pentimento.core.geometry import Size
from pentimento.imaging import decode, file_header, model_input, pixels, png_bands, resize
from pentimento.imaging.decode import Decoded, Own
from pentimento.imaging.pixels import FULL, LAYOUT
from pentimento.imaging.resize import Way
from pentimento.imaging.sizing import refuse_huge
from pentimento.schema.job import PixelFormat

if TYPE_CHECKING:
    from pentimento.imaging.profiles import Profile
    from pentimento.schema.task import PixelFile

COARSE = 2**20  # px of a picture that colours under transparency are taken from
LARGE = resize.LARGE
THIN = 2**17  # px of a band that are looked at in floats at once
WHOLE = 2**22  # px that are looked at in floats at once: 28 bytes each
MOST_BYTES = 500 * 2**20  # of a picture before and after its change of size, both held at once


@dataclass(frozen=True, slots=True)
class Bands:
    """Iterating gives `(rows, width, channels)` of one dtype from the top, each time anew; it
    raises BadInput("bad_image") where a file turns out to be damaged."""

    size: Size
    channels: int
    dtype: np.dtype
    rows: Callable[[], Iterator[np.ndarray]]
    profile: Profile | None = None
    notices: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[np.ndarray]:
        return self.rows()

    def own(self) -> Iterator[Own]:
        """As `decode.own` has the whole of them."""
        for rows in self:
            yield decode.own(Decoded(rows, self.profile))

    def srgb(self) -> Iterator[np.ndarray]:
        """`(rows, width, 4)` in their own depth."""
        for rows in self:
            yield decode.srgb(Decoded(rows, self.profile))

    def with_tops(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Each band with the rows of the picture that it is."""
        top = 0
        for rows in self:
            yield slice(top, top + len(rows)), rows
            top += len(rows)

    def without_alpha(self) -> Bands:
        return replace(self, channels=3, rows=lambda: (rows[..., :3] for rows in self))

    def is_opaque(self) -> bool:
        if self.channels in (1, 3):
            return True
        return all(bool((rows[..., -1] >= FULL[self.dtype]).all()) for rows in self)


def of(file: PixelFile) -> Bands:
    """Raises BadInput("bad_image") where its size is not what was announced."""
    size = Size(file.width, file.height)
    if file.format is None:
        return of_data(file.path.read_bytes(), size)
    stored, channels = LAYOUT[file.format]
    found, wanted = file.path.stat().st_size, size.pixels * channels * stored.itemsize
    if found != wanted:
        raise file_header.damaged(f"it has {found} bytes, not what its size needs")
    path = file.path
    return Bands(
        *(size, channels, stored.newbyteorder("=")),
        lambda: _raw(path, size, channels, stored),
    )


def of_data(data: bytes, size: Size) -> Bands:
    """Of an encoded picture; `size` is what was announced and must hold."""
    file = file_header.opened(data)
    if file.chunks is None or file.orientation != 1 or not png_bands.can_read(data):
        if size.pixels <= LARGE:
            return of_values(decode.decoded(file, size))
        return _of_parts(file, size)
    facts = file.chunks
    dtype = np.dtype(np.uint16 if facts.depth == 16 else np.uint8)
    channels = png_bands.CHANNELS[facts.colour]
    nothing = np.empty((0, size.width, channels), dtype)
    described = decode.described(file, size, Decoded(nothing))
    if facts.transparent is not None:
        channels += 1
    return Bands(
        *(size, channels, dtype, lambda: _png(data, facts.transparent)),
        *(described.profile, described.notices),
    )


def _of_parts(file: file_header.OpenedFile, size: Size) -> Bands:
    file.refuse_other(size)
    part = decode.parts(file)

    def read(rows: slice) -> Decoded:
        found = part(decode.turned_box(rows, file))
        return replace(found, values=decode.upright(found.values, file.orientation))

    first = decode.described(file, size, read(slice(0, 1)))
    channels, dtype = first.values.shape[2], first.values.dtype
    step = png_bands.rows_of_a_band(size.width, channels * dtype.itemsize)
    tops = range(0, size.height, step)
    return Bands(
        *(size, channels, dtype),
        lambda: (read(slice(top, min(top + step, size.height))).values for top in tops),
        *(first.profile, first.notices),
    )


def of_values(decoded: Decoded) -> Bands:
    """Of a picture that is there as a whole."""
    values = decoded.values
    height, width, channels = values.shape
    step = png_bands.rows_of_a_band(width, channels * values.itemsize)
    return Bands(
        *(Size(width, height), channels, values.dtype),
        lambda: (values[top : top + step] for top in range(0, height, step)),
        *(decoded.profile, decoded.notices),
    )


def load(file: PixelFile) -> np.ndarray:
    """`(h, w, 4)` as `decode.load` has it."""
    return _whole(of(file))


def _whole(bands: Bands) -> np.ndarray:
    result = np.empty((bands.size.height, bands.size.width, 4), bands.dtype)
    _fill(result, bands.srgb())
    return result


def load_fitted(file: PixelFile, size: Size, way: Way) -> np.ndarray:
    """The same at another size by `resize.fit`; of large deep pictures one channel at a time."""
    bands = of(file)
    needed = (bands.size.pixels + size.pixels) * 4 * bands.dtype.itemsize
    if bands.size == size or needed < MOST_BYTES:
        return resize.fit(_whole(bands), size, way)  # decoded once
    refuse_huge(size)
    result = np.empty((size.height, size.width, 4), bands.dtype)
    for channel in range(4):
        plane = np.empty((bands.size.height, bands.size.width, 1), bands.dtype)
        _fill(plane, (rows[..., channel : channel + 1] for rows in bands.srgb()))
        if way == "stretch":  # to the same bits, without a whole channel beside the result
            resized = resize.Resized(plane, size)
            for columns in resized.strips():
                result[:, columns, channel] = resized.columns(columns)[..., 0]
        else:
            result[..., channel] = resize.fit(plane, size, way)[..., 0]
    return result


def load_u8(bands: Bands, channels: int, *, srgb: bool = False) -> np.ndarray:
    """`(h, w, channels)` u8: of 4 without the last, or all of them; `srgb` converts the colours."""
    result = np.empty((bands.size.height, bands.size.width, channels), np.uint8)
    parts = bands.srgb() if srgb else iter(bands)
    _fill(result, (pixels.to_depth(rows[..., :channels], np.uint8) for rows in parts))
    return result


def load_alpha(bands: Bands) -> np.ndarray:
    """`(h, w)` in the picture's depth, of one that has any."""
    result = np.empty((bands.size.height, bands.size.width), bands.dtype)
    _fill(result, (rows[..., -1] for rows in bands))
    return result


def load_mask(file: PixelFile) -> np.ndarray:
    """`(h, w)` u8, of deeper files float32 0..255 with all their steps: grey values as they are,
    luminance times alpha of coloured pictures. Profiles are about light, so masks have none."""
    return _mask(file, lambda mask: mask)


def load_mask_whole(file: PixelFile) -> np.ndarray:
    """The same in whole numbers: `(h, w)` u8, or u16 of deeper files."""
    return _mask(file, _in_whole_numbers)


def seen_u8(file: PixelFile, fill: str = "surroundings") -> np.ndarray:
    """`(h, w, 3)` u8 as `model_input.seen_u8` has it; in large pictures transparent places are
    filled from colours around that were looked up at a reduced size."""
    bands = of(file)
    if bands.size.pixels <= WHOLE:
        return model_input.seen_u8(_whole(bands), fill)
    result = np.empty((bands.size.height, bands.size.width, 3), np.uint8)
    colours = None
    if fill not in model_input.PLAIN and not bands.is_opaque():
        colours = _surroundings(bands)
    top = 0
    for part in _thinner(bands.srgb()):
        rows = slice(top, top + len(part))
        values = np.clip(np.nan_to_num(pixels.to_float(part)), 0, 1)
        alpha = values[..., 3]
        if colours is None:
            filled = model_input.fill_transparent(values[..., :3], alpha, fill)
        else:
            around = rows_of(colours, rows, bands.size)
            filled = values[..., :3] * alpha[..., None] + around * (1 - alpha[..., None])
        result[rows] = pixels.to_depth(filled, np.uint8)
        top = rows.stop
    return result


def _thinner(parts: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Each part in some of its rows at a time, for what takes many bytes a pixel."""
    for part in parts:
        step = max(THIN // part.shape[1], 1)
        for top in range(0, len(part), step):
            yield part[top : top + step]


def continue_surroundings(picture: np.ndarray, mask: np.ndarray) -> None:
    """Changes an `(h, w, 4)` u8 or u16 picture: where an `(h, w)` mask selects it gets the colours
    around, which are looked up at a reduced size."""
    whole = Size(picture.shape[1], picture.shape[0])
    step = png_bands.rows_of_a_band(whole.width, 4 * picture.itemsize)
    tops = range(0, whole.height, step)
    parts = [slice(top, min(top + step, whole.height)) for top in tops]

    def kept(rows: slice) -> np.ndarray:
        values = pixels.to_float(picture[rows])
        values[..., 3] *= 1 - pixels.to_float(mask[rows])
        return values

    size = whole.scaled(min(1.0, (COARSE / whole.pixels) ** 0.5))
    small = shrunk((kept(rows) for rows in parts), whole, size)
    colours = model_input.fill_transparent(small[..., :3], small[..., 3])
    for rows in parts:
        chosen = mask[rows] > 0
        if chosen.any():
            values = kept(rows)
            around, weight = rows_of(colours, rows, whole), values[..., 3:]
            filled = np.clip(values[..., :3] * weight + around * (1 - weight), 0, 1)
            picture[rows][chosen, :3] = pixels.to_depth(filled, picture.dtype)[chosen]


def write_png(
    out: BinaryIO,
    bands: Bands,
    profile: bytes | None = None,
    texts: Mapping[str, str] | None = None,
) -> None:
    """8 or 16 bits a channel; float pictures get 16. Raises OSError and BadInput."""
    deep = bands.dtype != np.uint8
    parts = (pixels.to_depth(rows, np.uint16) if deep else rows for rows in bands)
    png_bands.write(out, bands.size, parts, profile, texts)


def write_raw(bands: Iterator[np.ndarray], format: PixelFormat, path: Path) -> None:
    """Raw pixels at `path`, which appears only when they are complete."""
    with files.whole(path) as stream:
        for rows in bands:
            stream.write(pixels.convert(rows, format).data)


def shrunk(bands: Iterator[np.ndarray], source: Size, size: Size) -> np.ndarray:
    """`(size.height, size.width, 4)` float32 of `(rows, w, 4)` in any depth, of no more than the
    source's sides: each value is the mean over the area it covers, colours weighted by alpha."""
    total = np.zeros((size.height, size.width * 4), np.float32)
    scale, top = size.height / source.height, 0
    for rows in bands:
        values = np.clip(np.nan_to_num(pixels.to_float(rows)), 0, 1)
        values[..., :3] *= values[..., 3:]  # what is transparent has no colour to bleed
        narrow = cv2.resize(values, (size.width, len(rows)), interpolation=cv2.INTER_AREA)
        edges = np.arange(top, top + len(rows) + 1) * scale
        first, last = int(edges[0]), min(int(np.ceil(edges[-1])), size.height)
        places = np.arange(first, last)[:, None]
        shares = np.minimum(edges[1:], places + 1) - np.maximum(edges[:-1], places)
        total[first:last] += shares.clip(0).astype(np.float32) @ narrow.reshape(len(rows), -1)
        top += len(rows)
    small = total.reshape(size.height, size.width, 4)
    small[..., :3] /= np.maximum(small[..., 3:], 1e-6)
    return np.clip(small, 0, 1)


def rows_of(small: np.ndarray, rows: slice, size: Size) -> np.ndarray:
    """These rows of an `(h, w)` or `(h, w, c)` float32 picture of `size` that `small` is a reduced
    one of, between its pixels linearly."""
    last = len(small) - 1
    places = (np.arange(rows.start, rows.stop) + 0.5) * len(small) / size.height - 0.5
    places = places.clip(0, last)
    below = places.astype(int)
    share = (places - below).astype(np.float32).reshape(-1, *[1] * (small.ndim - 1))
    narrow = small[below] * (1 - share) + small[np.minimum(below + 1, last)] * share
    return cv2.resize(narrow, (size.width, len(narrow)), interpolation=cv2.INTER_LINEAR)


def _raw(path: Path, size: Size, channels: int, stored: np.dtype) -> Iterator[np.ndarray]:
    step = png_bands.rows_of_a_band(size.width, channels * stored.itemsize)
    with path.open("rb") as stream:
        for top in range(0, size.height, step):
            rows = min(step, size.height - top)
            values = np.fromfile(stream, stored, rows * size.width * channels)
            shaped = values.reshape(rows, size.width, channels)
            yield shaped.astype(stored.newbyteorder("="), copy=False)


def _png(data: bytes, transparent: tuple[int, ...] | None) -> Iterator[np.ndarray]:
    try:
        for rows in png_bands.read(data):
            yield rows if transparent is None else decode.with_clear(rows, transparent)
    except ValueError as error:
        raise file_header.damaged("it is cut short or damaged") from error


def _fill(target: np.ndarray, parts: Iterator[np.ndarray]) -> None:
    top = 0
    for rows in parts:
        target[top : top + len(rows)] = rows
        top += len(rows)


def _mask(file: PixelFile, finish: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    bands = of(file)
    result: np.ndarray | None = None
    for rows, values in bands.with_tops():
        part = finish(pixels.as_mask(values))
        if result is None:
            result = np.empty((bands.size.height, bands.size.width), part.dtype)
        result[rows] = part
    assert result is not None
    return result


def _in_whole_numbers(mask: np.ndarray) -> np.ndarray:
    return mask if mask.dtype == np.uint8 else np.rint(mask * 257).astype(np.uint16)


def _surroundings(bands: Bands) -> np.ndarray:
    """`(h, w, 3)` float32 of a reduced size: at each place the colours around what is opaque."""
    factor = min(1.0, (COARSE / bands.size.pixels) ** 0.5)
    small = shrunk(bands.srgb(), bands.size, bands.size.scaled(factor))
    return model_input.fill_transparent(small[..., :3], small[..., 3])
