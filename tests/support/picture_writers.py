"""PNG and TIFF files of kinds that libraries do not write, byte by byte."""

from __future__ import annotations

import struct
import zlib

import numpy as np

ORIENTATION = 0x0112


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(
    rows: np.ndarray, depth: int, colour: int, *extra: bytes, packed: bytes | None = None
) -> bytes:
    """A PNG written here: `rows` `(h, w, c)` of whole numbers, `extra` chunks before the pixels."""
    height, width = rows.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    lines = b""
    for row in rows:
        if depth == 16:
            line = row.astype(">u2").tobytes()
        elif depth == 8:
            line = row.astype("u1").tobytes()
        else:
            bits = np.unpackbits(row.reshape(-1, 1).astype("u1"), axis=1)[:, 8 - depth :]
            line = np.packbits(bits.reshape(-1)).tobytes()
        lines += b"\0" + line
    parts = (
        chunk(b"IHDR", header),
        *extra,
        chunk(b"IDAT", packed or zlib.compress(lines)),
        chunk(b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def exif(orientation: int) -> bytes:
    """A TIFF of one tag, as EXIF blocks are."""
    return (
        b"II*\0\x08\0\0\0\x01\0"
        + struct.pack("<HHIHH", ORIENTATION, 3, 1, orientation, 0)
        + bytes(4)
    )


def tiff(
    pixels: np.ndarray,
    orientation: int = 1,
    *,
    order: str = "<",
    format: int | None = None,
    profile: bytes | None = None,
    white_is_zero: bool = False,
    in_planes: bool = False,
    packed: bool = False,
    rows: int = 0,
) -> bytes:
    """A TIFF written here, of any depth and number type; in strips of so many `rows`. `packed`:
    zip of the differences from value to value."""
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    height, width, channels = pixels.shape
    kinds = {"u": 1, "i": 2, "f": 3}
    numbers = format or kinds[pixels.dtype.kind]
    planes = [pixels[..., n : n + 1] for n in range(channels)] if in_planes else [pixels]
    rows = rows or height
    strips = [
        _strip(plane[top : top + rows], order, packed)
        for plane in planes
        for top in range(0, height, rows)
    ]
    body = b"".join(strips)
    photometric = 2 if channels > 2 else 0 if white_is_zero else 1
    bits = 8 * pixels.itemsize
    extra: list[tuple[int, int, list[int] | bytes]] = [
        (256, 4, [width]),
        (257, 4, [height]),
        (258, 3, [bits] * channels),
        (259, 3, [8 if packed else 1]),
        (262, 3, [photometric]),
        (273, 4, [len(b"".join(strips[:n])) for n in range(len(strips))]),
        (274, 3, [orientation]),
        (277, 3, [channels]),
        (278, 4, [rows]),
        (279, 4, [len(strip) for strip in strips]),
        (284, 3, [2 if in_planes else 1]),
        *([(317, 3, [2])] if packed else []),
    ]
    if channels in (2, 4):
        extra.append((338, 3, [2]))
    extra.append((339, 3, [numbers] * channels))
    if profile:
        extra.append((34675, 7, profile))
    codes, sizes = {3: "H", 4: "I"}, {3: 2, 4: 4, 7: 1}
    start = 8 + 2 + 12 * len(extra) + 4
    lengths = [len(values) * sizes[code] for _, code, values in extra]
    offset = start + sum(length + length % 2 for length in lengths if length > 4)
    table, beyond = b"", b""
    for (tag, code, values), length in zip(extra, lengths, strict=True):
        if tag == 273:
            values = [offset + value for value in values]
        raw = (
            values
            if isinstance(values, bytes)
            else b"".join(struct.pack(order + codes[code], value) for value in values)
        )
        table += struct.pack(order + "HHI", tag, code, len(values))
        if length <= 4:
            table += raw + bytes(4 - length)
        else:
            table += struct.pack(order + "I", start + len(beyond))
            beyond += raw + bytes(length % 2)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    head = mark + struct.pack(order + "I", 8) + struct.pack(order + "H", len(extra))
    return head + table + bytes(4) + beyond + body


def _strip(values: np.ndarray, order: str, packed: bool) -> bytes:
    if packed:
        values = np.diff(values, axis=1, prepend=np.zeros_like(values[:, :1]))
    stored = values.astype(values.dtype.newbyteorder(order)).tobytes()
    return zlib.compress(stored) if packed else stored
