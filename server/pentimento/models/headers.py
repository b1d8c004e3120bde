"""The only reader of weight files' headers: names, types and shapes of what a safetensors or GGUF
file holds, checked against the file's length. Weights themselves are never read.

What a file is goes by its first bytes, whatever it is called; pickles are refused.
"""

from __future__ import annotations

import json
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
        told: dict[str, Any] = json.loads(raw, object_pairs_hook=_without_duplicates)
        metadata = told.pop("__metadata__", {})
        if not all(isinstance(value, str) for value in metadata.values()):
            raise TypeError("metadata that is no text")
        spans = sorted(_span(entry) for entry in told.values())
        tensors = {name: _entry(entry) for name, entry in told.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Damaged("has a header that cannot be read", "header") from error
    _check_spans(spans, 8 + length, size)
    return Header("safetensors", tensors, metadata)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _span(entry: dict[str, Any]) -> tuple[int, int]:
    start, end = entry["data_offsets"]
    if type(start) is not int or type(end) is not int or not 0 <= start <= end:
        raise ValueError("offsets that are none")
    return start, end


def _entry(entry: dict[str, Any]) -> Entry:
    dtype, shape = entry["dtype"], tuple(entry["shape"])
    for side in shape:
        if type(side) is not int or side < 0:
            raise ValueError("a shape that is none")
    bits = BITS.get(dtype)
    start, end = entry["data_offsets"]
    if bits is not None and prod(shape) * bits != (end - start) * 8:
        raise ValueError("a shape that does not fit its bytes")
    return Entry(dtype, shape)


def _check_spans(spans: list[tuple[int, int]], at: int, size: int) -> None:
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
