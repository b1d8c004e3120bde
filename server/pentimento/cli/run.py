"""`pentimento run`: one job from the shell, by the running server or (`--local`) without one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from pentimento.cli import pictures, steering
from pentimento.cli import stages as stage_files
from pentimento.cli.jobfile import JobFile, read_record, write_record
from pentimento.cli.progress import Bar
from pentimento.cli.runners import LocalRunner, Outcome, Runner, ServerRunner
from pentimento.errors import BadInput, Cancelled, PentimentoError
from pentimento.jobs.record import JobRequest, Mode
from pentimento.paths import data_dir

FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130
NOT_YET_KNOWN = "0" * 64  # stands for a blob until it is sent


def _several(form: str) -> str:
    return f"{form}; may be given several times."


def command(
    output: Annotated[Path, typer.Option(help="Where the picture goes: .png, .jpg or .webp.")],
    mode: Annotated[
        str | None, typer.Option(help="txt2img, img2img, inpaint or edit; else by the input.")
    ] = None,
    input: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The source picture.")
    ] = None,
    mask: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="White is regenerated.")
    ] = None,
    prompt: Annotated[str | None, typer.Option(help="What the picture should show.")] = None,
    negative: Annotated[str | None, typer.Option(help="What it should not show.")] = None,
    strength: Annotated[float | None, typer.Option(help="0 keeps the source, 1 is new.")] = None,
    steps: Annotated[int | None, typer.Option(help="1 to 200; else the model's own.")] = None,
    guidance: Annotated[float | None, typer.Option(help="How closely to follow the words.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same picture.")] = None,
    style: Annotated[
        str | None, typer.Option(help="See `pentimento styles list`; what is given here counts.")
    ] = None,
    sampler: Annotated[str | None, typer.Option(help='For example "DPM++ 2M Karras".')] = None,
    model: Annotated[str | None, typer.Option(help="See `pentimento models list`.")] = None,
    vae: Annotated[str | None, typer.Option(help="Another VAE than the model's own.")] = None,
    backend: Annotated[
        str | None, typer.Option(help="A service of `pentimento backends list`; else this machine.")
    ] = None,
    count: Annotated[int | None, typer.Option(help="Pictures, with seed, seed + 1 ...")] = None,
    width: Annotated[int | None, typer.Option(help="px, txt2img only.")] = None,
    height: Annotated[int | None, typer.Option(help="px, txt2img only.")] = None,
    lora: Annotated[list[str] | None, typer.Option(help=_several(steering.LORA_FORM))] = None,
    control: Annotated[
        list[str] | None,
        typer.Option(help="Steer by a map. " + _several(steering.CONTROL_FORM)),
    ] = None,
    draw_control: Annotated[
        list[str] | None,
        typer.Option(
            help="Steer by the map of a picture, else of the input. "
            + _several(steering.DRAWN_FORM)
        ),
    ] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            help="A picture to go by; KIND is reference, style or composition. "
            + _several(steering.REFERENCE_FORM)
        ),
    ] = None,
    region: Annotated[
        list[str] | None,
        typer.Option(help="Other words where MASK is white. " + _several(steering.REGION_FORM)),
    ] = None,
    observe: Annotated[bool, typer.Option("--observe", help="Keep how it was made.")] = False,
    contact_sheet: Annotated[
        Path | None, typer.Option(help="A PNG of how it was made; means --observe.")
    ] = None,
    stages: Annotated[
        Path | None, typer.Option(help="A folder for its stages; means --observe.")
    ] = None,
    record: Annotated[Path | None, typer.Option(help="Write the job's record here.")] = None,
    from_record: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Run a record again; options override it."),
    ] = None,
    local: Annotated[bool, typer.Option("--local", help="Compute here, without a server.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    data: Annotated[Path | None, typer.Option("--data-dir", help="The data folder.")] = None,
) -> None:
    """Make a picture, or change one."""
    given: dict[str, Any] = {
        "mode": mode,
        "prompt": prompt,
        "negative_prompt": negative,
        "strength": strength,
        "steps": steps,
        "guidance": guidance,
        "seed": seed,
        "style": style,
        "sampler": sampler,
        "model": model,
        "vae": vae,
        "backend": backend,
        "count": count,
        "width": width,
        "height": height,
        "observe": True if observe or contact_sheet or stages else None,
    }
    try:
        several = (control, draw_control, reference, region, lora)
        steered = steering.read(*(texts or () for texts in several))
        pictures.check_output(output)
        stage_files.check(contact_sheet, stages)
        base = read_record(from_record) if from_record else JobFile()
        single = {"source": input, "mask": mask}
        inputs = steered.files | {place: file for place, file in single.items() if file}
        job = checked(given | steered.fields, base.with_files(inputs, steered.fields))
        if local and job.request.get("backend"):
            raise BadInput("bad_request", "--local uses no service.", "Leave out one of both.")
    except PentimentoError as error:
        _complain(error)
        raise typer.Exit(WRONG_USE) from None
    runner: Runner = LocalRunner(data_dir(data)) if local else ServerRunner(data_dir(data))
    outcome = run_job(runner, job, quiet=as_json)
    files = _write(outcome, output)
    shown = stage_files.write(outcome.stages, outcome.record, contact_sheet, stages)
    if record:
        write_record(record, outcome.record, job)
    _tell(outcome, files, shown, as_json=as_json)


def checked(given: dict[str, Any], files: JobFile) -> JobFile:
    """The record's job with the options over it, checked; a wrong value raises BadInput."""
    fields = files.request | {key: value for key, value in given.items() if value is not None}
    fields.pop("source", None)
    fields.pop("mask", None)
    if "mode" not in fields:
        fields["mode"] = _mode_of(files).value
    if fields["mode"] != Mode.TXT2IMG:
        fields = {key: value for key, value in fields.items() if key not in ("width", "height")}
    pending = JobFile(fields).with_blobs(dict.fromkeys(files.files, NOT_YET_KNOWN))
    try:
        request = JobRequest.model_validate(pending)
    except ValidationError as error:
        raise _wrong_values(error) from None
    return JobFile(request.compact(), files.files)


