"""The `pentimento` command: one module a sub-command, imported only when it is used.

A module of COMMANDS has `command`: a function with typer's annotations, or a typer.Typer where the
sub-command has sub-commands of its own.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from pentimento import __version__
from pentimento.core import heap
from pentimento.core.errors import PentimentoError
from pentimento.core.files import is_disk_full

UNWRITABLE = (errno.EFBIG, errno.EROFS)
COMMANDS = (
    "serve",
    "run",
    "preprocess",
    "select",
    "upscale",
    "expand",
    "batch",
    "status",
    "models",
    "styles",
    "backends",
    "pair",
    "workflow",
    "mcp",
    "doctor",
    "repair",
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
    from pentimento.cli.speech import translate

    with heap.importing():
        command = import_module(f"{__name__}.{name}").command
    if isinstance(command, typer.Typer):
        group = typer.main.get_command(command)
        group.name = name
        return translate(group)
    single = typer.Typer(add_completion=False)
    single.command(name)(command)
    return translate(typer.main.get_command(single))


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
    from pentimento.cli.speech import said

    _say_names_as_they_are()
    app.info.help = said(str(app.info.help))
    try:
        app(prog_name="pentimento")
    except PentimentoError as error:
        _complain(error.message, error.hint)
        raise SystemExit(1) from None
    except OSError as problem:
        if is_disk_full(problem) or problem.errno in UNWRITABLE:
            message = f"A file cannot be written: {problem.strerror}."
            _complain(message, "Free some space, then run the command again.")
        elif isinstance(problem.filename, str | bytes):  # of a file, so no fault of ours
            path, strerror = os.fsdecode(problem.filename), problem.strerror
            _complain(f"{path} cannot be used: {strerror}.", "Choose another place.")
        else:
            raise
        raise SystemExit(1) from None


def _complain(message: str, hint: str) -> None:
    from pentimento.cli.speech import said, say

    say(f"pentimento: {said(message)}", err=True)
    if hint:
        say(hint, err=True)


def _say_names_as_they_are() -> None:
    """Names of files need not be text; their bytes go out as they came in."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            wanted = "surrogateescape" if stream is sys.stdout else "backslashreplace"
            stream.reconfigure(errors=wanted)
