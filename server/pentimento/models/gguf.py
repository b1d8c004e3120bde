"""Headers of GGUF files (llama.cpp's format, versions 2 and 3), read by `headers.read` alone.

https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from math import prod
from typing import Any, BinaryIO

from pentimento.models.tensors import HEADER_LIMIT, Damaged, Entry, Header, Shape

VERSIONS = (2, 3)
MOST_ENTRIES = 65_536
MOST_DIMS = 8
LONGEST_NAME = 4096  # bytes
LONGEST_TEXT = 2**20
VOCABULARY = 4096  # a list longer than this is a language model's
STRING, ARRAY, UINT32 = 8, 9, 4
ORIGINAL_SHAPE = "comfy.gguf.orig_shape."  # how converters of image models keep kernels' shapes

SCALARS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
# ggml's types: name, values in a block, bytes of a block
TYPES = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    30: ("BF16", 1, 2),
    28: ("F64", 1, 8),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    29: ("IQ1_M", 256, 56),
}


class _Reader:
    """Numbers and texts one after another; refuses to run over the file's end or the limit."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.at = 0

    def take(self, count: int) -> bytes:
        self.at += count
        raw = self._stream.read(count) if self.at <= HEADER_LIMIT else b""
        if len(raw) != count:
            raise Damaged("is cut short: not even its header is whole", "cut_short")
        return raw

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def count(self, most: int) -> int:
        found: int = self.number("<Q")
        if found > most:
            raise Damaged("has a header that cannot be read", "header")
        return found

    def text(self, longest: int) -> str:
        return self.take(self.count(longest)).decode("utf-8", "replace")


def read(stream: BinaryIO, size: int) -> Header:
    """Raises Damaged as `headers.read` does. `size` is the file's, in bytes."""
    stream.seek(0)
    reader = _Reader(stream)
    reader.take(4)
    if reader.number("<I") not in VERSIONS:
        raise Damaged("is a GGUF file of a version that cannot be read", "header")
    tensor_count, pair_count = reader.count(MOST_ENTRIES), reader.count(MOST_ENTRIES)
    pairs: dict[str, Any] = {}
    for _ in range(pair_count):
        name = reader.text(LONGEST_NAME)
        if name in pairs:
            raise Damaged("has a header that names something twice", "header")
        value = _value(reader, reader.number("<I"))
        if value is None:
            return Header("gguf", {}, _texts(pairs))
        pairs[name] = value
    tensors = _tensors(reader, tensor_count, pairs, size)
    return Header("gguf", tensors, _texts(pairs))


def _texts(pairs: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in pairs.items() if isinstance(value, str)}


def _value(reader: _Reader, kind: int) -> Any:
    """A text, a number, a list; None for one as long as a vocabulary, which is not read."""
    if kind == STRING:
        return reader.text(LONGEST_TEXT)
    if kind in SCALARS:
        return reader.number(SCALARS[kind])
    if kind != ARRAY:
        raise Damaged("has a header that cannot be read", "header")
    inner, count = reader.number("<I"), reader.number("<Q")
    if inner not in SCALARS and inner != STRING:
        raise Damaged("has a header that cannot be read", "header")
    if count > VOCABULARY:
        return None
    return [_value(reader, inner) for _ in range(count)]


def _tensors(reader: _Reader, count: int, pairs: dict[str, Any], size: int) -> dict[str, Entry]:
    tensors: dict[str, Entry] = {}
    spans = []
    for _ in range(count):
        name = reader.text(LONGEST_NAME)
        if name in tensors:
            raise Damaged("has a header that names something twice", "header")
        sides = [reader.number("<Q") for _ in range(_dimensions(reader))]
        shape: Shape = tuple(reversed(sides))  # ggml names the fastest side first
        dtype, length = _type(reader.number("<I"), shape)
        start = reader.number("<Q")
        spans.append((start, start + length))
        original = pairs.get(ORIGINAL_SHAPE + name)
        if isinstance(original, list) and prod(original) == prod(shape):
            shape = tuple(original)
        tensors[name] = Entry(dtype, shape)
    _check_spans(sorted(spans), _aligned(reader.at, pairs), size)
    return tensors


def _dimensions(reader: _Reader) -> int:
    dimensions: int = reader.number("<I")
    if dimensions > MOST_DIMS:
        raise Damaged("has a header that cannot be read", "header")
    return dimensions


def _type(kind: int, shape: Shape) -> tuple[str, int]:
    """Its name and how many bytes such a tensor takes; 0 where the type is not known."""
    name, block, length = TYPES.get(kind, (f"type {kind}", 1, 0))
    return name, prod(shape) // block * length


def _aligned(at: int, pairs: dict[str, Any]) -> int:
    step = pairs.get("general.alignment", 32)
    if not isinstance(step, int) or not 1 <= step <= 2**16:
        raise Damaged("has a header that cannot be read", "header")
    return -(-at // step) * step


def _check_spans(spans: list[tuple[int, int]], at: int, size: int) -> None:
    reached = 0
    for start, end in spans:
        if start < reached:
            raise Damaged("has weights that overlap", "header")
        reached = end
    if at + reached > size:
        raise Damaged(
            f"is {size} bytes long instead of {at + reached}: the download was cut short",
            "cut_short",
        )
