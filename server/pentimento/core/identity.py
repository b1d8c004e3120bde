"""How a server shows that it knows the token before a client sends it.

A client asks `GET /v1/health?nonce=N` with a word of its own making; the answer's `proof` is an
HMAC of it that only who has the token can make. The port is part of it, so that no other program
can have the real server answer in its place.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

NONCE = re.compile(r"[A-Za-z0-9_-]{16,128}")


def new_nonce() -> str:
    return secrets.token_urlsafe(24)


def proof(token: str, port: int, nonce: str) -> str:
    """Hexadecimal HMAC-SHA256 with the token as its key."""
    text = f"pentimento health\n{port}\n{nonce}"
    return hmac.new(token.encode(), text.encode(), hashlib.sha256).hexdigest()


def is_proof(answer: object, token: str, port: int, nonce: str) -> bool:
    return isinstance(answer, str) and hmac.compare_digest(
        answer.encode("utf-8", "replace"), proof(token, port, nonce).encode()
    )
