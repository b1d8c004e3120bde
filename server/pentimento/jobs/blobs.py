"""Pictures that clients send: named by their content, checked before they are accepted.

Files are judged by their header before a single pixel is decoded, so a small file that would unpack
to gigabytes is refused while it is still small.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pentimento.core import files
from pentimento.core.data_folder import is_file, is_folder
from pentimento.core.errors import BadInput, NotFound, PentimentoError, Unsupported, field_error
from pentimento.core.geometry import Size
from pentimento.imaging.sizing import refuse_huge
from pentimento.jobs.store import Blob, Store
from pentimento.schema.job import BLOB_ID, PixelFormat
from pentimento.schema.task import PixelFile

Buffer = bytes | memoryview  # valid until the part after the next is asked for
RAW_TYPE = "application/x-pixels"
FILE_TYPES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
WRITE_BYTES = 2**20  # gathered before they go to the disk in one piece
STALE_PART_SECONDS = 3600
PART = re.compile(r"[0-9a-f]{32}\.part")


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


class Received(NamedTuple):
    """A picture that was taken in. `notices` are sentences about what of it is not used."""

    blob: Blob
    new: bool
    notices: tuple[str, ...] = ()


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
        details=field_error(field, message),
    )


class Blobs:
    """The blobs folder. File names are checked ids, never a client's words."""

    def __init__(self, folder: Path, store: Store, limits: BlobLimits) -> None:
        self._folder = folder
        self._store = store
        self._limits = limits
        self._decoding = asyncio.Semaphore(1)  # a decoded picture is large; one at a time
        self._making_room = asyncio.Lock()
        self._arriving: dict[Path, int] = {}  # bytes that are set aside for uploads
        self.in_use: Callable[[], Collection[str]] = lambda: ()  # blobs of jobs not finished yet

    async def receive(
        self, kind: BlobType, announced: int | None, body: AsyncIterator[Buffer]
    ) -> Received:
        """Takes a picture in."""
        if kind.format:
            self._refuse_huge(kind)
        if kind.format and announced is not None and announced != kind.raw_bytes:
            raise _wrong_length(kind, announced)
        part = self._new_part()
        try:
            await self._set_aside(part, kind.raw_bytes or announced or 0)
            size, digest = await _write(part, kind, body, self._set_aside)
            return await self._keep(part, kind, size, digest)
        finally:
            await self.drop_part(part)

    async def make_room(self, kind: BlobType) -> Path:
        """Where a file for raw pixels may be made, which `take_in` or `drop_part` end; room is set
        aside for it."""
        self._refuse_huge(kind)
        part = self._new_part()
        await self._set_aside(part, kind.raw_bytes)
        return part

    async def take_in(self, part: Path, kind: BlobType, stream: BinaryIO) -> Received:
        """A file that was filled by somebody else; `stream` is the file itself, which has to lie at
        `part` still."""
        try:
            size, digest = await asyncio.to_thread(_read_again, part, kind, stream)
            return await self._keep(part, kind, size, digest)
        finally:
            await self.drop_part(part)

    async def drop_part(self, part: Path) -> None:
        self._arriving.pop(part, None)
        await asyncio.to_thread(part.unlink, missing_ok=True)

    def _new_part(self) -> Path:
        return self._folder / f"{uuid.uuid4().hex}.part"

    async def _keep(self, part: Path, kind: BlobType, size: int, digest: str) -> Received:
        (width, height), notices = await self._measure(part, kind)
        await asyncio.to_thread(part.replace, self._path(digest))
        blob = Blob(digest, width, height, kind.format, kind.kind, size, self._expiry())
        return Received(blob, await self._store.save_blob(blob), notices)

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
        await asyncio.to_thread(self._touch, blob.id)
        return renewed

    def file(self, blob: Blob) -> PixelFile:
        return PixelFile(self._path(blob.id), blob.width, blob.height, blob.format)

    async def sweep(self, in_use: Collection[str]) -> None:
        """Deletes what expired, the oldest beyond the size limit, and leftovers."""
        blobs = await self._store.blobs()
        total = sum(blob.bytes for blob in blobs)
        now = self._store.clock.now()
        for blob in blobs:
            if blob.id in in_use or (blob.expires_at > now and total <= self._limits.total):
                continue
            await self._drop(blob)
            total -= blob.bytes
        if not self._store.is_new:
            known = {blob.id for blob in await self._store.blobs()}
            await asyncio.to_thread(self._remove_strays, known, now)

    def newest(self) -> float:
        """When the youngest was sent or asked for, in seconds since 1970; 0 without any."""
        dates = [0.0]
        for file in self._folder.iterdir() if is_folder(self._folder) else ():
            if re.fullmatch(BLOB_ID, file.name):
                with suppress(OSError):
                    dates.append(file.lstat().st_mtime)
        return max(dates)

    def remove_parts(self) -> None:
        """Of uploads to an earlier server. Only before any arrives."""
        self._remove_files(lambda file: bool(PART.fullmatch(file.name)))

    async def used_bytes(self) -> int:
        return await self._store.blob_bytes()

    def _path(self, blob_id: str) -> Path:
        return self._folder / blob_id

    def _expiry(self) -> float:
        return self._store.clock.now() + self._limits.age

    async def _set_aside(self, part: Path, size: int) -> None:
        """Room for an upload that has `size` bytes at least: on the disk, and within the limit of
        all together, for which the oldest go that no job needs."""
        if size <= self._arriving.get(part, -1):
            return
        await asyncio.to_thread(self._require_space, size)
        async with self._making_room:
            self._arriving[part] = size
            over = await self.used_bytes() + sum(self._arriving.values()) - self._limits.total
            if over <= 0:
                return
            needed = self.in_use()
            for blob in await self._store.blobs():
                if blob.id not in needed:
                    await self._drop(blob)
                    over -= blob.bytes
                if over <= 0:
                    return
        raise PentimentoError(
            "store_full",
            "The server keeps no more pictures than it has now: waiting jobs need them all.",
            "Try again when a job has finished.",
            status=507,
        )

    async def forget(self, ids: Collection[str]) -> None:
        """Pictures that nobody may ask for any more."""
        for blob in await self._store.blobs():
            if blob.id in ids:
                await self._drop(blob)

    async def _drop(self, blob: Blob) -> None:
        await self._store.drop_blob(blob.id)
        path = self._path(blob.id)
        if await asyncio.to_thread(is_file, path):
            await asyncio.to_thread(path.unlink, missing_ok=True)

    def _require_space(self, size: int) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        files.require_space(self._folder, size, self._limits.reserve)

    def _touch(self, blob_id: str) -> None:
        """The file's date says when it was asked for, should the database get lost."""
        with suppress(OSError):
            os.utime(self._path(blob_id))

    def _refuse_huge(self, size: Size | BlobType) -> None:
        size = Size(size.width, size.height)
        refuse_huge(size, self._limits.pixels, self._limits.side)

    async def _measure(self, part: Path, kind: BlobType) -> tuple[tuple[int, int], tuple[str, ...]]:
        """Width and height, and notices; an encoded file is decoded once to see that it is
        whole."""
        if kind.format:
            return (kind.width, kind.height), ()
        async with self._decoding:
            return await asyncio.to_thread(self._decode, part, kind)

    def _decode(self, part: Path, kind: BlobType) -> tuple[tuple[int, int], tuple[str, ...]]:
        # Pillow and numpy: not before the first picture
        from pentimento.imaging import bands, file_header

        data = part.read_bytes()
        header = file_header.header(data)
        if header.kind != kind.kind:
            raise file_header.damaged(f"it was announced as {kind.kind} but is {header.kind}")
        self._refuse_huge(header.size)
        picture = bands.of_data(data, header.size)
        for _ in picture:  # it has to be whole
            pass
        return (header.size.width, header.size.height), picture.notices

    def _remove_strays(self, known: Collection[str], now: float) -> None:
        """Files of no blob, once they are as old as a blob may become; parts of broken uploads."""

        def is_stray(file: Path) -> bool:
            age = now - file.stat().st_mtime
            if PART.fullmatch(file.name):
                return age > STALE_PART_SECONDS
            is_blob = re.fullmatch(BLOB_ID, file.name)
            return bool(is_blob) and file.name not in known and age > self._limits.age

        self._remove_files(is_stray)

    def _remove_files(self, chosen: Callable[[Path], bool]) -> None:
        """Only files with names of ours; what else lies there is somebody's."""
        if not is_folder(self._folder):
            return
        for file in self._folder.iterdir():
            with suppress(OSError):
                if is_file(file) and chosen(file):
                    file.unlink(missing_ok=True)


