"""`pentimento models`: list, available, pull, add, remove, verify."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from pentimento.cli import folders, pulling, verifying
from pentimento.cli.arguments import DataDir, data_folder_of
from pentimento.cli.speech import said, say
from pentimento.models import catalogue, manage
from pentimento.models.library.inventory import MODELS
from pentimento.models.library.model import ModelInfo
from pentimento.models.library.parts import vae as vaes
from pentimento.models.library.parts.controlnet_lora import KINDS
from pentimento.models.library.registry import Registry
from pentimento.models.weights.detect.recognise import UNKNOWN, Recognised, recognise
from pentimento.models.weights.header import Damaged
from pentimento.schema.vocabulary import ModelRole

command = typer.Typer(no_args_is_help=True, help="See and change which models are installed.")
command.add_typer(folders.command, name="folders")

WHICH = (
    "Its id, as `models available` lists it, or a link to another one: hf:OWNER/NAME, "
    "hf:OWNER/NAME/FILE, civitai:NUMBER, or the address of its page there."
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@command.command("list")
def list_models(data: DataDir = None, as_json: AsJson = False) -> None:
    """List the installed models and what can be added to them."""
    registry = Registry(data_folder_of(data))
    models = registry.list()
    if as_json:
        typer.echo(json.dumps([info.answer().model_dump(mode="json") for info in models], indent=2))
        return
    table = Table(
        *map(said, ("id", "kind", "family", "precision", "size", "from", "state")), box=None
    )
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
        told = item.told or Recognised(ModelRole.UNKNOWN)
        family = " or ".join(told.families) or UNKNOWN
        size, source = _size(item.place.path), item.place.source
        state = _state(item.ok, item.problem)
        yield (item.id, item.role, family, told.precision, size, source, state)


def _told(path: Path) -> Recognised:
    """What a file's header says; nothing of a folder, or where it cannot be read."""
    try:
        return recognise(path) if path.is_file() else Recognised(ModelRole.UNKNOWN)
    except (Damaged, OSError):
        return Recognised(ModelRole.UNKNOWN)


def _size(path: Path) -> str:
    files = path.rglob("*") if path.is_dir() else [path]
    return f"{sum(file.stat().st_size for file in files if file.is_file()) / 1e6:.0f} MB"


def _state(ok: bool, problem: str) -> str:
    return said("ok" if ok else problem)


@command.command()
def available(data: DataDir = None, as_json: AsJson = False) -> None:
    """List the models that can be downloaded, and whether they suit this machine."""
    pulling.show_available(data_folder_of(data), as_json=as_json)


@command.command()
def pull(
    model: Annotated[str, typer.Argument(help=WHICH)],
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="You have read its licence and agree.")
    ] = False,
    endpoint: Annotated[
        str | None, typer.Option(help="Address of a mirror of the hub; else HF_ENDPOINT.")
    ] = None,
    data: DataDir = None,
) -> None:
    """Download a model, or go on with one. Ctrl+C leaves what has come for the next time."""
    pulling.pull(data_folder_of(data), model, accept_licence=accept_licence, endpoint=endpoint)


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
    role = manage.role_of(model)
    if role in manage.SHELVES:
        target = manage.add_part(data_folder_of(data), model, name)
        say(f"Added {target.stem} ({role.replace('_', ' ')}) to {target.parent.name}.")
        return
    info = manage.add(Registry(data_folder_of(data)), model, name, _tell)
    say(f"Added {info.id}: {_about(info)}.")


@command.command()
def remove(
    model: Annotated[str, typer.Argument(help="The model's id.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    data: DataDir = None,
) -> None:
    """Delete a model, ControlNet, LoRA or another part from the data folder."""
    folder = data_folder_of(data)
    if not yes:
        typer.confirm(said(f"Delete {model} from the data folder?"), abort=True)
    manage.remove_any(folder, Registry(folder), catalogue.load(folder), model)
    say(f"Removed {model}.")


@command.command()
def verify(
    model: Annotated[str | None, typer.Argument(help="The model's id; else all.")] = None,
    keys: Annotated[
        bool, typer.Option("--keys", help="List every weight and what becomes of it.")
    ] = False,
    data: DataDir = None,
) -> None:
    """Read every weight file and say what is damaged, and which weights are not used or missing;
    exit code 1 when something is damaged or missing."""
    verifying.verify(model, keys, data)


def _tell(file: str) -> None:
    if Console(stderr=True).is_terminal:
        say(f"  {file}", err=True)


def _about(info: ModelInfo) -> str:
    return f"{info.family}, {info.native_size} px, {info.bytes / 1e6:.0f} MB"
