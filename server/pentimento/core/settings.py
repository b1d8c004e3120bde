"""What a person may set about the server and the engine. Every limit has its home here. No torch.

`EngineOptions` (device, precision, memory) travel from the front to the engine process in the
environment.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from pentimento.core import plain_files
from pentimento.core.errors import BadInput

MAX_PIXELS = 100_000_000  # of one picture, sent or made
MAX_SIDE = 65_535  # px


PRECISIONS = ("auto", "fp32", "bf16", "fp16", "fp8")
DEVICE = re.compile(r"auto|cpu|mps|(cuda|xpu)(:\d{1,2})?")
LEAST_MB = 64


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """`None` and "auto" leave the choice to the engine. `ram_mb` limits the weights kept in memory
    between jobs, `vram_mb` those on the device at one time; both in MiB."""

    device: str = "auto"
    precision: str = "auto"
    ram_mb: int | None = None
    vram_mb: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.device, str) or not DEVICE.fullmatch(self.device):
            raise _bad("device", self.device, "auto, cpu, cuda, cuda:1, mps or xpu")
        if self.precision not in PRECISIONS:
            raise _bad("precision", self.precision, ", ".join(PRECISIONS))
        for name in ("ram_mb", "vram_mb"):
            limit = getattr(self, name)
            if limit is not None and (type(limit) is not int or limit < LEAST_MB):
                raise _bad(name, limit, f"a whole number of MiB, at least {LEAST_MB}")

    @classmethod
    def kept(cls, settings: Mapping[str, Any]) -> EngineOptions:
        """Of a settings.json: `{"device", "precision", "memory": {"ram_mb", "vram_mb"}}`."""
        memory = settings.get("memory", {})
        if not isinstance(memory, dict):
            raise _bad("memory", memory, '{"ram_mb": 8000, "vram_mb": 6000}')
        found = {name: settings[name] for name in ("device", "precision") if name in settings}
        return cls(**found, **{n: memory[n] for n in ("ram_mb", "vram_mb") if n in memory})

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> EngineOptions:
        found: dict[str, Any] = {}
        for option in fields(cls):
            said = environment.get(_variable(option.name), "")
            if said:
                found[option.name] = int(said) if said.isdigit() else said
        return cls(**found)

    def environment(self) -> dict[str, str]:
        """Only what is set, so that variables a person has set are not undone."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        return {_variable(n): str(v) for n, v in said.items() if v not in (None, "auto")}


def _variable(name: str) -> str:
    return f"PENTIMENTO_{name.upper()}"


def _bad(name: str, found: object, wanted: str) -> BadInput:
    return BadInput("bad_request", f"“{found}” is not a {name}.", f"Possible: {wanted}.")


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
        found: Any = json.loads(plain_files.read(file, MIB))
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
