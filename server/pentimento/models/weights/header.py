"""The only reader of weight files' headers: names, types and shapes of what a safetensors or GGUF
file holds, checked against the file's length. Weights themselves are never read.

What a file is goes by its first bytes, whatever it is called; pickles are refused. GGUF is
llama.cpp's format, versions 2 and 3: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

from pentimento.core import plain_files

PICKLE_STARTS = (b"PK\x03\x04", b"\x80")  # a zip of pickles (torch.save) and a bare pickle
PICKLE_SUFFIXES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
GGUF_START = b"GGUF"
REMEMBERED = 32_768  # files of which is kept what they are
CONVERT = (
    "look for the same file as .safetensors where it came from, or convert it on a machine you can "
    "spare (docs/models.md says how)"
)

# bits of one value, by the names of the safetensors format
BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "F8_E8M0", "I8", "U8", "BOOL"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}


def status(file: Path) -> os.stat_result:
    """Of a regular file. Raises Damaged as `read` for what is none, or cannot be looked at."""
    try:
        return plain_files.status(file)
    except OSError as error:
        raise _unreadable(error) from error


def read(file: Path) -> Header:
    """Raises Damaged, with a text that goes on after the file's name. A file that several readers
    ask about at once is read once."""
    known = status(file)
    try:
        return _read(file, known.st_size, known.st_mtime_ns, known.st_ino)
    except OSError as error:
        raise _unreadable(error) from error


def _unreadable(error: OSError) -> Damaged:
    why = plain_files.reason(error)
    if why.startswith("it "):
        return Damaged(why.removeprefix("it "), "other")
    return Damaged(f"cannot be read: {why}", "other")


@lru_cache(maxsize=8)  # headers of large models take megabytes
def _read(file: Path, size: int, mtime_ns: int, inode: int) -> Header:
    with plain_files.opened(file) as stream:
        start = stream.read(9)
        if start.startswith(GGUF_START):
            return read_gguf(stream, size)
        length = int.from_bytes(start[:8], "little")
        if start[8:] == b"{" and 2 <= length <= min(HEADER_LIMIT, size - 8):
            return _safetensors(stream, length, size)
    raise _refused(start, length, size)


def _refused(start: bytes, length: int, size: int) -> Damaged:
    if start.startswith(PICKLE_STARTS):
        return Damaged(
            "is a pickle under another name, which can run any program when it is opened; only "
            f"safetensors and GGUF weights are accepted: {CONVERT}",
            "pickle",
        )
    if start[8:] == b"{" and size - 8 < length <= HEADER_LIMIT:
        return Damaged("is cut short: not even its header is whole", "cut_short")
    return Damaged("is not a safetensors file, or it is cut short", "not_weights")


def pickle_problem(name: str) -> str:
    """Why a file with a pickle's suffix is not opened, as a sentence without its full stop."""
    return (
        f"{name} is a pickle, which can run any program when it is opened; "
        f"only safetensors weights are accepted: {CONVERT}"
    )


def is_pickle(file: Path) -> bool:
    """By its first bytes, or its suffix where they tell nothing."""
    with plain_files.opened(file) as stream:
        return stream.read(4).startswith(PICKLE_STARTS) or file.suffix in PICKLE_SUFFIXES


def _safetensors(stream: BinaryIO, length: int, size: int) -> Header:
    stream.seek(8)
    raw = stream.read(length)
    try:
        told: dict[str, dict[str, Any]] = json.loads(raw)
        metadata: dict[str, str] = told.pop("__metadata__", {})
        _refuse_duplicates(raw, told, metadata)
        tensors = {
            name: TensorEntry(entry["dtype"], tuple(entry["shape"])) for name, entry in told.items()
        }
        spans = [tuple(entry["data_offsets"]) for entry in told.values()]
        _check_numbers(tensors.values(), spans)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Damaged("has a header that cannot be read", "header") from error
    _check_spans(sorted(spans), 8 + length, size)
    return Header("safetensors", tensors, metadata)


def _refuse_duplicates(raw: bytes, told: dict[str, Any], metadata: dict[str, str]) -> None:
    """Of names that occur twice the parser keeps one, so that fewer are left than were written.
    Counting words takes a fraction of what a parser that compares keys does."""
    texts = [*told, *metadata, *metadata.values()]
    for word in ("data_offsets", "dtype", "shape"):
        if raw.count(f'"{word}"'.encode()) != len(told) + texts.count(word):
            raise ValueError("a name occurs twice")
    if raw.count(b'"__metadata__"') > 1 or not all(isinstance(text, str) for text in texts):
        raise ValueError("metadata that is none")


def _check_numbers(tensors: Collection[TensorEntry], spans: list[tuple[int, ...]]) -> None:
    """Raises ValueError or TypeError for shapes and offsets that cannot be."""
    kinds = {type(number) for shape in (*spans, *(t.shape for t in tensors)) for number in shape}
    if kinds - {int}:
        raise TypeError("something that is no number")
    for (dtype, shape), (start, end) in zip(tensors, spans, strict=True):
        if end < start or min(start, *shape, 0) < 0:
            raise ValueError("a negative number")
        if dtype in BITS and prod(shape) * BITS[dtype] != (end - start) * 8:
            raise ValueError("a shape that does not fit its bytes")


def _check_spans(spans: list[tuple[int, ...]], at: int, size: int) -> None:
    """The format wants tensors to follow one another without holes, up to the file's end."""
    reached = 0
    for start, end in spans:
        if start != reached:
            raise Damaged("has weights that overlap or leave a hole", "header")
        reached = end
    if at + reached != size:
        raise Damaged(
            f"is {size} bytes long instead of {at + reached}: the download was cut short",
            "cut_short",
        )


Shape = tuple[int, ...]
Reason = Literal["pickle", "not_weights", "cut_short", "header", "other"]

HEADER_LIMIT = 32 * 2**20  # bytes; the largest that are known have a few MB


class Damaged(Exception):
    """A model or a file cannot be used; the text is a sentence for people without its full stop."""

    def __init__(self, problem: str, reason: Reason = "other") -> None:
        super().__init__(problem)
        self.reason = reason


class TensorEntry(NamedTuple):
    """One tensor: its type as the format calls it, and its shape as torch would say it. A tuple,
    because a file has thousands."""

    dtype: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class Header:
    """`kind` is the file's format. `tensors` keeps the file's order. A GGUF file of a language
    model is read only as far as its vocabulary, and `tensors` is empty then."""

    kind: Literal["safetensors", "gguf"]
    tensors: Mapping[str, TensorEntry]
    metadata: Mapping[str, str] = field(default_factory=dict)


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


def read_gguf(stream: BinaryIO, size: int) -> Header:
    """Raises Damaged as `read` does. `size` is the file's, in bytes."""
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


def _tensors(
    reader: _Reader, count: int, pairs: dict[str, Any], size: int
) -> dict[str, TensorEntry]:
    tensors: dict[str, TensorEntry] = {}
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
        tensors[name] = TensorEntry(dtype, shape)
    _check_gguf_spans(sorted(spans), _aligned(reader.at, pairs), size)
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


def _check_gguf_spans(spans: list[tuple[int, int]], at: int, size: int) -> None:
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
