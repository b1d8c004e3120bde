"""`pentimento select`: the soft mask of an object in a picture, from the shell."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from pentimento.cli import pictures, running
from pentimento.cli.arguments import data_folder_of
from pentimento.cli.outputs import Outputs
from pentimento.cli.pictures import Picture
from pentimento.cli.run_options import JobFile
from pentimento.core.errors import BadInput


def command(
    input: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The picture.")],
    output: Annotated[
        Path, typer.Option(help="Where the mask goes, white where the object is: .png and others.")
    ],
    box: Annotated[
        str | None, typer.Option(help="A box around the object, X,Y,WIDTH,HEIGHT in px.")
    ] = None,
    point: Annotated[
        list[str] | None, typer.Option(help="A place on the object, X,Y; may be repeated.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(help="A place beside the object, X,Y; may be repeated.")
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="A rough selection, white on the object, whose edge is looked for nearby.",
        ),
    ] = None,
    text: Annotated[
        str, typer.Option(help="The object in words, with a model that can do that.")
    ] = "",
    cut_out: Annotated[
        Path | None, typer.Option(help="Write the object without its background, too: a .png.")
    ] = None,
    local: Annotated[bool, typer.Option("--local", help="Select here, without a server.")] = False,
    data: Annotated[Path | None, typer.Option("--data-dir", help="The data folder.")] = None,
) -> None:
    """Select an object: around clicks, in a box, or the subject in the middle of the picture."""
    pictures.check_output(output)
    if cut_out:
        pictures.check_output(cut_out)
    request: dict[str, Any] = {"mode": "select", "text": text}
    request["points"] = [*_points("--point", point, 1), *_points("--without", without, 0)]
    if box:
        sides = dict(zip(("x", "y", "width", "height"), _numbers("--box", box, 4), strict=True))
        request["box"] = {name: round(value) for name, value in sides.items()}
    files = {"source": input, "mask": mask} if mask else {"source": input}
    job = running.checked(request, JobFile(files=files))
    folder = data_folder_of(data)
    outcome = running.run_job(running.runner_of(folder, local=local), job, quiet=False)
    found = outcome.pictures[0]
    made = Outputs(folder)
    typer.echo(str(made.write(output, pictures.encoded(Picture(found), output.suffix))))
    if cut_out:
        cut = pictures.encoded(_cut_out(input, found), cut_out.suffix)
        typer.echo(str(made.write(cut_out, cut)))
    made.finish()


def _points(option: str, given: list[str] | None, label: int) -> list[dict[str, float]]:
    places = [_numbers(option, one, 2) for one in given or ()]
    return [{"x": x, "y": y, "label": label} for x, y in places]


def _numbers(option: str, text: str, count: int) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        form = "X,Y,WIDTH,HEIGHT" if count == 4 else "X,Y"
        raise BadInput("bad_request", f"{option} {text} is not {form}.", "For example 40,60.")
    return numbers


def _cut_out(input: Path, mask: np.ndarray) -> Picture:
    """The object in its own colours, with the file's depth and profile; alpha from the mask."""
    from pentimento.imaging import cut_out, pixels

    unchanged = pictures.read_unchanged(input)
    source = pixels.with_alpha(unchanged.values)
    return Picture(cut_out.of(source, pixels.to_float(mask[..., 0])), unchanged.profile)
