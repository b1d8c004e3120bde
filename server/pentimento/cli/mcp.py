"""`pentimento mcp`: the tools of agents, over the Model Context Protocol on stdin and stdout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pentimento.cli.arguments import DataDir, data_folder_of
from pentimento.core.errors import PentimentoError

PATIENCE = 45.0  # s; agents' programs give up after a minute


def command(
    folder: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="A folder whose pictures the agent may read and where it may make new ones; may "
            "be repeated.",
        ),
    ] = None,
    wait: Annotated[
        float,
        typer.Option(
            min=0,
            help="Seconds that a tool waits for its job before it answers that it goes on.",
        ),
    ] = PATIENCE,
    data: DataDir = None,
) -> None:
    """Let an agent paint: started by its program, which speaks MCP over stdin and stdout."""
    try:
        from pentimento.cli.agents import tools
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise PentimentoError(
            "package_missing",
            "The package mcp is not installed.",
            "Install it with `pip install pentimento[mcp]`.",
        ) from None
    tools.serve(data_folder_of(data), folder or [], wait)
