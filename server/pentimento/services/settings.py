"""What the user decided about each service: address, model, limits, and whether it may be used.

Kept in `<data-dir>/backends.json`, readable by its owner only, and read anew each time, so that the
command line and the server see the same.
"""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pentimento.core.errors import BadInput, field_error
from pentimento.core.files import write_private
from pentimento.core.net import is_local, origin
from pentimento.schema.job import REMOTE_MODEL
from pentimento.services.records import Caps, Operation, Service


class Consent(BaseModel):
    """`place` is the origin that was agreed to; another one needs another consent."""

    model_config = ConfigDict(extra="ignore", defer_build=True)

    place: str
    at: str


class Observed(BaseModel):
    """What the server at `place` told when it was tried: the model it would paint with, and whether
    it takes maps."""

    model_config = ConfigDict(extra="ignore", defer_build=True)

    place: str
    model: Annotated[str, Field(max_length=500)] = ""
    maps: bool = True


class Chosen(BaseModel):
    """One service's settings. None: as its record says."""

    model_config = ConfigDict(extra="ignore", defer_build=True)

    base_url: Annotated[str, Field(max_length=500)] | None = None
    model: Annotated[str, Field(pattern=REMOTE_MODEL)] | None = None
    models: dict[Operation, Annotated[str, Field(pattern=REMOTE_MODEL)]] = {}
    caps: Caps | None = None
    price: Annotated[float, Field(ge=0, le=1000)] | None = None  # US dollars a picture
    native_size: Annotated[int, Field(ge=64, le=4096)] | None = None
    picture_quality: Annotated[str, Field(max_length=20)] | None = None
    at_once: Annotated[int, Field(ge=1, le=16)] | None = None  # jobs
    extras: bool = False
    consent: Consent | None = None
    seen: Observed | None = None


class ServiceChange(BaseModel):
    """What can be changed from outside; what is left out stays."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, defer_build=True)

    base_url: Annotated[str, Field(max_length=500)] | None = None
    model: Annotated[str, Field(pattern=REMOTE_MODEL)] | None = None
    models: dict[Operation, Annotated[str, Field(pattern=REMOTE_MODEL)]] = {}
    caps: Caps | None = None
    price: Annotated[float, Field(ge=0, le=1000)] | None = None
    native_size: Annotated[int, Field(ge=64, le=4096)] | None = None
    picture_quality: Annotated[str, Field(max_length=20)] | None = None
    at_once: Annotated[int, Field(ge=1, le=16)] | None = None
    extras: bool | None = None


class ServiceSettings:
    def __init__(self, data_dir: Path) -> None:
        self._file = data_dir / "backends.json"
        self._lock = threading.Lock()

    def of(self, service: Service) -> Chosen:
        """Raises BadInput where the file cannot be understood: guessing could cost money."""
        try:
            return Chosen.model_validate(self._read().get(service.id, {}))
        except ValidationError:
            raise damaged(self._file) from None

    def change(self, service: Service, change: ServiceChange) -> Chosen:
        """Raises BadInput for an address that the service may not have, or a quality that it does
        not know."""
        new = change.model_dump(exclude_unset=True)
        if (asked := new.get("picture_quality")) and asked not in service.qualities:
            known = ", ".join(service.qualities) or "none"
            raise BadInput(
                "bad_request",
                f"{service.title} has no quality “{asked}”.",
                f"It has {known}.",
                details=field_error("picture_quality", "is not one of the service's"),
            )
        if new.get("base_url"):
            new["base_url"] = check_address(service, new["base_url"])
        if new.get("extras", False) is None:
            new["extras"] = False
        return self._update(service, new)

    def agree(self, service: Service, agreed: bool) -> Chosen:
        """Notes that what the service's record tells was read and agreed to, or takes it back."""
        consent = None
        if agreed:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            consent = {"place": place(service, self.of(service)), "at": now}
        return self._update(service, {"consent": consent})

    def note(self, service: Service, model: str, maps: bool) -> None:
        """Keeps what a server told of itself."""
        told = {"place": place(service, self.of(service)), "model": model, "maps": maps}
        self._update(service, {"seen": told})

    def _update(self, service: Service, new: dict[str, Any]) -> Chosen:
        with self._lock:
            kept = self._read()
            updated = kept.get(service.id, {}) | new
            found = Chosen.model_validate(updated)
            kept[service.id] = found.model_dump(mode="json", exclude_none=True)
            write_private(self._file, json.dumps(kept, indent=2).encode())
        return found

    def _read(self) -> dict[str, Any]:
        try:
            kept = json.loads(self._file.read_text("utf-8-sig"))
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError):
            raise damaged(self._file) from None
        if not isinstance(kept, dict):
            raise damaged(self._file)
        return kept


def damaged(file: Path) -> BadInput:
    return BadInput(
        "bad_settings",
        f"What is kept of services in {file} cannot be read.",
        "Mend the file, or delete it and enter the settings again.",
        status=409,
    )


def base_url(service: Service, chosen: Chosen) -> str:
    return chosen.base_url or service.base_url


def place(service: Service, chosen: Chosen) -> str:
    """The origin of the service's address: whom a key and a consent are for."""
    scheme, host, port = origin(base_url(service, chosen))
    return f"{scheme}://{host}:{port}"


def consented(service: Service, chosen: Chosen) -> bool:
    return chosen.consent is not None and chosen.consent.place == place(service, chosen)


def check_address(service: Service, url: str) -> str:
    """The address without a trailing slash. Raises BadInput where the service's address is fixed,
    and for anything but https, or http in this machine and the local network."""
    if not service.own_address and url.rstrip("/") != service.base_url:
        raise _bad_address(f"The address of {service.title} is fixed.")
    scheme, host, _ = origin(url)
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _bad_address("This is no address.") from None
    if scheme not in ("http", "https") or not host or parts.username or parts.query:
        raise _bad_address("This is no address of a server.")
    if scheme == "http" and not is_local(host):
        raise _bad_address("Beyond your own network only addresses with https:// are safe.")
    return url.rstrip("/")


def _bad_address(message: str) -> BadInput:
    return BadInput(
        "bad_request",
        message,
        "For example https://images.example.com/v1 or http://127.0.0.1:7860.",
        details=field_error("base_url", message),
    )
