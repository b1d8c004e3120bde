"""`pentimento doctor`: finds what keeps a job from working and says the remedy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from pentimento import __version__
from pentimento.cli import checks as folders
from pentimento.cli import checks as gimp
from pentimento.cli import checks as machine
from pentimento.cli import checks as service
from pentimento.cli.checks import Finding, State
from pentimento.cli.speech import said
from pentimento.core.files import data_dir

MARKS = {  # word, colour
    State.OK: ("ok", "green"),
    State.WARNING: ("note", "yellow"),
    State.FAILED: ("FAIL", "red"),
}


def command(
    data: Annotated[Path | None, typer.Option("--data-dir", help="The data folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check everything a job needs; exit code 1 when something keeps jobs from working."""
    found = []
    console = Console()
    for finding in _findings(data_dir(data)):
        found.append(finding)
        if not as_json:
            _print(console, finding)
    healthy = all(finding.state is not State.FAILED for finding in found)
    if as_json:
        checks = [asdict(finding) for finding in found]
        typer.echo(json.dumps({"version": __version__, "ok": healthy, "checks": checks}, indent=2))
    raise typer.Exit(0 if healthy else 1)


def _findings(folder: Path) -> Iterator[Finding]:
    yield machine.python()
    yield machine.packages()
    yield machine.data_folder(folder)
    yield machine.disk(folder)
    yield machine.secrets(folder)
    yield service.server(folder)
    yield from service.models(folder)
    yield from folders.added_folders(folder)
    yield machine.torch()
    yield gimp.program()
    yield from gimp.plug_ins()


def _print(console: Console, finding: Finding) -> None:
    mark, colour = MARKS[finding.state]
    said_mark = (f"{said(mark):<6}", colour)
    line = Text.assemble(said_mark, f"{said(finding.name)}: {said(finding.text)}")
    if finding.hint:
        line.append(f"\n      {said(finding.hint)}")
    console.print(line, soft_wrap=True)
