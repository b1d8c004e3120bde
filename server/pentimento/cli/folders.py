"""`pentimento models folders`: the folders of other programs whose models are listed too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pentimento.cli.arguments import DataDir, data_folder_of
from pentimento.cli.speech import say
from pentimento.models.library.folders import AUTO, Folders
from pentimento.models.library.places import LAYOUTS, places

command = typer.Typer(
    no_args_is_help=True, help="Use the models in other programs' folders, which stay as they are."
)

KIND_HELP = f"{AUTO}, {', '.join(LAYOUTS)}."


@command.command("list")
def list_folders(
    data: DataDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the folders that are read."""
    known = Folders(data_folder_of(data)).list()
    if as_json:
        told = [{"path": str(folder.path), "kind": folder.kind} for folder in known]
        typer.echo(json.dumps(told, indent=2))
        return
    for folder in known:
        count = len(places(folder))
        state = f"{count} files and folders of models" if folder.path.is_dir() else "is not there"
        say(f"{folder.path} ({folder.kind}): {state}")
    if not known:
        say("None. `pentimento models folders add PATH` adds one.")


@command.command()
def add(
    path: Annotated[Path, typer.Argument(help="The program's folder.")],
    kind: Annotated[str, typer.Option(help=KIND_HELP)] = AUTO,
    data: DataDir = None,
) -> None:
    """List the models of a folder too; nothing in it is changed."""
    added = Folders(data_folder_of(data)).add(path, kind)
    count = len(places(added))
    say(f"Added {added.path} ({added.kind}): {count} files and folders of models.")


@command.command()
def remove(path: Path, data: DataDir = None) -> None:
    """Take a folder off the list; nothing in it is changed."""
    Folders(data_folder_of(data)).remove(path)
    say(f"{path} is no longer read.")