async def _write(
    part: Path,
    kind: BlobType,
    body: AsyncIterator[Buffer],
    set_aside: Callable[[Path, int], Awaitable[None]],
) -> tuple[int, str]:
    """Bytes written and the SHA-256 that names them."""
    digest = hashlib.sha256(kind.hash_prefix)
    size = 0

    def take(block: Buffer) -> None:
        """In a thread: both let go of the interpreter, and the next block arrives meanwhile."""
        digest.update(block)
        stream.write(block)

    with part.open("wb") as stream:
        taken: asyncio.Task[None] | None = None
        try:
            async for block in _blocks(body):
                size += len(block)
                if kind.format and size > kind.raw_bytes:
                    raise _wrong_length(kind, size)
                await set_aside(part, size)
                if taken:
                    await taken
                taken = asyncio.create_task(asyncio.to_thread(take, block))
        finally:
            if taken:  # before the file is closed, whatever else went wrong
                await taken
    if kind.format and size != kind.raw_bytes:
        raise _wrong_length(kind, size)
    return size, digest.hexdigest()


def _read_again(part: Path, kind: BlobType, stream: BinaryIO) -> tuple[int, str]:
    """Bytes of a filled file and the SHA-256 that names them."""
    own, there = os.fstat(stream.fileno()), part.lstat()
    if (own.st_dev, own.st_ino) != (there.st_dev, there.st_ino):
        raise BadInput("bad_image", "The file was replaced by another one.", "Send it again.")
    if own.st_size != kind.raw_bytes:
        raise _wrong_length(kind, own.st_size)
    digest, size = hashlib.sha256(kind.hash_prefix), 0
    block = bytearray(WRITE_BYTES)
    while count := stream.readinto(block):  # type: ignore[attr-defined]
        digest.update(memoryview(block)[:count])
        size += count
    if size != kind.raw_bytes:
        raise _wrong_length(kind, size)
    return size, digest.hexdigest()


async def _blocks(body: AsyncIterator[Buffer]) -> AsyncIterator[Buffer]:
    """Small parts gathered; large ones as they are."""
    gathered: list[Buffer] = []
    size = 0
    async for part in body:
        if not gathered and len(part) >= WRITE_BYTES:
            yield part
            continue
        gathered.append(bytes(part))  # it is the sender's again soon
        size += len(part)
        if size >= WRITE_BYTES:
            yield b"".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield b"".join(gathered)


def _wrong_length(kind: BlobType, size: int) -> BadInput:
    return BadInput(
        "size_mismatch",
        f"{kind.width} × {kind.height} px of {kind.format} are {kind.raw_bytes} bytes, not {size}.",
        "Rows follow each other without padding.",
    )
