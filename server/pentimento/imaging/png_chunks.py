"""What a PNG says beside its pixels: chunks, read and written without decoding anything.

The decoders get `plain`, the chunks that pixels need; so no text, profile or animation, however
damaged or large, keeps a picture from being read.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

SIGNATURE = b"\x89PNG\r\n\x1a\n"
NEEDED = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6  # colour types
LARGEST_HEAD = 1024  # bytes of one chunk of a header; a palette has 768
LARGEST_PROFILE = 16 * 2**20  # bytes, unpacked
LARGEST_TEXT = 2**20  # bytes of one text, unpacked
XMP = b"XML:com.adobe.xmp"


class PngChunk(NamedTuple):
    """`start` and `end` of the whole chunk, with its length and its check sum."""

    name: bytes
    start: int
    end: int

    def body(self, data: bytes) -> bytes:
        return data[self.start + 8 : self.end - 4]


@dataclass(frozen=True, slots=True)
class Facts:
    """`transparent`: the samples, as they are in the file, that are transparent throughout.
    `profile` is None where there is none, b"" where it cannot be unpacked."""

    data: bytes
    kept: tuple[tuple[int, int], ...]  # where what decoders get begins and ends
    depth: int
    colour: int
    transparent: tuple[int, ...] | None = None
    profile: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    frames: int = 1

    @property
    def plain(self) -> bytes:
        """What decoders get."""
        whole = memoryview(self.data)
        return b"".join([SIGNATURE, *(whole[start:end] for start, end in self.kept)])

    @property
    def head(self) -> bytes:
        """The same as far as the first pixels, for who only looks at the header."""
        parts = [SIGNATURE]
        for start, end in self.kept:
            parts.append(self.data[start : min(end, start + LARGEST_HEAD)])
            if self.data[start + 4 : start + 8] == b"IDAT":
                break
        return b"".join(parts)


def is_png(data: bytes) -> bool:
    return data.startswith(SIGNATURE)


def chunks(data: bytes) -> Iterator[PngChunk]:
    """All whole chunks; ends without a word where the file is cut short or none follows."""
    start = len(SIGNATURE)
    while start + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, start)
        end = start + 12 + length
        if end > len(data):
            return
        chunk = PngChunk(data[start + 4 : start + 8], start, end)
        yield chunk
        if chunk.name == b"IEND":
            return
        start = end


def facts(data: bytes) -> Facts:
    """Raises ValueError where the header is missing."""
    kept, end = [], len(SIGNATURE)
    found: dict[str, bytes] = {}
    frames = 1
    for chunk in chunks(data):
        end = chunk.end
        if chunk.name in NEEDED or (chunk.name == b"tRNS" and found["IHDR"][9:10] == b"\x03"):
            kept.append((chunk.start, chunk.end))
        if chunk.name == b"IHDR":
            found["IHDR"] = chunk.body(data)
        if "IHDR" not in found or len(found["IHDR"]) != 13:
            break
        if chunk.name in (b"tRNS", b"iCCP", b"eXIf"):
            found.setdefault(chunk.name.decode(), chunk.body(data))
        elif chunk.name == b"acTL":
            frames = max(int.from_bytes(chunk.body(data)[:4]), 1)
        elif chunk.name == b"iTXt" and data.startswith(XMP, chunk.start + 8):
            found.setdefault("XMP", chunk.body(data)[len(XMP) :][:LARGEST_TEXT])
    if len(found.get("IHDR", b"")) != 13:
        raise ValueError("no header")
    kept.append((end, len(data)))  # of a file that is cut short, its beginning of a chunk
    depth, colour = found["IHDR"][8], found["IHDR"][9]
    return Facts(
        data,
        tuple(kept),
        depth,
        colour,
        _transparent(found.get("tRNS"), colour),
        _profile(found["iCCP"]) if "iCCP" in found else None,
        found.get("eXIf"),
        found.get("XMP"),
        frames,
    )


def whole(data: bytes) -> bytes:
    """The whole chunks and an end: OpenCV takes memory for whatever length a cut one claims."""
    end, last = len(SIGNATURE), b""
    for chunk in chunks(data):
        end, last = chunk.end, chunk.name
    if last == b"IEND" and end == len(data):
        return data
    return data[:end] + (b"" if last == b"IEND" else chunk_of(b"IEND", b""))


def texts(data: bytes) -> dict[str, str]:
    """All texts by their keywords, the first of each (PNG specification, 11.3.4)."""
    found: dict[str, str] = {}
    for chunk in chunks(data):
        if chunk.name in TEXTS:
            keyword, value = _text(chunk.name, chunk.body(data))
            if value is not None:
                found.setdefault(keyword, value)
    return found


def parts_with_text(data: bytes, keyword: str, text: str) -> Iterator[bytes | memoryview]:
    """The PNG with this text right after its header, and no other of this keyword; with none where
    the text is empty. In parts, none of them a copy."""
    begin = keyword.encode("latin-1") + b"\0"
    whole, end = memoryview(data), len(SIGNATURE)
    yield SIGNATURE
    for chunk in chunks(data):
        end = chunk.end
        if chunk.name not in TEXTS or not data.startswith(begin, chunk.start + 8):
            yield whole[chunk.start : chunk.end]
        if chunk.name == b"IHDR" and text:
            yield text_chunk(keyword, text)
    yield whole[end:]


def text_chunk(keyword: str, text: str) -> bytes:
    """An uncompressed iTXt without a language."""
    body = keyword.encode("latin-1") + b"\0\0\0\0\0" + text.encode(errors="replace")
    return chunk_of(b"iTXt", body)


def profile_chunk(profile: bytes) -> bytes:
    return chunk_of(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile))


def chunk_of(name: bytes, body: bytes) -> bytes:
    check = zlib.crc32(name + body)
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", check)


def _transparent(body: bytes | None, colour: int) -> tuple[int, ...] | None:
    """One sample of grey or three of colour, two bytes each."""
    samples = {GREY: 1, RGB: 3}.get(colour, 0)
    if not body or not samples or len(body) < 2 * samples:
        return None
    return struct.unpack(f">{samples}H", body[: 2 * samples])


def _profile(body: bytes) -> bytes:
    _, _, packed = body.partition(b"\0")
    return _unpacked(packed[1:], LARGEST_PROFILE) or b""


def _text(kind: bytes, body: bytes) -> tuple[str, str | None]:
    """Keyword and text; None where it cannot be unpacked."""
    name, _, rest = body.partition(b"\0")
    keyword = name.decode("latin-1")
    if kind == b"tEXt":
        return keyword, _decoded(rest)
    if kind == b"zTXt":
        packed = _unpacked(rest[1:], LARGEST_TEXT)
        return keyword, None if packed is None else _decoded(packed)
    compressed, rest = rest[:1] == b"\1", rest[2:]
    for _ in ("language", "translated keyword"):
        _, _, rest = rest.partition(b"\0")
    value = _unpacked(rest, LARGEST_TEXT) if compressed else rest
    return keyword, None if value is None else value.decode("utf-8", "replace")


def _decoded(value: bytes) -> str:
    """Latin-1 by the specification; what is UTF-8 was meant so by programs that don't know it."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _unpacked(data: bytes, most: int) -> bytes | None:
    unpacker = zlib.decompressobj()
    try:
        found = unpacker.decompress(data, most)
    except zlib.error:
        return None
    return found if unpacker.eof else None
