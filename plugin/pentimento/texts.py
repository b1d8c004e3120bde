"""Text made safe for GIMP, at one place. GIMP, GTK and GLib take UTF-8 without a zero; Python's
strings can hold more, which JSON can bring. Nothing here needs GIMP."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

STANDS_IN = "\ufffd"  # U+FFFD REPLACEMENT CHARACTER
_NOT_TEXT = re.compile("[\0\ud800-\udfff]")
# Marks that turn the direction of what follows: cut off from their end they would turn the seed.
_DIRECTIONS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_JOINER = "\u200d"
_SKIN_TONES = range(0x1F3FB, 0x1F400)


def readable(content: Any) -> Any:
    """JSON values of which GIMP takes every string. Half a surrogate pair and zeros are replaced;
    all other characters stay, in keys as well."""
    if isinstance(content, str):
        return _NOT_TEXT.sub(STANDS_IN, content)
    if isinstance(content, list):
        return [readable(value) for value in content]
    if isinstance(content, dict):
        return {readable(key): readable(value) for key, value in content.items()}
    return content


def line(text: str) -> str:
    """A text as a name: one line, without what steers a terminal or the direction of writing."""
    visible = "".join(
        " " if unicodedata.category(character) in ("Cc", "Zl", "Zp") else character
        for character in _DIRECTIONS.sub("", readable(text))
    )
    return " ".join(visible.split())


def shortened(text: str, length: int) -> str:
    """At most `length` characters; letters keep their accents, joined emoji stay whole or go."""
    if len(text) <= length:
        return text
    end = length - 1
    while end > 1 and (_belongs_to_the_last(text[end]) or text[end - 1] == _JOINER):
        end -= 1
    return text[:end].rstrip() + "…"


def _belongs_to_the_last(character: str) -> bool:
    marks = unicodedata.category(character).startswith("M")
    return marks or character == _JOINER or ord(character) in _SKIN_TONES


def packed(content: Any) -> bytes:
    """JSON for a parasite. PyGObject takes its bytes as signed numbers, so that none may be over
    127: everything outside ASCII is escaped, and reads again as what it was."""
    return json.dumps(content, ensure_ascii=True).encode("ascii")


def unpacked(data: Any) -> Any:
    """What `packed` wrote, from a parasite's data, which may come as signed numbers. None for what
    is no JSON."""
    raw = bytes(value & 255 for value in data).rstrip(b"\0")
    try:
        return json.loads(raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
