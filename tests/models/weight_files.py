"""Weight files with true headers and empty weights."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

BYTES = {"F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "U8": 1, "I8": 1}
GGUF_TYPES = {"F32": (0, 1, 4), "F16": (1, 1, 2), "Q8_0": (8, 32, 34), "Q4_K": (12, 256, 144)}

Shapes = Mapping[str, Sequence[int]]


def safetensors(
    shapes: Shapes, dtype: str = "F16", metadata: dict[str, str] | None = None
) -> bytes:
    """A header alone, with the length of its weights: write it with `write`."""
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    at = 0
    for name, shape in shapes.items():
        size = prod(shape) * BYTES[dtype]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    data = json.dumps(header).encode()
    return len(data).to_bytes(8, "little") + data


def write(file: Path, shapes: Shapes, dtype: str = "F16", **metadata: str) -> Path:
    """A whole file; the weights are a hole in it that takes no room on the disk."""
    file.parent.mkdir(parents=True, exist_ok=True)
    start = safetensors(shapes, dtype, metadata)
    file.write_bytes(start)
    with file.open("r+b") as stream:
        stream.truncate(len(start) + sum(prod(shape) * BYTES[dtype] for shape in shapes.values()))
    return file


def write_gguf(
    file: Path, shapes: Shapes, dtype: str = "Q4_K", pairs: Mapping[str, Any] | None = None
) -> Path:
    """Texts, numbers (as unsigned 32 bits) and lists of texts can be metadata."""
    kind, block, length = GGUF_TYPES[dtype]
    head = b"GGUF" + struct.pack("<IQQ", 3, len(shapes), len(pairs or {}))
    for name, value in (pairs or {}).items():
        head += _text(name) + _value(value)
    at = 0
    for name, shape in shapes.items():
        head += _text(name) + struct.pack("<I", len(shape))
        head += b"".join(struct.pack("<Q", side) for side in reversed(shape))
        head += struct.pack("<IQ", kind, at)
        at += -(-(prod(shape) // block * length) // 32) * 32
    start = len(head) + -len(head) % 32
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(head)
    with file.open("r+b") as stream:
        stream.truncate(start + at)
    return file


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _value(value: Any) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(_text(text) for text in value)
