"""How a client on another machine gets to know a server by a short code that a person carries over.

Both sides show that they know the code by an HMAC that also holds the fingerprint of the
certificate: who sits between them has another certificate, and so neither side takes their word for
the other's. The code itself never travels. docs/protocol.md has the exchange.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # without I, O, 0 and 1, which look alike
PORT = 7843  # where servers wait for other machines, unless they are told another one
GROUPS, GROUP = 4, 4  # 16 signs of 5 bits: 80 bits
CODE = re.compile(rf"[{ALPHABET}]{{{GROUPS * GROUP}}}")


def new_code() -> str:
    """As it is shown: four groups of four signs."""
    signs = [secrets.choice(ALPHABET) for _ in range(GROUPS * GROUP)]
    return "-".join("".join(signs[n : n + GROUP]) for n in range(0, len(signs), GROUP))


def plain(typed: str) -> str | None:
    """The signs of a code as somebody typed it, with or without lines between the groups; None for
    what is no code."""
    signs = re.sub(r"[\s\-‐-―−－]", "", typed).upper()
    return signs if CODE.fullmatch(signs) else None


def proof(code: str, role: str, fingerprint: str, *words: str) -> str:
    """Hexadecimal HMAC-SHA256 with the plain code as its key. `role` is who shows it, `fingerprint`
    the certificate's as hexadecimal SHA-256, `words` what else is vouched for."""
    text = "\n".join(("pentimento pair", role, fingerprint.lower(), *words))
    return hmac.new(code.encode(), text.encode(), hashlib.sha256).hexdigest()


def is_proof(shown: object, code: str, role: str, fingerprint: str, *words: str) -> bool:
    right = proof(code, role, fingerprint, *words)
    return isinstance(shown, str) and hmac.compare_digest(
        shown.encode("utf-8", "replace"), right.encode()
    )
