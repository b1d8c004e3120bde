"""The user comment of EXIF, where JPEG and WebP files of AUTOMATIC1111 keep generation data.

Its first 8 bytes name the code (EXIF 2.32, 4.6.5); "UNICODE" is UTF-16, which most programs write
in big endian whatever the block's own order is, so its zeros tell.
"""

from __future__ import annotations

import struct

from PIL import Image

EXIF_IFD, USER_COMMENT = 0x8769, 0x9286
UNICODE, ASCII, JIS = b"UNICODE\0", b"ASCII\0\0\0", b"JIS\0\0\0\0\0"
MOST = 65_000  # bytes; a JPEG's block ends at 65,533
IFD = struct.Struct(">HHHIII")  # one entry and no further list


def write(text: str) -> bytes:
    """A block of EXIF with this comment; what does not fit into a JPEG's is cut."""
    body = UNICODE + text.encode("utf-16-be", "replace")[:MOST]
    first, second = 8, 8 + IFD.size
    head = b"MM\0*" + struct.pack(">I", first)
    pointer = IFD.pack(1, EXIF_IFD, 4, 1, second, 0)
    comment = IFD.pack(1, USER_COMMENT, 7, len(body), second + IFD.size, 0)
    return b"Exif\0\0" + head + pointer + comment + body


def read(exif: bytes) -> str | None:
    """The comment of a block; None where there is none or it cannot be read."""
    try:
        block = Image.Exif()
        block.load(exif)
        raw = block.get_ifd(EXIF_IFD).get(USER_COMMENT)
    except Exception:  # Pillow lets through whatever a damaged block makes of it
        return None
    if isinstance(raw, str):
        return raw or None
    if not isinstance(raw, bytes) or len(raw) <= len(UNICODE):
        return None
    code, body = raw[: len(UNICODE)], raw[len(UNICODE) :]
    if code == UNICODE:
        return _words(body, "utf-16-le" if _is_little(body) else "utf-16-be")
    if code == JIS:
        return _words(body, "iso2022_jp")
    if code in (ASCII, bytes(len(UNICODE))):
        return _words(body.rstrip(b"\0 "), "utf-8")
    return _words(raw, "utf-8")


def _is_little(body: bytes) -> bool:
    """By the mark at its beginning, else by where the zeros of ASCII letters are."""
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return body[0] == 0xFF
    return body[1::2].count(0) > body[::2].count(0)


def _words(body: bytes, code: str) -> str | None:
    return body.decode(code, "replace").removeprefix("\ufeff").strip("\0") or None
