"""`pentimento models`: list, available, pull, add, remove, verify."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from pentimento.cli import folders, pulling
from pentimento.cli.arguments import DataDir
from pentimento.models import ModelInfo, Registry, catalogue, install, parts, removal, vaes
from pentimento.models.addons import KINDS
from pentimento.models.inventory import MODELS
from pentimento.models.recognise import UNKNOWN, Recognised, recognise
from pentimento.models.tensors import Damaged
from pentimento.paths import data_dir

command = typer.Typer(no_args_is_help=True, help="See and change which models are installed.")
command.add_typer(folders.command, name="folders")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@command.command("list")
def list_models(data: DataDir = None, as_json: AsJson = False) -> None:
    """List the installed models and what can be added to them."""
    registry = Registry(data_dir(data))
    models = registry.list()
    if as_json:
        typer.echo(json.dumps([info.as_json() for info in models], indent=2))
        return
    table = Table("id", "kind", "family", "precision", "size", "from", "state", box=None)
    for info in models:
        table.add_row(
            f"{info.id} (default)" if info.default else info.id,
            "model",
            f"{info.family} {info.variant}".strip(),
            info.precision,
            f"{info.bytes / 1e6:.0f} MB",
            info.source,
            _state(info.ok, info.problem),
        )
    for row in _others(registry):
        table.add_row(*row)
    Console().print(table)


def _others(registry: Registry) -> Iterator[tuple[str, ...]]:
    """Rows of the same table: what is not a model itself."""
    for addon in registry.addons.list():
        size, state = _size(addon.path), _state(addon.ok, addon.problem)
        yield (addon.id, addon.kind, addon.family, addon.precision, size, addon.source, state)
    for vae in registry.vaes.list():
        told = _told(vae.path)
        family = " or ".join(told.families) or UNKNOWN
        size, state = _size(vae.path), _state(vae.ok, vae.problem)
        role = "tiny_vae" if vae.tiny else "vae"
        yield (vae.id, role, family, told.precision, size, vae.source, state)
    for adapter in registry.ip_adapters.list():
        size, state = _size(adapter.path), _state(adapter.ok, adapter.problem)
        yield (adapter.id, "ip_adapter", UNKNOWN, UNKNOWN, size, "", state)
    for item in registry.inventory.list():
        if item.role in (*MODELS, *KINDS, *vaes.ROLES):
            continue  # listed above
        told = item.told or Recognised(UNKNOWN)
        family = " or ".join(told.families) or UNKNOWN
        size, source = _size(item.place.path), item.place.source
        state = _state(item.ok, item.problem)
        yield (item.id, item.role, family, told.precision, size, source, state)


def _told(path: Path) -> Recognised:
    """What a file's header says; nothing of a folder, or where it cannot be read."""
    try:
        return recognise(path) if path.is_file() else Recognised(UNKNOWN)
    except (Damaged, OSError):
        return Recognised(UNKNOWN)


def _size(path: Path) -> str:
    files = path.rglob("*") if path.is_dir() else [path]
    return f"{sum(file.stat().st_size for file in files if file.is_file()) / 1e6:.0f} MB"


def _state(ok: bool, problem: str) -> str:
    return "ok" if ok else problem


@command.command()
def available(data: DataDir = None, as_json: AsJson = False) -> None:
    """List the models that can be downloaded, and whether they suit this machine."""
    pulling.show_available(data_dir(data), as_json=as_json)


@command.command()
def pull(
    model: Annotated[str, typer.Argument(help="Its id, as `models available` lists it.")],
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="You have read its licence and agree.")
    ] = False,
    endpoint: Annotated[
        str | None, typer.Option(help="Address of a mirror of the hub; else HF_ENDPOINT.")
    ] = None,
    data: DataDir = None,
) -> None:
    """Download a model, or go on with one. Ctrl+C leaves what has come for the next time."""
    pulling.pull(data_dir(data), model, accept_licence=accept_licence, endpoint=endpoint)


@command.command()
def add(
    model: Annotated[Path, typer.Argument(exists=True)],
    name: Annotated[
        str | None, typer.Option(help="Its id; else the name of the folder or file.")
    ] = None,
    data: DataDir = None,
) -> None:
    """Add a diffusers folder, a checkpoint, a denoiser, a ControlNet, a LoRA, an embedding, a VAE
    or an upscaler (safetensors, of denoisers also GGUF) after checking it. What it is shows by its
    header."""
    role = parts.role_of(model)
    if role in parts.SHELVES:
        target = parts.add(data_dir(data), model, name)
        typer.echo(f"Added {target.stem} ({role.replace('_', ' ')}) to {target.parent.name}.")
        return
    info = install.add(Registry(data_dir(data)), model, name, _tell)
    typer.echo(f"Added {info.id}: {_about(info)}.")


@command.command()
def remove(
    model: Annotated[str, typer.Argument(help="The model's id.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    data: DataDir = None,
) -> None:
    """Delete a model, ControlNet, LoRA or another part from the data folder."""
    folder = data_dir(data)
    if not yes:
        typer.confirm(f"Delete {model} from the data folder?", abort=True)
    removal.remove(folder, Registry(folder), catalogue.load(folder), model)
    typer.echo(f"Removed {model}.")


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
    for name, problem in parts.problems(registry) if model is None else ():
        damaged = damaged or bool(problem)
        typer.echo(f"{name}: {problem or 'ok'}")
    if damaged:
        raise typer.Exit(1)


def _tell(file: str) -> None:
    if Console(stderr=True).is_terminal:
        typer.echo(f"  {file}", err=True)


def _about(info: ModelInfo) -> str:
    return f"{info.family}, {info.native_size} px, {info.bytes / 1e6:.0f} MB"
