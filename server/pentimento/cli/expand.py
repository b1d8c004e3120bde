"""`pentimento expand`: a picture continued beyond its borders, from the shell."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pentimento.cli import pictures, running
from pentimento.cli.arguments import data_folder_of
from pentimento.cli.outputs import Outputs
from pentimento.cli.pictures import read_input
from pentimento.cli.run_options import JobFile
from pentimento.core.errors import BadInput
from pentimento.imaging.expansion import Sides

AMOUNT = "px, or a part of the picture such as 25%."


def command(
    input: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The picture.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where the result goes: .png, .jpg or .webp.")
    ],
    left: Annotated[str, typer.Option(help=f"How much to add there: {AMOUNT}")] = "",
    top: Annotated[str, typer.Option(help=AMOUNT)] = "",
    right: Annotated[str, typer.Option(help=AMOUNT)] = "",
    bottom: Annotated[str, typer.Option(help=AMOUNT)] = "",
    aspect: Annotated[str, typer.Option(help="Width and height to grow to, such as 16:9.")] = "",
    prompt: Annotated[str, typer.Option(help="What the whole picture shows; may be empty.")] = "",
    negative: Annotated[str, typer.Option(help="What it should not show.")] = "",
    feather: Annotated[
        int, typer.Option(help="px that the new part fades out over the old picture.")
    ] = 0,
    strength: Annotated[float | None, typer.Option(help="Above 0 to 1, the default.")] = None,
    steps: Annotated[int | None, typer.Option(help="1 to 200; else the model's own.")] = None,
    guidance: Annotated[float | None, typer.Option(help="How closely to follow the words.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same picture.")] = None,
    model: Annotated[str | None, typer.Option(help="See `pentimento models list`.")] = None,
    count: Annotated[int | None, typer.Option(help="Pictures, with seed, seed + 1 ...")] = None,
    local: Annotated[bool, typer.Option("--local", help="Compute here, without a server.")] = False,
    data: Annotated[Path | None, typer.Option("--data-dir", help="The data folder.")] = None,
) -> None:
    """Continue a picture beyond its borders; its own pixels stay as they are."""
    pictures.check_output(output, count or 1)
    amounts = {"left": left, "top": top, "right": right, "bottom": bottom}
    sides = Sides.asked(read_input(input).size, amounts, aspect)
    if not sides.any:
        raise BadInput(
            "bad_request", "The picture is to grow on no side.", "Give --left 25%, for example."
        )
    request: dict[str, Any] = {
        "mode": "outpaint",
        "expand": {side: getattr(sides, side) for side in amounts},
        "prompt": prompt,
        "negative_prompt": negative,
        "mask_options": {"feather": feather},
        "strength": strength,
        "steps": steps,
        "guidance": guidance,
        "seed": seed,
        "model": model,
        "count": count,
    }
    job = running.checked(request, JobFile(files={"source": input}))
    folder = data_folder_of(data)
    outcome = running.run_job(running.runner_of(folder, local=local), job, quiet=False)
    made = Outputs(folder)
    found = pictures.made_of(outcome.record["request"], input, outcome.pictures)
    for number, picture in enumerate(found):
        file = pictures.numbered(output, number, len(found))
        typer.echo(str(made.write(file, pictures.encoded(picture, output.suffix))))
    made.finish()
