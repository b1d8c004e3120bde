"""Pictures that clients send: named by their content, checked before they are accepted.

Files are judged by their header before a single pixel is decoded, so a small file that would unpack
to gigabytes is refused while it is still small.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
import uuid
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from pathlib import Path

from pentimento.backends.base import PixelFile
from pentimento.errors import BadInput, NotFound, TooLarge, Unsupported
from pentimento.jobs import space
from pentimento.jobs.record import BLOB_ID, PixelFormat
from pentimento.jobs.store import Blob, Store

RAW_TYPE = "application/x-pixels"
FILE_TYPES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
WRITE_BYTES = 2**20  # gathered before they go to the disk in one piece
STALE_PART_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class BlobType:
    """What a Content-Type announces. Raw pixels have `format` and sides, files a `kind`."""

    kind: str
    format: PixelFormat | None = None
    width: int = 0
    height: int = 0

    @property
    def raw_bytes(self) -> int:
        return self.width * self.height * self.format.bytes_per_pixel if self.format else 0

    @property
    def hash_prefix(self) -> bytes:
        return f"{self.format.value};{self.width};{self.height};".encode() if self.format else b""


@dataclass(frozen=True, slots=True)
class BlobLimits:
    """Bytes, px and seconds."""

    pixels: int
    side: int
    age: float
    total: int
    reserve: int


def parse_type(header: str) -> BlobType:
    """Raises Unsupported for types that are not taken, BadInput for incomplete ones."""
    name, *parts = (part.strip() for part in header.split(";"))
    if name.lower() in FILE_TYPES and not parts:
        return BlobType(FILE_TYPES[name.lower()])
    if name.lower() != RAW_TYPE:
        raise Unsupported(
            "unsupported_media_type",
            "Pictures of this type are not taken.",
            f"Send {', '.join(FILE_TYPES)} or {RAW_TYPE}; format=...; width=...; height=...",
        )
    return _raw_type(dict(part.lower().partition("=")[::2] for part in parts))


def _raw_type(values: dict[str, str]) -> BlobType:
    formats = [format.value for format in PixelFormat]
    if values.get("format") not in formats:
        raise _bad_field("format", f"must be one of {', '.join(formats)}")
    for side in ("width", "height"):
        if not re.fullmatch(r"[1-9][0-9]{0,6}", values.get(side, "")):
            raise _bad_field(side, "must be a number of px, at least 1")
    width, height = int(values["width"]), int(values["height"])
    return BlobType("raw", PixelFormat(values["format"]), width, height)


def _bad_field(field: str, message: str) -> BadInput:
    return BadInput(
        "bad_request",
        f"The Content-Type of raw pixels does not fit: {field} {message}.",
        f"Send {RAW_TYPE}; format=rgba-u8; width=W; height=H.",
        details={"fields": [{"field": field, "message": message}]},
    )


class Blobs:
    """The blobs folder. File names are checked ids, never a client's words."""

    def __init__(self, folder: Path, store: Store, limits: BlobLimits) -> None:
        self._folder = folder
        self._store = store
        self._limits = limits
        self._decoding = asyncio.Semaphore(1)  # a decoded picture is large; one at a time

    async def receive(
        self, kind: BlobType, announced: int | None, body: AsyncIterator[bytes]
    ) -> tuple[Blob, bool]:
        """Takes a picture in; the blob and whether it is new."""
        self._check_size(kind.width, kind.height)
        if kind.format and announced is not None and announced != kind.raw_bytes:
            raise _wrong_length(kind, announced)
        await asyncio.to_thread(self._make_room, kind.raw_bytes or announced or 0)
        part = self._folder / f"{uuid.uuid4().hex}.part"
        try:
            size, digest = await _write(part, kind, body)
            width, height = await self._measure(part, kind)
            await asyncio.to_thread(part.replace, self._path(digest))
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)
        blob = Blob(digest, width, height, kind.format, kind.kind, size, self._expiry())
        return blob, await self._store.save_blob(blob)

    async def get(self, blob_id: str) -> Blob:
        """The blob, whose life is renewed; NotFound when it was never sent or has expired."""
        blob = await self._store.blob(blob_id) if re.fullmatch(BLOB_ID, blob_id) else None
        if blob is None or not await asyncio.to_thread(self._path(blob.id).is_file):
            raise NotFound(
                "blob_not_found",
                "The server does not have this picture (any more).",
                "Send it with PUT /v1/blobs first.",
                details={"blob": blob_id[:64]},
            )
        renewed = Blob(
            *(blob.id, blob.width, blob.height, blob.format, blob.kind, blob.bytes),
            expires_at=self._expiry(),
        )
        await self._store.save_blob(renewed)
        return renewed

    def file(self, blob: Blob) -> PixelFile:
        return PixelFile(self._path(blob.id), blob.width, blob.height, blob.format)

    async def sweep(self, in_use: Collection[str]) -> None:
        """Deletes what expired, the oldest beyond the size limit, and leftovers."""
        blobs = await self._store.blobs()
        total = sum(blob.bytes for blob in blobs)
        now = time.time()
        for blob in blobs:
            if blob.id in in_use or (blob.expires_at > now and total <= self._limits.total):
                continue
            await self._store.drop_blob(blob.id)
            await asyncio.to_thread(self._path(blob.id).unlink, missing_ok=True)
            total -= blob.bytes
        known = {blob.id for blob in await self._store.blobs()}
        await asyncio.to_thread(self._remove_strays, known)

    async def used_bytes(self) -> int:
        return sum(blob.bytes for blob in await self._store.blobs())

    def _path(self, blob_id: str) -> Path:
        return self._folder / blob_id

    def _expiry(self) -> float:
        return time.time() + self._limits.age

    def _make_room(self, size: int) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        space.require(self._folder, size, self._limits.reserve)

    def _check_size(self, width: int, height: int) -> None:
        most = self._limits.pixels
        if width * height > most or max(width, height) > self._limits.side:
            raise TooLarge(
                "too_many_pixels",
                f"{width} × {height} px are more than the server takes.",
                f"At most {most / 1e6:.4g} megapixels and {self._limits.side} px a side.",
            )

    async def _measure(self, part: Path, kind: BlobType) -> tuple[int, int]:
        """Width and height; an encoded file is decoded once to see that it is whole."""
        if kind.format:
            return kind.width, kind.height
        async with self._decoding:
            return await asyncio.to_thread(self._decode, part, kind)

    def _decode(self, part: Path, kind: BlobType) -> tuple[int, int]:
        from pentimento.imaging import decode  # Pillow and numpy: not before the first picture

        data = part.read_bytes()
        header = decode.header(data)
        if header.kind != kind.kind:
            raise decode.damaged(f"it was announced as {kind.kind} but is {header.kind}")
        self._check_size(header.size.width, header.size.height)
        decode.decode(data, header.size)
        return header.size.width, header.size.height

    def _remove_strays(self, known: Collection[str]) -> None:
        """Files of no blob: parts of broken uploads. Young ones may be just arriving."""
        if not self._folder.is_dir():
            return
        oldest = time.time() - STALE_PART_SECONDS
        for file in self._folder.iterdir():
            if file.name not in known and file.stat().st_mtime < oldest:
                file.unlink(missing_ok=True)


async def _write(part: Path, kind: BlobType, body: AsyncIterator[bytes]) -> tuple[int, str]:
    """Bytes written and the SHA-256 that names them."""
    digest = hashlib.sha256(kind.hash_prefix)
    size = 0
    with part.open("wb") as stream:
        async for block in _blocks(body):
            size += len(block)
            if kind.format and size > kind.raw_bytes:
                raise _wrong_length(kind, size)
            digest.update(block)
            await asyncio.to_thread(stream.write, block)
    if kind.format and size != kind.raw_bytes:
        raise _wrong_length(kind, size)
    return size, digest.hexdigest()


async def _blocks(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    gathered = bytearray()
    async for part in body:
        gathered += part
        if len(gathered) >= WRITE_BYTES:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)


def _wrong_length(kind: BlobType, size: int) -> BadInput:
    return BadInput(
        "size_mismatch",
        f"{kind.width} × {kind.height} px of {kind.format} are {kind.raw_bytes} bytes, not {size}.",
        "Rows follow each other without padding.",
    )
