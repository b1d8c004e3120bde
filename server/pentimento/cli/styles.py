"""`pentimento styles`: what a job gets by one name, kept as files."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from pentimento.cli import run_options
from pentimento.cli.arguments import DataDir, data_folder_of
from pentimento.cli.speech import say
from pentimento.core.errors import BadInput
from pentimento.jobs.styles import PLACE, Styles
from pentimento.schema.style import StyleFields

command = typer.Typer(no_args_is_help=True, help="Words and values that a job gets by one name.")

Name = Annotated[str, typer.Argument(help="As `pentimento styles list` shows it.")]


@command.command("list")
def list_styles(
    data: DataDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the styles."""
    found = Styles(data_folder_of(data)).list()
    if as_json:
        typer.echo(
            json.dumps(
                [entry.answer().model_dump(mode="json") for entry in found],
                indent=2,
                ensure_ascii=False,
            )
        )
        return
    for entry in found:
        whose = "built in" if entry.builtin else entry.file.name
        say(f"{entry.name} ({whose}): {entry.problem or entry.style.prompt}")


@command.command()
def show(name: Name, data: DataDir = None) -> None:
    """Print a style as its file has it."""
    style = Styles(data_folder_of(data)).usable(name)
    typer.echo(
        json.dumps(
            style.model_dump(mode="json", exclude_defaults=True), indent=2, ensure_ascii=False
        )
    )


@command.command()
def save(
    name: Annotated[str, typer.Argument(help="Takes the place of your own of this name.")],
    prompt: Annotated[
        str, typer.Option(help=f"Words around those of the job, which go where {PLACE} is.")
    ] = "",
    negative: Annotated[str, typer.Option(help="What no picture should show.")] = "",
    model: Annotated[str | None, typer.Option(help="See `pentimento models list`.")] = None,
    vae: Annotated[str | None, typer.Option(help="Another VAE than the model's own.")] = None,
    lora: Annotated[
        list[str] | None,
        typer.Option(help=f"{run_options.LORA_FORM}; may be given several times."),
    ] = None,
    sampler: Annotated[str | None, typer.Option(help='For example "DPM++ 2M Karras".')] = None,
    steps: Annotated[int | None, typer.Option(help="1 to 200.")] = None,
    guidance: Annotated[float | None, typer.Option(help="0 to 50.")] = None,
    data: DataDir = None,
) -> None:
    """Keep a style."""
    given: dict[str, Any] = {"prompt": prompt, "negative_prompt": negative, "model": model}
    given |= {"vae": vae, "sampler": sampler, "steps": steps, "guidance": guidance}
    given["loras"] = [run_options.read_lora(text) for text in lora or ()]
    try:
        fields = StyleFields.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise BadInput(
            "bad_request", f"{field}: {first['msg']}", "`pentimento styles save --help` lists all."
        ) from None
    saved = Styles(data_folder_of(data)).save(name, fields)
    say(f"Saved “{saved.name}” as {saved.file.name}.")


@command.command()
def remove(name: Name, data: DataDir = None) -> None:
    """Delete a style of your own."""
    Styles(data_folder_of(data)).remove(name)
    say(f"Removed “{name}”.")
