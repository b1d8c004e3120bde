"""What the server tells by a code with parameters, in the person's language."""

from __future__ import annotations

from typing import Any, Callable, Mapping


def in_words(
    texts: Mapping[str, str],
    code: str,
    params: Mapping[str, Any],
    english: str,
    translate: Callable[[str], str],
) -> str:
    """The text of the code with its parameters; one that is not known here, from a newer server,
    in the server's own words."""
    known = texts.get(code)
    if known is None:
        return str(english)
    try:
        return translate(known).format(**params)
    except KeyError:
        return str(english)
