"""The server on another machine that this one was paired with, and calls to it.

Its certificate is known by its fingerprint and by nothing else: no authority, no name. So a machine
in between is noticed before anything is sent, and a changed address of the right machine is not.
"""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from pentimento.core.files import write_private

FILE = "remote.json"  # in the data folder; the plug-in reads it, too


@dataclass(frozen=True, slots=True)
class OtherMachine:
    """`fingerprint`: SHA-256 of the certificate (DER) in hexadecimal."""

    url: str
    token: str
    fingerprint: str


def kept(folder: Path) -> OtherMachine | None:
    """The one that this machine's clients use; None where there is none."""
    try:
        data = json.loads((folder / FILE).read_text("utf-8-sig"))
        return OtherMachine(str(data["url"]), str(data["token"]), str(data["fingerprint"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep(folder: Path, other: OtherMachine) -> None:
    write_private(folder / FILE, json.dumps(asdict(other)).encode(), lasting=True)


def forget(folder: Path) -> None:
    (folder / FILE).unlink(missing_ok=True)


def fingerprint_at(host: str, port: int, seconds: float) -> str:
    """That of whoever answers there, in hexadecimal; nothing is sent. Raises OSError."""
    with (
        socket.create_connection((host, port), timeout=seconds) as plain,
        _trusting_nobody().wrap_socket(plain) as secure,
    ):
        return hashlib.sha256(secure.getpeercert(binary_form=True) or b"").hexdigest()


def session(fingerprint: str) -> requests.Session:
    """Talks to the machine with this certificate only: another one ends the connection before a
    byte of the request has left. Without a fingerprint it is for this machine."""
    new = requests.Session()
    new.trust_env = False  # a proxy has no business with it
    if fingerprint:
        new.mount("https://", _Pinned(fingerprint))
        new.verify = False  # by no authority: by the fingerprint
    return new


class _Pinned(HTTPAdapter):
    def __init__(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options, assert_fingerprint=self._fingerprint)


def _trusting_nobody() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # its fingerprint is what is asked for
    return context
