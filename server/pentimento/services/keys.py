"""The keys of services: from the environment, the system's keyring, or a file only its owner can
read.

A key belongs to the address it was entered for. It is never told again, logged, or part of an
error.
"""

from __future__ import annotations

import json
import os
import re
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from pentimento.core.errors import BadInput, field_error
from pentimento.core.files import write_private

Source = Literal["environment", "keyring", "file", "none"]

LONGEST = 1024
USABLE = re.compile(rf"[\x21-\x7e]{{1,{LONGEST}}}")
KEYRING_NAME = "pentimento"


class Keys:
    """`place` names whose key it is: the service's id and the origin of its address."""

    def __init__(self, data_dir: Path) -> None:
        self._file = data_dir / "keys.json"

    def get(self, service_id: str, place: str) -> tuple[str | None, Source]:
        """The key and where it was found."""
        if key := os.environ.get(variable(service_id)):
            return key, "environment"
        if key := _from_keyring(_name(service_id, place)):
            return key, "keyring"
        if key := self._read().get(_name(service_id, place)):
            return key, "file"
        return None, "none"

    def put(self, service_id: str, place: str, key: str) -> Source:
        """Keeps a key; answers where. Raises BadInput for what cannot be one."""
        if not USABLE.fullmatch(key):
            raise _unusable()
        self.remove(service_id, place)
        if _into_keyring(_name(service_id, place), key):
            return "keyring"
        self._write(self._read() | {_name(service_id, place): key})
        return "file"

    def remove(self, service_id: str, place: str) -> None:
        """From keyring and file; what the environment says stays."""
        name = _name(service_id, place)
        _out_of_keyring(name)
        kept = self._read()
        if kept.pop(name, None):
            self._write(kept)

    def _read(self) -> dict[str, str]:
        try:
            kept = json.loads(self._file.read_text("utf-8-sig"))
        except (OSError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}

    def _write(self, kept: dict[str, str]) -> None:
        write_private(self._file, json.dumps(kept).encode())


def variable(service_id: str) -> str:
    """The environment variable that holds a service's key."""
    return f"PENTIMENTO_KEY_{service_id.upper().replace('-', '_')}"


def _name(service_id: str, place: str) -> str:
    return f"{service_id} at {place}"


def _keyring() -> Any | None:
    """The module, where it is installed and has a place of this system to keep secrets in."""
    try:
        module = import_module("keyring")
        usable = module.get_keyring().priority >= 1
    except Exception:  # what a broken keyring raises is not known beforehand
        return None
    return module if usable else None


def _from_keyring(name: str) -> str | None:
    keyring = _keyring()
    try:
        found = keyring and keyring.get_password(KEYRING_NAME, name)
    except Exception:  # locked, or its service has gone: as if there were none
        return None
    return str(found) if found else None


def _into_keyring(name: str, key: str) -> bool:
    keyring = _keyring()
    if keyring is None:
        return False
    try:
        keyring.set_password(KEYRING_NAME, name, key)
    except Exception:  # the file is the other place
        return False
    return True


def _out_of_keyring(name: str) -> None:
    keyring = _keyring()
    if keyring is None or _from_keyring(name) is None:
        return
    try:
        keyring.delete_password(KEYRING_NAME, name)
    except Exception as error:
        raise BadInput(
            "key_not_removed",
            "The system's keyring does not let the key be deleted.",
            "Unlock the keyring and try again, or delete the entry “pentimento” in it.",
            status=409,
        ) from error


def _unusable() -> BadInput:
    return BadInput(
        "bad_request",
        "This cannot be a key: it has spaces or other characters that no key has, or is too long.",
        "Copy the key again, without what stands around it.",
        details=field_error("key", "is not a key"),
    )
