"""Frames on the pipes between front and engine: JSON plus an optional binary part. No torch here.

A frame is two big-endian u32 (length of the JSON, length of the binary part) and the two parts.
"""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

HEADER = struct.Struct(">II")
MAX_PART = 64 * 1024 * 1024  # bytes; pixels travel as files, so anything larger is a broken stream

Message = dict[str, Any]


class BrokenStream(Exception):
    """The bytes are not frames: something else wrote to the pipe, or it ended inside a frame."""


def pack(message: Message, binary: bytes = b"") -> bytes:
    """One frame as bytes."""
    text = json.dumps(message, separators=(",", ":")).encode()
    return HEADER.pack(len(text), len(binary)) + text + binary


def lengths(header: bytes) -> tuple[int, int]:
    """The two lengths in a header of `HEADER.size` bytes; raises BrokenStream when absurd."""
    text, binary = HEADER.unpack(header)
    if text > MAX_PART or binary > MAX_PART:
        raise BrokenStream(f"a frame of {text} + {binary} bytes")
    return text, binary


def unpack(text: bytes) -> Message:
    """The JSON part of a frame; raises BrokenStream when it is no JSON object."""
    try:
        message = json.loads(text)
    except ValueError as error:
        raise BrokenStream(str(error)) from error
    if not isinstance(message, dict):
        raise BrokenStream("a frame without a JSON object")
    return message


def read(stream: BinaryIO) -> tuple[Message, bytes] | None:
    """The next frame of a blocking stream, None at its end."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    text, binary = lengths(header)
    body = stream.read(text + binary)
    if len(body) < text + binary:
        return None
    return unpack(body[:text]), body[text:]
