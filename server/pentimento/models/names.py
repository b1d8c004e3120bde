"""Ids of what lies in the data folder: a name with only the characters of an id, made unique."""

from __future__ import annotations

import re
from collections.abc import Container
from itertools import count

LENGTH = 120  # characters, of the 128 that an id may have


def free_id(name: str, taken: Container[str], otherwise: str) -> str:
    """`otherwise` stands for a name that has none of the characters."""
    base = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:LENGTH] or otherwise
    if base not in taken:
        return base
    candidates = (f"{base}-{number}" for number in count(2))
    return next(candidate for candidate in candidates if candidate not in taken)
