"""Which letter opens which widget of a window: no letter twice, in any language. Nothing here needs
Gtk."""

from __future__ import annotations

import re
from typing import Iterable, List, Set

ADDED = re.compile(r"\s*\(_(\w)\)")  # as languages without Latin letters have them: “提示词(_P)”
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def shared_out(labels: Iterable[str]) -> List[str]:
    """The labels with their marks moved where a letter is taken already; the first one keeps it.
    A label without a free letter loses its mark."""
    taken: Set[str] = set()
    given = []
    for label in labels:
        given.append(_placed(label, taken))
        letter = letter_of(given[-1])
        if letter:
            taken.add(letter)
    return given


def letter_of(label: str) -> str:
    """The letter after the mark, in lower case; empty for none."""
    match = re.search(r"_(\w)", label.replace("__", ""))
    return match.group(1).lower() if match and match.group(1) != "_" else ""


def _placed(label: str, taken: Set[str]) -> str:
    letter = letter_of(label)
    if not letter or letter not in taken:
        return label
    added = ADDED.search(label)
    if added:
        free = next((one for one in LETTERS if one not in taken), "")
        mark = f"(_{free.upper()})" if free else ""
        return label[: added.start()] + mark + label[added.end() :]
    bare = label.replace("__", "\0").replace("_", "").replace("\0", "__")
    for position in _positions(bare):
        if bare[position].lower() not in taken:
            return bare[:position] + "_" + bare[position:]
    return bare


def _positions(text: str) -> List[int]:
    """Where a mark could stand: at the beginnings of words first."""
    letters = [i for i, char in enumerate(text) if char.isalnum() and char.lower() in LETTERS]
    return sorted(letters, key=lambda i: (i > 0 and text[i - 1].isalnum(), i))
