"""The `pentimento` command: one module a sub-command, imported only when it is used.

A module of COMMANDS has `command`: a function with typer's annotations, or a typer.Typer where the
sub-command has sub-commands of its own.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from pentimento import __version__
from pentimento.errors import PentimentoError

COMMANDS = (
    "serve",
    "run",
    "preprocess",
    "status",
    "models",
    "styles",
    "backends",
    "doctor",
    "bench",
)


class LazyGroup(TyperGroup):
    """Finds a sub-command's module by its name, so that `serve` starts without the others."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        if cmd_name not in self.commands:
            self.add_command(_load(cmd_name), cmd_name)
        return self.commands[cmd_name]


def _load(name: str) -> Any:
    command = import_module(f"{__name__}.{name}").command
    if isinstance(command, typer.Typer):
        group = typer.main.get_command(command)
        group.name = name
        return group
    single = typer.Typer(add_completion=False)
    single.command(name)(command)
    return typer.main.get_command(single)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"pentimento {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    no_args_is_help=True,
    help="Generative painting for GIMP 3: the server and its tools.",
    pretty_exceptions_enable=False,
)


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Show the version."
    ),
) -> None:
    pass


def main() -> None:
    """Runs the command line; an expected failure is two sentences on stderr and exit code 1."""
    try:
        app(prog_name="pentimento")
    except PentimentoError as error:
        typer.echo(f"pentimento: {error.message}", err=True)
        if error.hint:
            typer.echo(error.hint, err=True)
        raise SystemExit(1) from None
