"""Weighted prompts in the notation of AUTOMATIC1111: `(word:1.3)`, `(word)`, `[word]`, `BREAK`.

Round brackets multiply by 1.1, or by the number that stands at their end; square ones divide by
1.1; both may be nested. A backslash takes a bracket as it is. BREAK, as a word of its own, begins
a new chunk of tokens. A bracket without its other half means itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ROUND = 1.1
SIGNS = re.compile(r"\\([()\[\]\\])|([()\[\]])|\bBREAK\b")
NUMBER = re.compile(r":\s*([+-]?\d*\.?\d+)\s*$")
LARGEST = 10.0  # of a weight; more only makes noise
OPENING = {")": "(", "]": "["}


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that counts `weight` times as much as usual. An empty one is a BREAK."""

    text: str
    weight: float = 1.0


def parse(prompt: str) -> list[Piece]:
    """The prompt in pieces, in its order; a plain one is a single piece."""
    texts: list[str] = []
    weights: list[float] = []
    open_signs: list[tuple[str, int]] = []  # and which piece is the first inside
    at = 0
    for sign in SIGNS.finditer(prompt):
        _add(texts, weights, prompt[at : sign.start()])
        at = sign.end()
        escaped, bracket = sign.groups()
        if escaped:
            _add(texts, weights, escaped)
        elif bracket is None:
            texts.append("")
            weights.append(1.0)
        elif bracket in "([":
            open_signs.append((bracket, len(texts)))
            _add(texts, weights, bracket)
        else:
            _close(texts, weights, open_signs, bracket)
    _add(texts, weights, prompt[at:])
    return _joined(texts, weights)


def _add(texts: list[str], weights: list[float], text: str) -> None:
    if text:
        texts.append(text)
        weights.append(1.0)


def _close(
    texts: list[str], weights: list[float], open_signs: list[tuple[str, int]], bracket: str
) -> None:
    """Weighs everything since the bracket that belongs to this one."""
    if not open_signs or open_signs[-1][0] != OPENING[bracket]:
        _add(texts, weights, bracket)
        return
    _sign, first = open_signs.pop()
    factor = ROUND if bracket == ")" else 1 / ROUND
    number = NUMBER.search(texts[-1]) if bracket == ")" and len(texts) > first + 1 else None
    if number:
        factor = min(max(float(number[1]), -LARGEST), LARGEST)
        texts[-1] = texts[-1][: number.start()]
        if not texts[-1]:
            del texts[-1], weights[-1]
    del texts[first], weights[first]  # the bracket itself
    for place in range(first, len(weights)):
        weights[place] *= factor


def _joined(texts: list[str], weights: list[float]) -> list[Piece]:
    """Neighbours of the same weight together; BREAKs stay."""
    found: list[Piece] = []
    for text, weight in zip(texts, weights, strict=True):
        weight = round(weight, 6)
        if not text and found and not found[-1].text:
            continue  # a BREAK after a BREAK
        if text and found and found[-1].text and found[-1].weight == weight:
            found[-1] = Piece(found[-1].text + text, weight)
        else:
            found.append(Piece(text, weight))
    return found or [Piece("")]
