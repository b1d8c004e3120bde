"""A server on another machine: reached by TLS, known by the fingerprint of its own certificate and
by nothing else, and paired with by a code that a person carries over. docs/protocol.md has the
exchange. Knows nothing of GIMP."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import re
import secrets
from typing import Any, Dict, Optional, Tuple
from urllib.parse import urlsplit

from errors import PluginError, ServerUnreachable
from i18n import _

FILE = "remote.json"  # in the data folder, written by `pentimento pair`
PORT = 7843
SECONDS = 10
CODE = re.compile("[A-HJ-NP-Z2-9]{16}")


class WrongCertificate(OSError):
    """Somebody else answers at the address."""


class Connection(http.client.HTTPConnection):
    """To the machine with this fingerprint (SHA-256 of its certificate in hexadecimal) alone: it
    ends before anything is sent where another one answers. Without a fingerprint it takes any, and
    `fingerprint` is then the one that was met."""

    def __init__(self, host: str, port: Optional[int], fingerprint: str, timeout: float) -> None:
        super().__init__(host, port or 443, timeout=timeout)
        self.fingerprint = fingerprint.lower()

    def connect(self) -> None:
        import ssl  # needed for other machines only

        super().connect()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # by no authority: by the fingerprint
        self.sock = context.wrap_socket(self.sock)
        met = hashlib.sha256(self.sock.getpeercert(binary_form=True) or b"").hexdigest()
        self.fingerprint = self.fingerprint or met
        if not hmac.compare_digest(met, self.fingerprint):
            self.close()
            raise WrongCertificate(
                _("another machine than the one that this one was paired with answers there")
            )


def kept(folder: str) -> Tuple[str, str, str]:
    """Address, token and fingerprint of the server that this machine was paired with; empty where
    there is none."""
    try:
        with open(os.path.join(folder, FILE), encoding="utf-8-sig") as file:
            data = json.load(file)
        return str(data["url"]), str(data["token"]), str(data["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", "", ""


def forget(folder: str) -> None:
    """What `pentimento pair --forget` does. Raises PluginError."""
    try:
        os.unlink(os.path.join(folder, FILE))
    except FileNotFoundError:
        pass
    except OSError as error:
        raise PluginError(
            _("{path} can't be deleted: {reason}").format(
                path=os.path.join(folder, FILE), reason=error.strerror
            ),
            _("Delete it by hand, or check the rights of its folder."),
            "not_forgotten",
        ) from error


def plain_code(typed: str) -> str:
    """The signs of a code as it was typed; empty for what is none."""
    signs = re.sub(r"[\s\-\u2010-\u2015\u2212\uff0d]", "", typed).upper()
    return signs if CODE.fullmatch(signs) else ""


def pair(address: str, code: str) -> Tuple[str, str, str]:
    """Address, token and fingerprint of the server that shows this (plain) code. Raises PluginError
    where none answers, or one that does not know it."""
    host, port = _place(address)
    nonce = secrets.token_urlsafe(24)
    connection = Connection(host, port, "", SECONDS)
    try:
        connection.connect()
        fingerprint = connection.fingerprint
        body = json.dumps({"nonce": nonce, "proof": _proof(code, "client", fingerprint, nonce)})
        connection.request("POST", "/v1/pair", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        told = _object(answer.read(2**16))
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(host, port, error) from error
    finally:
        connection.close()
    token = str(told.get("token"))
    right = _proof(code, "server", fingerprint, nonce, token)
    if answer.status != 200 or not hmac.compare_digest(
        str(told.get("proof")).encode(), right.encode()
    ):
        raise _refused(str((told.get("error") or {}).get("code")))
    shown = f"[{host}]" if ":" in host else host
    return f"https://{shown}:{port}", token, fingerprint


def _place(address: str) -> Tuple[str, int]:
    text = address.strip()
    try:
        parts = urlsplit(text if "://" in text else "https://" + text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme != "https":
        raise PluginError(
            _("{url} is not an address of another computer.").format(url=text or "“”"),
            _("Type it as the other computer shows it, such as 192.168.1.20:7843."),
            "bad_url",
        )
    return host, port or PORT


def _proof(code: str, role: str, fingerprint: str, *words: str) -> str:
    text = "\n".join(("pentimento pair", role, fingerprint, *words))
    return hmac.new(code.encode(), text.encode(), hashlib.sha256).hexdigest()


def _object(data: bytes) -> Dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}


def _unreachable(host: str, port: int, error: Exception) -> ServerUnreachable:
    reason = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
    return ServerUnreachable(
        _("No Pentimento server answers at {host}, port {port}: {reason}").format(
            host=host, port=port, reason=reason
        ),
        _(
            "Run “pentimento pair” on the other computer, and look whether its firewall lets this "
            "port through."
        ),
        "unreachable",
    )


def _refused(code: str) -> PluginError:
    if code == "no_code":
        return PluginError(
            _("The other computer waits for nobody: its code was used, or ten minutes are over."),
            _("Run “pentimento pair” there again, and type the new code."),
            code,
        )
    return PluginError(
        _("The code is not the one that the other computer shows."),
        _("Type it again; after five tries it takes a new one."),
        "wrong_code",
    )
