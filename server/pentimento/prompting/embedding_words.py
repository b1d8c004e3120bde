"""Embeddings (textual inversion) named in a prompt: by the name of their file as a word of its own,
as AUTOMATIC1111 has it, or as `embedding:name`, as ComfyUI has it. Capitals do not matter.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from pentimento.prompting import weights

SIGN = "embedding:"
SUFFIX = r"(?:\.(?:safetensors|pt|bin))?"
MEANT = re.compile(rf"(?<!\w){SIGN}\s*([^\s,()\[\]{{}}|<>:]*[^\s,()\[\]{{}}|<>:.;])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mention:
    """`name` is one of those asked for; `explicit` where it cannot be meant as a plain word."""

    name: str
    explicit: bool


def split(text: str, names: Collection[str]) -> list[str | Mention]:
    """The text with what names an embedding taken out of it, in its order. Of names that begin
    alike the longest counts. `names` are in lower case (`str.casefold`)."""
    if not names:
        return [text]
    found: list[str | Mention] = []
    at = 0
    for match in _pattern(frozenset(names)).finditer(text):
        found += [text[at : match.start()], Mention(match[2].casefold(), bool(match[1]))]
        at = match.end()
    return [part for part in (*found, text[at:]) if part != ""]


def mentioned(prompt: str, names: Collection[str]) -> list[Mention]:
    """All that a prompt names, each once."""
    pieces = (part for piece in weights.parse(prompt) for part in split(piece.text, names))
    return list(dict.fromkeys(part for part in pieces if isinstance(part, Mention)))


def unknown(prompt: str, names: Collection[str]) -> list[str]:
    """What a prompt means to be an embedding, and none is called so."""
    texts = (
        part
        for piece in weights.parse(prompt)
        for part in split(piece.text, names)
        if isinstance(part, str)
    )
    return [name for text in texts for name in MEANT.findall(text)]


@lru_cache(maxsize=32)
def _pattern(names: frozenset[str]) -> re.Pattern[str]:
    longest_first = sorted(names, key=lambda name: (-len(name), name))
    known = "|".join(re.escape(name) for name in longest_first)
    return re.compile(rf"(?<!\w)({SIGN}\s*)?({known}){SUFFIX}(?!\w)", re.IGNORECASE)
