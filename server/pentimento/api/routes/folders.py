"""GET and PUT /v1/models/folders: the folders of other programs that are listed too."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import Field
from starlette.requests import Request

from pentimento.api import services
from pentimento.api.bodies import read_json
from pentimento.api.jsontext import Answer
from pentimento.core import plain_files
from pentimento.core.errors import BadInput
from pentimento.models.library import folders
from pentimento.models.library.folders import AUTO, MOST_FOLDERS, Folders
from pentimento.models.library.places import Added
from pentimento.schema.answers import FolderEntries, FolderEntry
from pentimento.schema.job import Strict

LONGEST_PATH = 4096


class Folder(Strict):
    path: Annotated[str, Field(min_length=1, max_length=LONGEST_PATH, pattern=r"^[^\x00]+$")]
    kind: Annotated[str, Field(max_length=32)] = AUTO


class FolderList(Strict):
    folders: Annotated[list[Folder], Field(max_length=MOST_FOLDERS)]


async def listing(request: Request) -> Answer[FolderEntries]:
    known = services.of(request).registry.inventory.folders
    return Answer(await asyncio.to_thread(lambda: _told(known, known.list())))


async def replace(request: Request) -> Answer[FolderEntries]:
    server = services.of(request)
    wanted = await read_json(request, FolderList, server.settings.limits)
    return Answer(await asyncio.to_thread(_replaced, server.registry.inventory.folders, wanted))


def _replaced(known: Folders, wanted: FolderList) -> FolderEntries:
    added: dict[Path, Added] = {}
    for folder in wanted.folders:
        path = Path(folder.path)
        if not path.is_absolute():
            raise BadInput("bad_request", f"{path} is no full path.", "Give the full path.")
        found = folders.checked(path, folder.kind)
        added[found.path] = found
    told = _told(known, added.values())  # before it is kept: what cannot be listed must not stay
    known.keep(list(added.values()))
    return told


def _told(known: Folders, listed: Iterable[Added]) -> FolderEntries:
    entries = [
        FolderEntry(
            path=str(folder.path),
            kind=folder.kind,
            there=plain_files.is_folder(folder.path),
            found=known.count(folder),
        )
        for folder in listed
    ]
    return FolderEntries(folders=entries)
