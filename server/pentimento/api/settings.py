"""Where the server keeps its things and how much it takes. Every limit has its home here."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pentimento.engine.options import EngineOptions
from pentimento.errors import BadInput
from pentimento.jobs.plan import MAX_PIXELS
from pentimento.jobs.record import MAX_SIDE

MIB = 2**20
SETTINGS = "settings.json"


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes or px, times in seconds."""

    json_body: int = MIB
    file_body: int = 256 * MIB  # an encoded picture; raw ones are bounded by `pixels`
    face_body: int = 96 * MIB  # JSON or a form with pictures in it, for faces
    pixels: int = MAX_PIXELS
    side: int = MAX_SIDE
    queued: int = 32
    connections: int = 256
    result_age: float = 7 * 86_400
    result_bytes: int = 8 * 1024 * MIB
    blob_age: float = 86_400
    blob_bytes: int = 4 * 1024 * MIB
    disk_reserve: int = 256 * MIB  # free space that is never used up
    lease: float = 3  # an interactive job nobody follows for so long is cancelled
    heartbeat: float = 4  # between comments on an event stream
    wait: float = 60  # longest long poll
    head_seconds: float = 10  # for the headers of a request
    chunk_seconds: float = 10  # for the next part of a body
    body_seconds: float = 30  # for a whole body, plus one second per MiB
    drain_seconds: float = 2  # how long a refused body is still read, so that the answer arrives
    farewell_seconds: float = 1.2  # for connections, and again for the backend, at the end


@dataclass(frozen=True, slots=True)
class Settings:
    """One server. `port` 0 means any free one."""

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 0
    log_level: str = "info"
    faces: tuple[str, ...] = ()  # of api/faces: other programs' APIs
    engine: EngineOptions = field(default_factory=EngineOptions)
    limits: Limits = field(default_factory=Limits)

    @property
    def log_file(self) -> Path:
        return self.data_dir / "logs" / "server.log"


def kept_faces(data_dir: Path) -> list[str]:
    """The faces that settings.json turns on: `{"faces": ["a1111", "openai"]}`."""
    names = kept(data_dir).get("faces", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _bad_settings(data_dir / SETTINGS, "“faces” is not a list of names")
    return names


def kept(data_dir: Path) -> dict[str, Any]:
    """What `<data-dir>/settings.json` says; nothing where there is none."""
    file = data_dir / SETTINGS
    try:
        found: Any = json.loads(file.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError):
        raise _bad_settings(file, "it is not JSON") from None
    if not isinstance(found, dict):
        raise _bad_settings(file, "it is not a JSON object")
    return found


def _bad_settings(file: Path, reason: str) -> BadInput:
    return BadInput(
        "bad_request",
        f"The settings in {file} cannot be read: {reason}.",
        'Write {"faces": ["a1111", "openai"]}, or delete the file.',
    )
