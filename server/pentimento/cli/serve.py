"""`pentimento serve`: the front process."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pentimento.core import heap
from pentimento.core.errors import BadInput

LOOPBACK = ("127.0.0.1", "::1", "localhost")


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class BackendName(StrEnum):
    LOCAL = "local"


def command(
    host: Annotated[
        str, typer.Option(help="The address to listen at; loopback only.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port; 0 takes any free one.")
    ] = 0,
    backend: Annotated[
        BackendName, typer.Option(help="Where pictures are computed.")
    ] = BackendName.LOCAL,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            help="Where jobs, models and the token are kept; PENTIMENTO_DATA sets it too."
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="What computes: auto, cpu, cuda, cuda:1, mps, xpu."),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(help="Number type on a graphics card: auto, fp32, bf16, fp16, fp8."),
    ] = None,
    log_level: Annotated[
        LogLevel, typer.Option(help="What logs/server.log tells.")
    ] = LogLevel.INFO,
    faces: Annotated[
        str | None,
        typer.Option(
            help="Other programs' APIs to speak: a1111, openai. Without it settings.json says."
        ),
    ] = None,
) -> None:
    """Start the server, and run it until it is told to end."""
    with heap.importing():
        from pentimento.api import compat as known_faces
        from pentimento.api.server import serve
        from pentimento.cli.arguments import data_folder_of
        from pentimento.core.settings import EngineOptions, Settings, kept, kept_faces

    if host not in LOOPBACK:
        raise BadInput(
            "foreign_host",
            f"The server listens on this machine only, not at {host}.",
            "Leave --host out.",
        )
    folder = data_folder_of(data_dir).resolve()
    names = kept_faces(folder) if faces is None else faces.split(",")
    said = {"device": device, "precision": precision}
    engine = EngineOptions.kept(kept(folder) | {k: v for k, v in said.items() if v is not None})
    serve(
        Settings(
            *(folder, host, port, log_level.value), faces=known_faces.chosen(names), engine=engine
        )
    )
