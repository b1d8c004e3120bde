"""What a weight file's header says, whatever its format, and the error for one that says nothing
usable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Shape = tuple[int, ...]
Reason = Literal["pickle", "not_weights", "cut_short", "header", "other"]

HEADER_LIMIT = 32 * 2**20  # bytes; the largest that are known have a few MB


class Damaged(Exception):
    """A model or a file cannot be used; the text is a sentence for people without its full stop."""

    def __init__(self, problem: str, reason: Reason = "other") -> None:
        super().__init__(problem)
        self.reason = reason


class Entry(NamedTuple):
    """One tensor: its type as the format calls it, and its shape as torch would say it. A tuple,
    because a file has thousands."""

    dtype: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class Header:
    """`kind` is the file's format. `tensors` keeps the file's order. A GGUF file of a language
    model is read only as far as its vocabulary, and `tensors` is empty then."""

    kind: Literal["safetensors", "gguf"]
    tensors: Mapping[str, Entry]
    metadata: Mapping[str, str] = field(default_factory=dict)
