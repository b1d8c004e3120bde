"""Where things lie on disk: the data folder and the files in it that other programs read."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ServerFile:
    """What a running server wrote about itself into `server.json`."""

    url: str
    token: str
    pid: int
    version: str


def data_dir(chosen: Path | None = None) -> Path:
    """The data folder: as chosen, else PENTIMENTO_DATA, else the platform's per-user one."""
    if chosen is not None:
        return chosen.expanduser().absolute()
    from_environment = os.environ.get("PENTIMENTO_DATA")
    if from_environment:
        return Path(from_environment).expanduser().absolute()
    from platformdirs import user_data_dir

    return Path(user_data_dir("pentimento", appauthor=False))


def server_file(folder: Path) -> ServerFile | None:
    """The address of the server that last ran with this data folder; None when none is known."""
    try:
        data = json.loads((folder / "server.json").read_text("utf-8"))
        return ServerFile(
            str(data["url"]), str(data["token"]), int(data["pid"]), str(data["version"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_private(path: Path, data: bytes) -> None:
    """A file only its owner can read, from its first byte on; replaces what was there."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
    os.replace(part, path)
