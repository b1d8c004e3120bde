"""The weight of words in a prompt, `(word:1.2)`, raised and lowered where the cursor is. Nothing
here needs GIMP."""

from __future__ import annotations

import re
from typing import Tuple

STEP = 0.1
LEAST, MOST = 0.0, 2.0
_WEIGHTED = re.compile(r"\(([^()]*):\s*(-?\d+(?:\.\d+)?)\s*\)")
_WORD_ENDS = ' \t\n,.;:!?()[]{}<>|“”"，。；：！？、（）'


def changed(text: str, start: int, end: int, steps: int) -> Tuple[str, int, int]:
    """The text with the weight of what is selected, or of the word at the cursor, changed by so
    many steps of 0.1; and where it is selected then. A weight of 1 is written without brackets.
    Places are counted in characters."""
    start, end = min(start, end), max(start, end)
    for match in _WEIGHTED.finditer(text):
        if match.start() <= start and end <= match.end():
            words, weight = match.group(1), float(match.group(2))
            return _put(text, match.start(), match.end(), words, weight + steps * STEP)
    if start == end:
        start, end = _word_at(text, start)
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start == end:
        return text, start, end
    return _put(text, start, end, text[start:end], 1 + steps * STEP)


def _put(text: str, start: int, end: int, words: str, weight: float) -> Tuple[str, int, int]:
    weight = round(min(MOST, max(LEAST, weight)), 2)
    made = words if weight == 1 else f"({words}:{weight:g})"
    return text[:start] + made + text[end:], start, start + len(made)


def _word_at(text: str, place: int) -> Tuple[int, int]:
    start = end = place
    while start > 0 and text[start - 1] not in _WORD_ENDS:
        start -= 1
    while end < len(text) and text[end] not in _WORD_ENDS:
        end += 1
    return start, end
