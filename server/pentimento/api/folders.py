"""GET and PUT /v1/models/folders: the folders of other programs that are listed too."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pentimento.api import services
from pentimento.api.bodies import read_json
from pentimento.errors import BadInput
from pentimento.jobs.record import Strict
from pentimento.models import folders
from pentimento.models.folders import AUTO, MOST_FOLDERS, Added, Folders

LONGEST_PATH = 4096


class Folder(Strict):
    path: Annotated[str, Field(min_length=1, max_length=LONGEST_PATH, pattern=r"^[^\x00]+$")]
    kind: Annotated[str, Field(max_length=32)] = AUTO


class FolderList(Strict):
    folders: Annotated[list[Folder], Field(max_length=MOST_FOLDERS)]


async def listing(request: Request) -> Response:
    known = services.of(request).registry.inventory.folders
    return JSONResponse(await asyncio.to_thread(_told, known))


async def replace(request: Request) -> Response:
    server = services.of(request)
    wanted = await read_json(request, FolderList, server.settings.limits)
    return JSONResponse(
        await asyncio.to_thread(_replaced, server.registry.inventory.folders, wanted)
    )


def _replaced(known: Folders, wanted: FolderList) -> dict[str, Any]:
    added: dict[Path, Added] = {}
    for folder in wanted.folders:
        path = Path(folder.path)
        if not path.is_absolute():
            raise BadInput("bad_request", f"{path} is no full path.", "Give the full path.")
        found = folders.checked(path, folder.kind)
        added[found.path] = found
    known.keep(list(added.values()))
    return _told(known)


def _told(known: Folders) -> dict[str, Any]:
    return {
        "folders": [
            {
                "path": str(folder.path),
                "kind": folder.kind,
                "there": folder.path.is_dir(),
                "found": sum(1 for _ in folders.places(folder)),
            }
            for folder in known.list()
        ]
    }