def _mode_of(files: JobFile) -> Mode:
    if "mask" in files.files:
        return Mode.INPAINT
    return Mode.IMG2IMG if "source" in files.files else Mode.TXT2IMG


def _wrong_values(error: ValidationError) -> PentimentoError:
    lines = []
    for problem in error.errors():
        field = ".".join(str(part) for part in problem["loc"])
        text = problem["msg"].removeprefix("Value error, ")
        lines.append(f"{field}: {text}" if field else text)
    return PentimentoError("bad_request", "; ".join(lines), "`pentimento run --help` lists all.")


def run_job(runner: Runner, job: JobFile, *, quiet: bool) -> Outcome:
    with Bar(quiet=quiet) as bar:
        try:
            return runner.run(job, bar)
        except (KeyboardInterrupt, Cancelled):
            runner.cancel()
            bar.stop()
            typer.echo("Cancelled.", err=True)
            raise typer.Exit(INTERRUPTED) from None


def _write(outcome: Outcome, output: Path) -> list[Path]:
    count = len(outcome.pictures)
    files = [pictures.numbered(output, index, count) for index in range(count)]
    for picture, file in zip(outcome.pictures, files, strict=True):
        pictures.write_result(picture, file)
    return files


def _tell(outcome: Outcome, files: list[Path], shown: list[Path], *, as_json: bool) -> None:
    if as_json:
        answer: dict[str, Any] = {"files": [str(file) for file in files], "record": outcome.record}
        if shown:
            answer["stages"] = [str(file) for file in shown]
        if any(outcome.drawn):
            answer["prompts"] = outcome.drawn
        typer.echo(json.dumps(answer, indent=2))
        return
    for index, file in enumerate(files):
        drawn = outcome.drawn[index] if outcome.drawn else ""
        said = f": {drawn}" if drawn else ""
        typer.echo(f"{file} (seed {outcome.record['request']['seed'] + index}){said}")


def _complain(error: PentimentoError) -> None:
    typer.echo(f"pentimento: {error.message}", err=True)
    if error.hint:
        typer.echo(error.hint, err=True)
