"""One file: fetched into a `.part`, resumed from there, held against its hash, and only then given
its name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from pentimento.jobs.space import is_disk_full
from pentimento.models.pull.hub import CHUNK, Bytes, Hub, Lost
from pentimento.models.pull.plan import RemoteFile

LOOK_EVERY = 64 * 2**20  # bytes between two looks at the free space
A_GAIN = 2**20  # bytes after which a connection counts as one that worked

Room = Callable[[], None]  # raises disk_full when the disk is nearly so
Told = Callable[[int], None]  # hears how many bytes of the file are there


def fetch(
    hub: Hub, repo: str, commit: str, file: RemoteFile, target: Path, room: Room, told: Told
) -> None:
    """Leaves the whole file at `target`, or its beginning at `target.part` and raises."""
    if target.is_file():  # it was held against its hash before it got this name
        told(file.size)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with part.open("a+b", buffering=0) as stream:
        arriving = Arriving(hub, file, stream, room, told)
        arriving.catch_up()
        tries = hub.tries()
        while arriving.have < file.size:
            before = arriving.have
            try:
                with hub.file(repo, commit, file.path, arriving.have) as answer:
                    arriving.take(answer)
                if arriving.have < file.size:
                    raise Lost  # the connection ended before the file did
            except Lost as lost:
                if arriving.have - before >= A_GAIN:
                    tries.gained()
                tries.after(lost)
        os.fsync(stream.fileno())
    if not arriving.is_right:
        part.unlink()
        raise hub.problem("wrong_hash", file=file.path)
    os.replace(part, target)


class Arriving:
    """What has come of a file, and its hash so far."""

    def __init__(
        self, hub: Hub, file: RemoteFile, stream: BinaryIO | Any, room: Room, told: Told
    ) -> None:
        self.have = 0
        self._hub = hub
        self._file = file
        self._stream = stream
        self._room = room
        self._told = told
        self._digest = self._fresh()

    @property
    def is_right(self) -> bool:
        expected = self._file.sha256 or self._file.blob
        return self.have == self._file.size and self._digest.hexdigest() == expected

    def catch_up(self) -> None:
        """Reads what an earlier try has left."""
        self._stream.seek(0)
        while part := self._stream.read(CHUNK):
            self._hub.check()
            self._digest.update(part)
            self.have += len(part)
            self._told(self.have)
        if self.have > self._file.size:
            self._begin_anew()

    def take(self, answer: Bytes) -> None:
        if answer.offset != self.have:
            self._begin_anew()
        if answer.offset is None:
            raise Lost
        looked = self.have
        for part in answer:
            if self.have + len(part) > self._file.size:
                self._begin_anew()
                raise self._hub.problem("wrong_hash", file=self._file.path)
            self._write(part)
            self._told(self.have)
            if self.have - looked >= LOOK_EVERY:
                self._room()
                looked = self.have

    def _write(self, part: bytes) -> None:
        left = memoryview(part)
        try:
            while left:
                left = left[self._stream.write(left) :]
        except OSError as error:
            if is_disk_full(error):
                self._room()
            raise
        self._digest.update(part)
        self.have += len(part)

    def _begin_anew(self) -> None:
        self._stream.truncate(0)
        self.have, self._digest = 0, self._fresh()

    def _fresh(self) -> Any:
        if self._file.sha256:
            return hashlib.sha256()
        header = f"blob {self._file.size}\0".encode()
        return hashlib.sha1(header, usedforsecurity=False)
