"""Prompts that are longer than a model reads: what of them is left out.

- `unread(tokenizer, words) -> Unread | None`
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ENDS = 2  # the tokens for start and end, which the limit counts too


@dataclass(frozen=True, slots=True)
class Unread:
    """`words` were not read: of `tokens` tokens a model takes `limit`."""

    words: str
    tokens: int
    limit: int


def unread(tokenizer: Any, words: str) -> Unread | None:
    """None where the model reads all of it."""
    tokens = tokenizer(words, add_special_tokens=False, truncation=False).input_ids
    limit = int(tokenizer.model_max_length) - ENDS
    if len(tokens) <= limit:
        return None
    return Unread(str(tokenizer.decode(tokens[limit:])).strip(), len(tokens), limit)
