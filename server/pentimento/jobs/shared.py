"""Files that a client on this machine writes a picture into instead of sending it.

The server makes such a file itself, under a name that nobody can guess, in its own folder that only
its user may open, and keeps it open: what it reads in the end is that very file, whatever lies
under the name by then. No path ever comes out of a request.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import BinaryIO

from pentimento.core.errors import NotFound
from pentimento.jobs.blobs import Blobs, BlobType, Received

SECONDS = 120  # in which a file has to be filled
MOST = 8  # files at a time
OFFERED = os.name == "posix"  # Windows keeps a file that is open from being renamed


def is_offered(address: str | None) -> bool:
    """Whether the client at this address is on this machine, as far as the server can tell; one at
    the other end of a tunnel does not find the file."""
    try:
        return OFFERED and address is not None and ip_address(address).is_loopback
    except ValueError:
        return False


@dataclass(slots=True)
class Lent:
    """`stream` is open for reading; `until` on the monotonic clock."""

    name: str
    path: Path
    kind: BlobType
    stream: BinaryIO
    until: float


class SharedFiles:
    """Those that are lent at the moment, by their names."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._lent: dict[str, Lent] = {}

    async def lend(self, kind: BlobType) -> Lent:
        """A new empty file for raw pixels. Raises whatever a picture is refused for before it is
        sent."""
        await self._take_back()
        path = await self._blobs.make_room(kind)
        stream = await asyncio.to_thread(_made, path)
        lent = Lent(secrets.token_hex(16), path, kind, stream, time.monotonic() + SECONDS)
        self._lent[lent.name] = lent
        return lent

    async def take(self, name: str) -> Received:
        """The picture that was written into the file of that name, which is used up by this."""
        lent = self._lent.pop(name, None)
        if lent is None:
            raise NotFound(
                "blob_not_found",
                "There is no file of this name to be taken in (any more).",
                "Send the picture with PUT /v1/blobs.",
            )
        with lent.stream:
            return await self._blobs.take_in(lent.path, lent.kind, lent.stream)

    async def _take_back(self) -> None:
        """Those that were not filled in time, and the oldest of too many."""
        now = time.monotonic()
        late = [name for name, lent in self._lent.items() if lent.until < now]
        for name in late or list(self._lent)[: 1 - MOST]:
            lent = self._lent.pop(name)
            lent.stream.close()
            await self._blobs.drop_part(lent.path)


def _made(path: Path) -> BinaryIO:
    """New, and nobody else's to open. Links and files that are there already are refused."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, 0o600), "rb")
