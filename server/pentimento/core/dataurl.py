"""Base64 and data URLs as programs write them: in lines, without padding, of either alphabet."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

BLANKS = " \t\r\n\f\0"
MARK = "\ufeff"  # of the order of bytes, which some programs begin every text with
ESCAPED = {"%2B": "+", "%2F": "/", "%3D": "=", "%0A": "\n", "%0D": "\r", "%20": " "}  # in an URL
STANDARD = bytes.maketrans(b"-_", b"+/")  # of the alphabet for addresses
PIECE = 2**20  # characters that are read at a time, so that other threads get their turns


def read(text: str) -> bytes:
    """The bytes of base64, or of a data URL that has base64. Raises ValueError."""
    start = len(text) - len(text.lstrip().lstrip(MARK).lstrip())
    if text[start : start + 5].lower() == "data:":
        comma = text.find(",")
        if comma < 0 or not text[:comma].rstrip().lower().endswith(";base64"):
            raise ValueError("a data URL without base64")
        start = comma + 1
        text = _unescaped(text, start)
    try:
        return b"".join(_read(text, start))
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def _unescaped(text: str, start: int) -> str:
    if text.find("%", start) >= 0:
        for escape, letter in ESCAPED.items():
            text = text.replace(escape, letter).replace(escape.lower(), letter)
    return text


def _read(text: str, start: int) -> Iterator[bytes]:
    """The bytes in parts; `=` stands at the end only."""
    end = len(text.rstrip().rstrip(BLANKS + "="))
    rest = b""
    for at in range(start, end, PIECE):
        part = text[at : min(at + PIECE, end)].encode("ascii")  # UnicodeError is a ValueError
        packed = rest + part.translate(STANDARD, BLANKS.encode())
        if b"=" in packed:
            raise ValueError("padding within base64")
        whole = len(packed) // 4 * 4
        yield base64.b64decode(packed[:whole], validate=True)
        rest = packed[whole:]
    yield base64.b64decode(rest + b"=" * (-len(rest) % 4), validate=True)
