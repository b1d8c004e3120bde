"""The only reader of weight files' headers: names, types and shapes of what a safetensors or GGUF
file holds, checked against the file's length. Weights themselves are never read.

What a file is goes by its first bytes, whatever it is called; pickles are refused.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

from pentimento.models import gguf
from pentimento.models.tensors import HEADER_LIMIT, Damaged, Entry, Header

PICKLE_STARTS = (b"PK\x03\x04", b"\x80")  # a zip of pickles (torch.save) and a bare pickle
PICKLE_SUFFIXES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
GGUF_START = b"GGUF"
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


def read(file: Path) -> Header:
    """Raises Damaged, with a text that goes on after the file's name, or OSError."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        start = stream.read(9)
        if start.startswith(GGUF_START):
            return gguf.read(stream, size)
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
    with file.open("rb") as stream:
        return stream.read(4).startswith(PICKLE_STARTS) or file.suffix in PICKLE_SUFFIXES


def _safetensors(stream: BinaryIO, length: int, size: int) -> Header:
    stream.seek(8)
    raw = stream.read(length)
    try:
        told: dict[str, dict[str, Any]] = json.loads(raw)
        metadata: dict[str, str] = told.pop("__metadata__", {})
        _refuse_duplicates(raw, told, metadata)
        tensors = {
            name: Entry(entry["dtype"], tuple(entry["shape"])) for name, entry in told.items()
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


def _check_numbers(tensors: Collection[Entry], spans: list[tuple[int, ...]]) -> None:
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
