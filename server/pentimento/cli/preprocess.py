"""`pentimento preprocess`: the map of a picture that a ControlNet is steered by, from the shell."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pentimento.cli import pictures, running
from pentimento.cli.arguments import data_folder_of
from pentimento.cli.outputs import Outputs
from pentimento.cli.run_options import JobFile
from pentimento.imaging import control_maps


def command(
    input: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The picture.")],
    output: Annotated[Path, typer.Argument(help="Where its map goes: .png, .jpg or .webp.")],
    type: Annotated[
        str, typer.Option(help="canny, scribble, lineart, softedge, tile, depth, normal ...")
    ] = "canny",
    low: Annotated[float, typer.Option(help="Of canny: weak edges begin here.")] = control_maps.LOW,
    high: Annotated[
        float, typer.Option(help="Of canny: strong edges begin here.")
    ] = control_maps.HIGH,
    local: Annotated[bool, typer.Option("--local", help="Draw it here, without a server.")] = False,
    data: Annotated[Path | None, typer.Option("--data-dir", help="The data folder.")] = None,
) -> None:
    """Draw the map of a picture that a ControlNet is steered by."""
    pictures.check_output(output)
    control = {"type": type, "low": low, "high": high}
    job = running.checked(
        {"mode": "preprocess", "controls": [control]}, JobFile(files={"source": input})
    )
    folder = data_folder_of(data)
    outcome = running.run_job(running.runner_of(folder, local=local), job, quiet=False)
    made = Outputs(folder)
    picture = pictures.encoded(pictures.Picture(outcome.pictures[0]), output.suffix)
    typer.echo(str(made.write(output, picture)))
    made.finish()
