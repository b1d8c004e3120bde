"""The tags of a TIFF file that decide how its pixels are read. Nothing is decoded here.

Decoders differ in whether they turn a picture by its orientation, so they get it `upright`, with
that tag set to 1, and it is turned in one place. Layouts that they take for others, or refuse, they
get as grey pictures (`as_grey`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

WIDTH, HEIGHT, BITS, PHOTOMETRIC, ORIENTATION, SAMPLES = 256, 257, 258, 262, 274, 277
EXTRA_SAMPLES, SAMPLE_FORMAT, PROFILE = 338, 339, 34675
PLANAR, PREDICTOR, TILE_WIDTH = 284, 317, 322
PIECES = (273, 279, 324, 325)  # where strips and tiles begin, and how long they are
IN_PLANES, DIFFERENCES = 2, 2
WHITE_IS_ZERO, BLACK_IS_ZERO = 0, 1
ASSOCIATED = 1  # extra sample: alpha that the colours are multiplied with
STRAIGHT = 2
UNSIGNED, SIGNED, FLOAT = 1, 2, 3  # sample formats
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 6: 1, 7: 1, 8: 2, 9: 4, 13: 4, 16: 8, 17: 8, 18: 8}
CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
MOST_TAGS, MOST_VALUES = 4096, 64


@dataclass(frozen=True, slots=True)
class Tags:
    """Numbers by tag; `places` are the offsets of their first values in the file."""

    order: str
    numbers: dict[int, tuple[int, ...]] = field(default_factory=dict)
    places: dict[int, tuple[int, int]] = field(default_factory=dict)  # offset, bytes of a value
    profile: bytes | None = None

    def one(self, tag: int, otherwise: int) -> int:
        return (self.numbers.get(tag) or (otherwise,))[0]

    @property
    def samples(self) -> int:
        return self.one(SAMPLES, 1)

    @property
    def colours(self) -> int:
        return 1 if self.one(PHOTOMETRIC, BLACK_IS_ZERO) <= BLACK_IS_ZERO else 3

    @property
    def in_planes(self) -> bool:
        return self.samples > 1 and self.one(PLANAR, 1) == IN_PLANES

    @property
    def is_half(self) -> bool:
        return self.one(BITS, 1) == 16 and self.one(SAMPLE_FORMAT, UNSIGNED) == FLOAT

    @property
    def has_alpha(self) -> bool:
        told = self.one(EXTRA_SAMPLES, STRAIGHT) in (ASSOCIATED, STRAIGHT)
        return told and self.samples > self.colours


def is_tiff(data: bytes) -> bool:
    return data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read(data: bytes) -> Tags:
    """Of the first picture; raises ValueError where the list of tags is damaged."""
    try:
        return _read(data)
    except (struct.error, KeyError, IndexError) as error:
        raise ValueError("the tags are damaged") from error


def upright(data: bytes, tags: Tags) -> bytes:
    """The file with its orientation set to 1."""
    if tags.one(ORIENTATION, 1) == 1:
        return data
    offset, size = tags.places[ORIENTATION]
    code = {1: "B", 2: "H", 4: "I"}[size]
    changed = bytearray(data)
    struct.pack_into(tags.order + code, changed, offset, 1)
    return bytes(changed)


def as_grey(data: bytes, tags: Tags) -> Iterator[bytes]:
    """Files of one sample a pixel that hold the same packed data: one for each plane, else one
    whose rows have all samples side by side. Of a picture of half floats they hold the bits."""
    count = tags.samples if tags.in_planes else 1
    side_by_side = tags.samples // count
    changes = {
        WIDTH: tags.one(WIDTH, 0) * side_by_side,
        PHOTOMETRIC: BLACK_IS_ZERO,
        SAMPLES: 1,
        PLANAR: 1,
        ORIENTATION: 1,
    }
    if TILE_WIDTH in tags.numbers:
        changes[TILE_WIDTH] = tags.one(TILE_WIDTH, 0) * side_by_side
    if side_by_side > 1:  # the differences are between pixels, not between neighbours in a row
        changes[PREDICTOR] = 1
    if tags.is_half:
        changes[SAMPLE_FORMAT] = UNSIGNED
    for plane in range(count):
        yield _rewritten(data, changes, plane, count)


def _rewritten(data: bytes, changes: Mapping[int, int], plane: int, planes: int) -> bytes:
    """With another list of tags behind its end: one value a tag, of strips those of one plane."""
    order, large = _order(data), 43 in data[2:4]
    offset_code, inline = ("Q", 8) if large else ("I", 4)
    start = len(data) + len(data) % 2
    kept: list[tuple[int, int, bytes]] = []
    for tag, kind, values, place in _entries(data):
        size = SIZES.get(kind, 0)
        if tag in (EXTRA_SAMPLES, PROFILE) or not size:
            continue
        if tag in PIECES:
            share = values // planes
            first, last = place + plane * share * size, place + (plane + 1) * share * size
        else:
            first, last = place, place + (values if tag not in (BITS, SAMPLE_FORMAT) else 1) * size
        raw = data[first:last]
        if tag in changes:
            raw = struct.pack(order + CODES[kind], changes[tag])
        kept.append((tag, kind, raw))
    head = struct.pack(order + ("Q" if large else "H"), len(kept))
    beyond_at = start + len(head) + len(kept) * (20 if large else 12) + inline
    listed, beyond = b"", b""
    for tag, kind, raw in kept:
        listed += struct.pack(order + "HH" + offset_code, tag, kind, len(raw) // SIZES[kind])
        if len(raw) <= inline:
            listed += raw.ljust(inline, b"\0")
        else:
            listed += struct.pack(order + offset_code, beyond_at + len(beyond))
            beyond += raw + bytes(len(raw) % 2)
    at = 8 if large else 4
    begin = data[:at] + struct.pack(order + offset_code, start) + data[at + inline :]
    return b"".join((begin, bytes(start - len(data)), head, listed, bytes(inline), beyond))


def _order(data: bytes) -> str:
    return "<" if data[:2] == b"II" else ">"


def _entries(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Tag, type, number of values, and where they begin."""
    order, large = _order(data), 43 in data[2:4]  # BigTIFF
    count_code, entry_size, inline, offset_code = ("Q", 20, 8, "Q") if large else ("H", 12, 4, "I")
    (start,) = struct.unpack_from(order + offset_code, data, 8 if large else 4)
    (count,) = struct.unpack_from(order + count_code, data, start)
    start += struct.calcsize(count_code)
    for at in range(start, start + min(count, MOST_TAGS) * entry_size, entry_size):
        tag, kind = struct.unpack_from(order + "HH", data, at)
        (values,) = struct.unpack_from(order + offset_code, data, at + 4)
        place = at + entry_size - inline
        if SIZES.get(kind, 0) * values > inline:
            (place,) = struct.unpack_from(order + offset_code, data, place)
        yield tag, kind, values, place


def _read(data: bytes) -> Tags:
    tags = Tags(_order(data))
    profile = None
    for tag, kind, values, place in _entries(data):
        size = SIZES.get(kind, 0)
        if tag == PROFILE and size == 1:
            profile = data[place : place + values]
        elif kind in CODES and values:
            some = min(values, MOST_VALUES)
            code = f"{tags.order}{some}{CODES[kind]}"
            tags.numbers[tag] = struct.unpack_from(code, data, place)
            tags.places[tag] = (place, size)
    return Tags(tags.order, tags.numbers, tags.places, profile)
