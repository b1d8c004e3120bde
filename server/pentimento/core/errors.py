"""Every error the server raises on purpose, at one place.

PentimentoError                 code, message for people, hint with the remedy, HTTP status
├── BadInput                    400  the request cannot be understood or is out of range
│   ├── TooLarge                413  a body, a picture or a prompt over its limit
│   └── Unsupported             415  a content type or pixel format the server does not take
├── NotAllowed                  401 / 403  token, Host or Origin
├── NotFound                    404  job, blob, model, image
├── Conflict                    409  the state does not allow it (result not ready, key reused)
├── Busy                        429  the queue is full; carries retry_after seconds
├── Unavailable                 503  the engine or a model cannot be used right now
└── JobFailed                   500-class inside a job: never an HTTP answer, only a job's `error`
Cancelled                       not an error: the job was asked to stop (own tree on purpose)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class PentimentoError(Exception):
    """A failure with a sentence for people (`message`) and one with the remedy (`hint`)."""

    status = 500

    def __init__(
        self,
        code: str,
        message: str,
        hint: str = "",
        *,
        status: int | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.details = details or {}
        if status is not None:
            self.status = status

    def body(self) -> dict[str, Any]:
        """The JSON error body of docs/protocol.md, without the HTTP status."""
        return {
            "error": {
                "code": self.code,
                "message": self.message,
                "hint": self.hint,
                "details": self.details,
            }
        }


def field_error(field: str, message: str) -> dict[str, Any]:
    """`details` of an error about one field of what was sent: which, and what is wrong with it."""
    return field_errors([(field, message)])


def field_errors(found: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The same for several."""
    return {"fields": [{"field": field, "message": message} for field, message in found]}


class BadInput(PentimentoError):
    status = 400


class TooLarge(BadInput):
    status = 413


class Unsupported(BadInput):
    status = 415


class NotAllowed(PentimentoError):
    status = 401


class NotFound(PentimentoError):
    status = 404


class Conflict(PentimentoError):
    status = 409


class Busy(PentimentoError):
    status = 429

    def __init__(self, code: str, message: str, hint: str = "", *, retry_after: int = 5) -> None:
        super().__init__(code, message, hint, details={"retry_after": retry_after})
        self.retry_after = retry_after


class Unavailable(PentimentoError):
    status = 503


class JobFailed(PentimentoError):
    """A job ended in failure; `code` is one of the table in docs/protocol.md. `missing` are the
    names of weights that a file lacks, which may be many and are not sent."""

    missing: tuple[str, ...] = ()


class Cancelled(Exception):
    """The job was cancelled; raised inside a backend to unwind, never shown as a failure."""
