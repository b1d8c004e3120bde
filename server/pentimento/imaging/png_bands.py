"""PNG files a band of rows at a time: neither a whole picture nor a whole file is ever held.

Writing is zlib over rows of the filter "Sub". Reading unpacks some rows of the stream and lets
libpng undo their filters: as a small PNG of its own, whose first row is the last one of the band
before. Interlaced files, palettes and depths below 8 bits are not read here; the last two are
small anyway. (PNG specification, third edition: 9 filtering, 10 compression, 11 chunks.)
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO

import cv2
import numpy as np

from pentimento.core.geometry import Size
from pentimento.imaging import png_chunks

BAND_BYTES = 8 * 2**20  # of pixels that are held at a time, or one row where that is more
IDAT_BYTES = 2**18
COLOURS = {1: png_chunks.GREY, 2: png_chunks.GREY_ALPHA, 3: png_chunks.RGB, 4: png_chunks.RGBA}
CHANNELS = {colour: channels for channels, colour in COLOURS.items()}
NO_FILTER, SUB = 0, 1
HEADER_BYTES = 13
LEVEL = 1  # as fast as it gets; higher ones take four times as long for a tenth less


def rows_of_a_band(width: int, bytes_per_pixel: int) -> int:
    return max(BAND_BYTES // (width * bytes_per_pixel), 1)


def write(
    out: BinaryIO,
    size: Size,
    bands: Iterable[np.ndarray],
    profile: bytes | None = None,
    texts: Mapping[str, str] | None = None,
) -> None:
    """`bands` are `(rows, width, 1..4)` u8 or u16, all of one kind, and follow each other from the
    top. Raises ValueError where their rows are not as many as the size says, and OSError."""
    packer = zlib.compressobj(LEVEL, strategy=zlib.Z_RLE)
    pending, rows = bytearray(), 0
    for band in bands:
        if rows == 0:
            out.write(png_chunks.SIGNATURE + _header(size, band))
            if profile:
                out.write(png_chunks.profile_chunk(profile))
            for keyword, text in (texts or {}).items():
                out.write(png_chunks.text_chunk(keyword, text))
        rows += len(band)
        pending += packer.compress(_filtered(band).data)
        _write_data(out, pending, IDAT_BYTES)
    if rows != size.height:
        raise ValueError(f"{rows} rows of a picture of {size}")
    pending += packer.flush()
    _write_data(out, pending, 1)
    out.write(png_chunks.chunk_of(b"IEND", b""))


def can_read(data: bytes) -> bool:
    """Whether `read` takes this PNG."""
    header = data[len(png_chunks.SIGNATURE) + 8 :][:HEADER_BYTES]
    if len(header) < HEADER_BYTES:
        return False
    depth, colour, interlaced = header[8], header[9], header[12]
    return depth in (8, 16) and colour in CHANNELS and interlaced == 0


def read(data: bytes) -> Iterator[np.ndarray]:
    """`(rows, width, 1..4)` u8 or u16 from the top. Raises ValueError for a file that is damaged or
    ends too soon."""
    header = data[len(png_chunks.SIGNATURE) + 8 :][:HEADER_BYTES]
    width, height, depth, colour = struct.unpack(">IIBB", header[:10])
    channels = CHANNELS[colour]
    row = 1 + width * channels * depth // 8
    band = rows_of_a_band(width, channels * depth // 8)
    before, done = bytes(row), 0
    for filtered in _unpacked(data, row, height, band):
        count = len(filtered) // row
        small = _small(width, count + 1, header, before + filtered)
        values = _decoded(small, channels)[1:]
        before = bytes([NO_FILTER]) + _samples(values[-1:]).tobytes()
        yield values
        done += count
    if done < height:
        raise ValueError("it ends too soon")


def _header(size: Size, band: np.ndarray) -> bytes:
    depth, colour = band.itemsize * 8, COLOURS[band.shape[2]]
    body = struct.pack(">IIBBBBB", size.width, size.height, depth, colour, 0, 0, 0)
    return png_chunks.chunk_of(b"IHDR", body)


def _samples(band: np.ndarray) -> np.ndarray:
    """`(rows, bytes)` u8: each row as a PNG has it, the high byte first."""
    wide = np.ascontiguousarray(band, band.dtype.newbyteorder(">"))
    return wide.view(np.uint8).reshape(len(band), -1)


def _filtered(band: np.ndarray) -> np.ndarray:
    """Rows with their filter "Sub": what a byte differs from that of the pixel to its left."""
    samples = _samples(band)
    step = band.shape[2] * band.itemsize
    rows = np.empty((len(samples), samples.shape[1] + 1), np.uint8)
    rows[:, 0] = SUB
    rows[:, 1 : step + 1] = samples[:, :step]
    np.subtract(samples[:, step:], samples[:, :-step], out=rows[:, step + 1 :])
    return rows


def _write_data(out: BinaryIO, pending: bytearray, least: int) -> None:
    """Empties `pending` but for less than `least` bytes."""
    start = 0
    while len(pending) - start >= least:
        body = bytes(pending[start : start + IDAT_BYTES])
        out.write(png_chunks.chunk_of(b"IDAT", body))
        start += len(body)
    del pending[:start]


def _unpacked(data: bytes, row: int, height: int, rows: int) -> Iterator[bytes]:
    """The filtered rows, so many at a time; fewer where the file ends too soon."""
    unpacker = zlib.decompressobj()
    wanted, found = row * height, bytearray()
    whole = memoryview(data)
    for chunk in png_chunks.chunks(data):
        if chunk.name != b"IDAT":
            continue
        left: bytes | memoryview = whole[chunk.start + 8 : chunk.end - 4]
        while len(left) and wanted > 0:
            most = min(rows * row, wanted) - len(found)
            try:
                found += unpacker.decompress(left, most)
            except zlib.error as error:
                raise ValueError(str(error)) from error
            left = unpacker.unconsumed_tail
            if len(found) == min(rows * row, wanted):
                wanted -= len(found)
                yield bytes(found)
                found.clear()
            elif unpacker.eof:
                break
    if whole_rows := len(found) // row * row:
        yield bytes(found[:whole_rows])


def _small(width: int, rows: int, header: bytes, filtered: bytes) -> bytes:
    body = struct.pack(">II", width, rows) + header[8:]
    packed = zlib.compress(filtered, 0)
    chunks = ((b"IHDR", body), (b"IDAT", packed), (b"IEND", b""))
    return b"".join(
        [png_chunks.SIGNATURE, *(png_chunks.chunk_of(name, part) for name, part in chunks)]
    )


def _decoded(data: bytes, channels: int) -> np.ndarray:
    try:
        values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ValueError("it cannot be decoded") from error
    if values is None:
        raise ValueError("it cannot be decoded")
    values = values if values.ndim == 3 else values[..., None]
    if channels >= 3:
        return values[..., [2, 1, 0, *range(3, channels)]]
    return values[..., [0, 3]] if channels == 2 and values.shape[2] == 4 else values
