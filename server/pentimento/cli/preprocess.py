"""`pentimento preprocess`: the map of a picture that a ControlNet is steered by, from the shell."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pentimento.cli import pictures, run
from pentimento.cli.jobfile import JobFile
from pentimento.cli.runners import LocalRunner, Runner, ServerRunner
from pentimento.imaging import edges
from pentimento.paths import data_dir


def command(
    input: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The picture.")],
    output: Annotated[Path, typer.Argument(help="Where its map goes: .png, .jpg or .webp.")],
    type: Annotated[
        str, typer.Option(help="canny, scribble, lineart, softedge, tile, depth, normal ...")
    ] = "canny",
    low: Annotated[float, typer.Option(help="Of canny: weak edges begin here.")] = edges.LOW,
    high: Annotated[float, typer.Option(help="Of canny: strong edges begin here.")] = edges.HIGH,
    local: Annotated[bool, typer.Option("--local", help="Draw it here, without a server.")] = False,
    data: Annotated[Path | None, typer.Option("--data-dir", help="The data folder.")] = None,
) -> None:
    """Draw the map of a picture that a ControlNet is steered by."""
    pictures.check_output(output)
    control = {"type": type, "low": low, "high": high}
    job = run.checked(
        {"mode": "preprocess", "controls": [control]}, JobFile(files={"source": input})
    )
    runner: Runner = LocalRunner(data_dir(data)) if local else ServerRunner(data_dir(data))
    outcome = run.run_job(runner, job, quiet=False)
    pictures.write_result(outcome.pictures[0], output)
    typer.echo(str(output))
