"""`pentimento bench`: how fast the engine of this machine is."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from pentimento.cli.arguments import data_folder_of
from pentimento.cli.speech import said
from pentimento.core.errors import BadInput
from pentimento.core.geometry import Size
from pentimento.core.settings import EngineOptions, kept
from pentimento.imaging.sizing import generation_size
from pentimento.jobs.admission import settle
from pentimento.jobs.plan import resolve
from pentimento.jobs.styles import Styles
from pentimento.models.library.model import ModelInfo
from pentimento.models.library.registry import Registry
from pentimento.schema.job import JobRequest, Mode
from pentimento.schema.task import Event, Step, Task

PROMPT = "a red ball on a green meadow"
LARGEST_SIDE = 4096  # px


@dataclass(frozen=True, slots=True)
class Measurement:
    """One picture; the first one of a run has loading in its seconds, not in its steps."""

    size: str
    generation: str
    steps: int
    steps_per_second: float
    seconds: float
    phases: dict[str, float]


def command(
    sizes: Annotated[str, typer.Option(help="Sides of squares in px, by commas.")] = "256,512",
    steps: Annotated[int, typer.Option(min=2, max=200)] = 8,
    model: Annotated[str | None, typer.Option(help="See `pentimento models list`.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data: Annotated[Path | None, typer.Option("--data-dir", help="The data folder.")] = None,
) -> None:
    """Measure steps per second at several sizes, in an engine of its own."""
    sides = _sides(sizes)
    folder = data_folder_of(data)
    registry = Registry(folder)
    info = registry.get(model or registry.default_id)
    found, device = asyncio.run(_measure(folder, registry, info, sides, steps))
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
    folder: Path, registry: Registry, info: ModelInfo, sides: list[int], steps: int
) -> tuple[list[Measurement], str]:
    from pentimento.backends.local import LocalBackend

    backend = LocalBackend(folder, registry, options=EngineOptions.kept(kept(folder)))
    try:
        found = [await _one(folder, backend, registry, info, Size(s, s), steps) for s in sides]
        return found, str((await backend.status()).device)
    finally:
        await backend.close()


async def _one(
    folder: Path, backend: Any, registry: Registry, info: ModelInfo, size: Size, steps: int
) -> Measurement:
    asked = JobRequest(
        mode=Mode.TXT2IMG,
        prompt=PROMPT,
        model=info.id,
        steps=steps,
        seed=1,
        width=size.width,
        height=size.height,
        preview=False,
    )
    request = settle(
        *(asked, {}, Styles(folder)), lambda styled, source: resolve(styled, registry, source)
    ).request
    moments: list[float] = []

    def note(event: Event) -> None:
        if isinstance(event, Step):
            moments.append(time.monotonic())

    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="pentimento-") as output:
        task = Task(f"bench-{size.width}", request, {}, Path(output))
        facts = await backend.run(task, note)
    return Measurement(
        size=str(size),
        generation=str(generation_size(size, info)),
        steps=steps,
        steps_per_second=round((len(moments) - 1) / (moments[-1] - moments[0]), 2),
        seconds=round(time.monotonic() - started, 2),
        phases=facts.get("phases", {}),
    )


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
