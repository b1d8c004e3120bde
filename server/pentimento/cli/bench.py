"""`pentimento bench`: how fast the engine of this machine is."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from pentimento.cli.arguments import data_folder_of
from pentimento.cli.speech import said
from pentimento.core.errors import BadInput
from pentimento.core.settings import EngineOptions, kept
from pentimento.models.library.model import ModelInfo
from pentimento.models.library.registry import Registry

if TYPE_CHECKING:
    from pentimento.cli.benching.measuring import Measurement

LARGEST_SIDE = 4096  # px
SIDES = "256,512"


def command(
    sizes: Annotated[
        str,
        typer.Option(
            help="Sides of squares in px, by commas: 256,512 where none are given, with --full "
            "those around the model's own."
        ),
    ] = "",
    steps: Annotated[int, typer.Option(min=2, max=200)] = 8,
    model: Annotated[str | None, typer.Option(help="See `pentimento models list`.")] = None,
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            help="All that a card can show, as a table to send to Pentimento's developers: sizes, "
            "number types, memory, second jobs, several pictures, tiles. Takes minutes.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data: Annotated[Path | None, typer.Option("--data-dir", help="The data folder.")] = None,
) -> None:
    """Measure steps per second at several sizes, in an engine of its own."""
    sides = _sides(sizes or SIDES)
    folder = data_folder_of(data)
    registry = Registry(folder)
    info = registry.get(model or registry.default_id)
    options = EngineOptions.kept(kept(folder))
    if full:
        from pentimento.cli.benching.report import report

        told = asyncio.run(report(folder, registry, info, options, sides if sizes else [], steps))
        typer.echo(json.dumps(told.as_json(), indent=2) if as_json else told.as_markdown())
        return
    found, device = asyncio.run(_measure(folder, registry, info, options, sides, steps))
    if as_json:
        rows = [asdict(row) for row in found]
        typer.echo(json.dumps({"model": info.id, "device": device, "rows": rows}, indent=2))
        return
    _print(info, device, found)


def _sides(text: str) -> list[int]:
    try:
        sides = [int(part) for part in text.split(",")]
    except ValueError:
        sides = []
    if not sides or not all(1 <= side <= LARGEST_SIDE for side in sides):
        raise BadInput(
            "bad_request",
            f"--sizes needs sides of 1 to {LARGEST_SIDE} px, such as 256,512.",
        )
    return sides


async def _measure(
    folder: Path,
    registry: Registry,
    info: ModelInfo,
    options: EngineOptions,
    sides: list[int],
    steps: int,
) -> tuple[list[Measurement], str]:
    from pentimento.cli.benching.measuring import Bench, engine

    async with engine(folder, registry, options) as backend:
        bench = Bench(folder, backend, registry, info)
        found = [await bench.text(side, steps) for side in sides]
        return found, str((await backend.status()).device)


def _print(info: ModelInfo, device: str, found: list[Measurement]) -> None:
    table = Table(
        *map(said, ("picture", "worked on at", "steps/s", "seconds", "of these")), box=None
    )
    for row in found:
        phases = ", ".join(f"{name} {spent:.1f}" for name, spent in row.phases.items() if spent)
        table.add_row(
            row.size, row.generation, f"{row.steps_per_second:.2f}", f"{row.seconds:.1f}", phases
        )
    console = Console()
    console.print(said(f"{info.title} on {device}"))
    console.print(table)
