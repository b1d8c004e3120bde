"""`pentimento status`: the running server in a few lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from pentimento.cli.arguments import data_folder_of
from pentimento.cli.client import connect
from pentimento.cli.speech import said


def command(
    data: Annotated[
        Path | None, typer.Option("--data-dir", help="The data folder of the server.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the server's answer.")] = False,
) -> None:
    """Show the running server; exit code 1 when there is none."""
    status = connect(data_folder_of(data)).status()
    typer.echo(json.dumps(status, indent=2) if as_json else said("\n".join(_lines(status))))


def _lines(status: dict[str, Any]) -> list[str]:
    engine, queue, disk = status["engine"], status["queue"], status["disk"]
    about = ", ".join(
        text
        for text in (
            engine.get("state"),
            engine.get("device"),
            f"{engine['memory_mb']} MB" if engine.get("memory_mb") else "",
        )
        if text
    )
    return [
        f"pentimento {status['version']}, process {status['pid']}, "
        f"up {_duration(status['uptime_seconds'])}",
        f"data    {status['data_dir']}",
        f"engine  {about}",
        *_memory(engine.get("memory")),
        f"queue   {_running(queue['running'])}, {queue['queued']} waiting "
        f"(at most {queue['limit']})",
        f"disk    {disk['used_mb']} of {disk['limit_mb']} MB used, {disk['free_mb']} MB free",
        *_reading(status["library"]),
    ]


def _reading(library: dict[str, int] | None) -> list[str]:
    """While a large folder is looked at for the first time."""
    return [f"library reading, {library['read']} of {library['total']} files"] if library else []


def _memory(memory: dict[str, Any] | None) -> list[str]:
    """What is loaded where, and the budgets it is kept within."""
    if memory is None:
        return []
    card = f", {memory['vram_mb']} MB on the card" if memory["vram_mb"] else ""
    parts = ", ".join(
        f"{part['name']} {part['mb']} MB" + (" (card)" if part["place"] == "device" else "")
        for part in memory["parts"]
        if part["mb"]
    )
    return [
        f"models  at most {memory['ram_mb']} MB in memory{card}",
        f"loaded  {parts or 'nothing'}",
    ]


def _running(job: str | None) -> str:
    return f"{job} running" if job else "nothing running"


def _duration(seconds: float) -> str:
    minutes, hours = int(seconds) // 60 % 60, int(seconds) // 3600
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {int(seconds) % 60} s"
