"""The tags of a TIFF file that decide how its pixels are read. Nothing is decoded here.

Decoders differ in whether they turn a picture by its orientation, so they get it `upright`, with
that tag set to 1, and it is turned in one place.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

WIDTH, HEIGHT, BITS, PHOTOMETRIC, ORIENTATION, SAMPLES = 256, 257, 258, 262, 274, 277
EXTRA_SAMPLES, SAMPLE_FORMAT, PROFILE = 338, 339, 34675
WHITE_IS_ZERO = 0
ASSOCIATED = 1  # extra sample: alpha that the colours are multiplied with
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


def _read(data: bytes) -> Tags:
    order = "<" if data[:2] == b"II" else ">"
    large = 43 in data[2:4]  # BigTIFF
    count_code, entry_size, inline, offset_code = ("Q", 20, 8, "Q") if large else ("H", 12, 4, "I")
    (start,) = struct.unpack_from(order + offset_code, data, 8 if large else 4)
    (count,) = struct.unpack_from(order + count_code, data, start)
    start += struct.calcsize(count_code)
    tags = Tags(order)
    profile = None
    for at in range(start, start + min(count, MOST_TAGS) * entry_size, entry_size):
        tag, kind = struct.unpack_from(order + "HH", data, at)
        (values,) = struct.unpack_from(order + offset_code, data, at + 4)
        place = at + entry_size - inline
        size = SIZES.get(kind, 0)
        if size * values > inline:
            (place,) = struct.unpack_from(order + offset_code, data, place)
        if tag == PROFILE and size == 1:
            profile = data[place : place + values]
        elif kind in CODES and values:
            some = min(values, MOST_VALUES)
            tags.numbers[tag] = struct.unpack_from(f"{order}{some}{CODES[kind]}", data, place)
            tags.places[tag] = (place, size)
    return Tags(order, tags.numbers, tags.places, profile)
