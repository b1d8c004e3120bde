"""`pentimento upscale`: a larger picture, from the shell."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pentimento.cli import pictures, running
from pentimento.cli.arguments import data_folder_of
from pentimento.cli.outputs import Outputs
from pentimento.cli.run_options import JobFile
from pentimento.schema.job import AUTO


def command(
    input: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The picture.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where the result goes: .png, .jpg or .webp.")
    ],
    scale: Annotated[float, typer.Option(help="How many times as large, 1 to 8.")] = 2.0,
    method: Annotated[
        str,
        typer.Option(help="auto, plain (Lanczos), or an upscaler of `pentimento models list`."),
    ] = AUTO,
    detail: Annotated[
        float, typer.Option(help="0 to 1: how much detail a model paints over it; 0 is none.")
    ] = 0.0,
    faithfulness: Annotated[
        float, typer.Option(help="0 to 1: how much of its shapes and colors stay then.")
    ] = 0.5,
    prompt: Annotated[str, typer.Option(help="What the picture shows, for the detail.")] = "",
    model: Annotated[str | None, typer.Option(help="That paints the detail.")] = None,
    steps: Annotated[int | None, typer.Option(help="Of the detail; else the model's own.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same picture.")] = None,
    local: Annotated[bool, typer.Option("--local", help="Compute here, without a server.")] = False,
    data: Annotated[Path | None, typer.Option("--data-dir", help="The data folder.")] = None,
) -> None:
    """Enlarge a picture: by arithmetic, or with a network that knows what small pictures lack."""
    pictures.check_output(output)
    request: dict[str, Any] = {
        "mode": "upscale",
        "scale": scale,
        "upscaler": method,
        "detail": detail,
        "faithfulness": faithfulness,
        "prompt": prompt,
        "model": model if detail else None,
        "steps": steps if detail else None,
        "seed": seed,
    }
    job = running.checked(request, JobFile(files={"source": input}))
    folder = data_folder_of(data)
    outcome = running.run_job(running.runner_of(folder, local=local), job, quiet=False)
    made = Outputs(folder)
    [picture] = pictures.made_of(outcome.record["request"], input, outcome.pictures)
    typer.echo(str(made.write(output, pictures.encoded(picture, output.suffix))))
    made.finish()
