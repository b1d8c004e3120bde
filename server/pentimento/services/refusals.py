"""What refusals of services mean: by their status, and by the words in the usual places of a body.

The words are looked through and never shown or logged: they may hold the prompt or the key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

MEANINGS = {  # status -> code of `problems.PROBLEMS`, where the body says nothing else
    400: "bad_values",
    401: "key_refused",
    402: "payment_required",
    403: "key_refused",
    404: "model_gone",
    405: "no_such_call",
    408: "timed_out_there",
    410: "model_gone",
    413: "too_large_there",
    415: "picture_refused",
    422: "bad_values",
    429: "rate_limited",
    451: "not_there",
    502: "service_unavailable",
    503: "service_unavailable",
    504: "timed_out_there",
    524: "timed_out_there",  # Cloudflare's
    529: "rate_limited",
}
PLACES = ("error", "message", "detail", "title", "code", "name", "errors", "type", "rc", "status")
MOST_TEXT = 2000
MOST_ENTRIES = 20  # of a list


class Refusal(Protocol):
    @property
    def status(self) -> int: ...
    def json(self) -> Any: ...


def by_status(status: int) -> str:
    return MEANINGS.get(status, "failed_there" if status >= 500 else "service_error")


def text_of(answer: Refusal) -> str:
    """What the body says in its usual places, in lower case; empty where it says nothing."""
    try:
        return " | ".join(_texts(answer.json()))[:MOST_TEXT].lower()
    except Exception:  # any body may come with a refusal
        return ""


def by_words(text: str, table: Mapping[str, str]) -> str | None:
    """The code of the first entry of `table` whose words are all in the text, in any order."""
    return next(
        (code for words, code in table.items() if all(part in text for part in words.split())),
        None,
    )


def _texts(told: Any) -> Iterator[str]:
    if isinstance(told, str):
        yield told
    elif isinstance(told, list):
        for entry in told[:MOST_ENTRIES]:
            yield from _texts(entry)
    elif isinstance(told, dict):
        for place in PLACES:
            yield from _texts(told.get(place))
