"""Sentences with names and numbers in them, as a program says them, in the person's language."""

from __future__ import annotations

import re
from typing import Iterable, List, Optional, Pattern, Tuple

from i18n import _

FIELD = re.compile(r"\{([a-z_]+)\}")


class Sentences:
    """`{name}` in a text stands for whatever is there."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = tuple(texts)
        self._patterns: Optional[List[Tuple[Pattern[str], str]]] = None  # made when first needed

    def told(self, text: str) -> str:
        """The sentence translated; what it names stays, but for what is such a sentence as well.
        One that is not known is given back as it came."""
        if not text:
            return ""
        for pattern, sentence in self._known():
            found = pattern.fullmatch(text)
            if found:
                fields = {name: self.told(value) for name, value in found.groupdict().items()}
                return _(sentence).format(**fields)
        return text

    def _known(self) -> List[Tuple[Pattern[str], str]]:
        """The one that says the most literally comes first."""
        if self._patterns is None:
            ordered = sorted(self._texts, key=lambda text: -len(FIELD.sub("", text)))
            self._patterns = [(_pattern(text), text) for text in ordered]
        return self._patterns


def _pattern(sentence: str) -> Pattern[str]:
    seen: List[str] = []
    parts = []
    for number, part in enumerate(FIELD.split(sentence)):
        if number % 2 == 0:
            parts.append(re.escape(part))
        elif part in seen:
            parts.append(f"(?P={part})")
        else:
            seen.append(part)
            parts.append(f"(?P<{part}>.*?)")
    return re.compile("".join(parts), re.DOTALL)
