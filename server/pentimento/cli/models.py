"""`pentimento models`: list, add, remove, verify."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from pentimento.models import ModelInfo, Registry, install
from pentimento.paths import data_dir

command = typer.Typer(no_args_is_help=True, help="See and change which models are installed.")

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="The data folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@command.command("list")
def list_models(data: DataDir = None, as_json: AsJson = False) -> None:
    """List the installed models."""
    models = Registry(data_dir(data)).list()
    if as_json:
        typer.echo(json.dumps([info.as_json() for info in models], indent=2))
        return
    table = Table("id", "title", "kind", "size", "steps", "sampler", "state", box=None)
    for info in models:
        table.add_row(
            f"{info.id} (default)" if info.default else info.id,
            info.title,
            info.family,
            f"{info.bytes / 1e6:.0f} MB",
            str(info.default_steps),
            info.default_sampler,
            "ok" if info.ok else info.problem,
        )
    Console().print(table)


@command.command()
def add(
    model: Annotated[Path, typer.Argument(exists=True)],
    name: Annotated[
        str | None, typer.Option(help="Its id; else the name of the folder or file.")
    ] = None,
    data: DataDir = None,
) -> None:
    """Add a diffusers folder or a checkpoint in one file (safetensors only) after checking it."""
    info = install.add(Registry(data_dir(data)), model, name, _tell)
    typer.echo(f"Added {info.id}: {_about(info)}.")


@command.command()
def remove(
    model: Annotated[str, typer.Argument(help="The model's id.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    data: DataDir = None,
) -> None:
    """Delete a model from the models folder."""
    registry = Registry(data_dir(data))
    info = registry.get(model)
    if not yes:
        typer.confirm(f"Delete {info.id} ({info.bytes / 1e6:.0f} MB)?", abort=True)
    install.remove(registry, model)
    typer.echo(f"Removed {info.id}.")


@command.command()
def verify(
    model: Annotated[str | None, typer.Argument(help="The model's id; else all.")] = None,
    data: DataDir = None,
) -> None:
    """Read every weight file and say what is damaged; exit code 1 when something is."""
    registry = Registry(data_dir(data))
    models = [registry.get(model)] if model else registry.list()
    damaged = False
    for info in models:
        problems = install.verify(info, _tell)
        damaged = damaged or bool(problems)
        typer.echo(f"{info.id}: {' '.join(problems) or 'ok'}")
    if damaged:
        raise typer.Exit(1)


def _tell(file: str) -> None:
    if Console(stderr=True).is_terminal:
        typer.echo(f"  {file}", err=True)


def _about(info: ModelInfo) -> str:
    return f"{info.family}, {info.native_size} px, {info.bytes / 1e6:.0f} MB"
