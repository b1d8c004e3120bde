"""Failures as OpenAI tells them, and whether its clients may send the request again.

The clients repeat 408, 409, 429 and everything from 500 by themselves. Only a full queue is worth
that: whatever else went wrong would go wrong again, or has cost its time already.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from pentimento.api.jsontext import JSONAnswer
from pentimento.core.errors import Busy, PentimentoError

TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
CODES = {"unauthorized": "invalid_api_key"}


def body(error: PentimentoError) -> dict[str, Any]:
    fields = error.details.get("fields") or [{"field": None}]
    kind = "server_error" if error.status >= 500 else "invalid_request_error"
    return {
        "message": f"{error.message} {error.hint}".strip(),
        "type": TYPES.get(error.status, kind),
        "code": CODES.get(error.code, error.code),
        "param": fields[0]["field"] or None,  # of the whole: "" is none of theirs
    }


def respond(error: PentimentoError) -> Response:
    headers = {}
    if isinstance(error, Busy):
        headers["Retry-After"] = str(error.retry_after)
    else:
        headers["x-should-retry"] = "false"
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONAnswer({"error": body(error)}, error.status, headers)
