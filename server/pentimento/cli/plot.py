"""An X/Y plot from the shell: a job once for each pair of values of two settings, and their sheet.

`--x` and `--y` take FIELD=VALUE,VALUE...: `strength=0.2,0.5`, `sampler=Euler,DPM++ 2M Karras`,
`lora:ink=0,0.5,1`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pentimento.cli.run_options import RunCall
from pentimento.core.errors import BadInput

if TYPE_CHECKING:  # numpy, OpenCV, HTTP: not to answer `--help`
    from pentimento.cli.run_options import JobFile

MOST = 16  # values along one axis
WHOLE, NUMBERS, TEXTS = ("steps", "seed"), ("strength", "guidance"), ("sampler", "model")
FORM = (
    "FIELD=VALUE,VALUE with strength, guidance, steps, seed, sampler, model or lora:NAME, such as "
    "strength=0.2,0.5,0.8"
)
Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cell:
    """A value of an axis: its words on the sheet and at the end of a file's name, and what it makes
    of a job's fields."""

    label: str
    change: Callable[[Fields], Fields]


def read_axis(text: str) -> list[Cell]:
    """Raises BadInput for what is not of the form."""
    field, _equals, listed = text.partition("=")
    values = [value.strip() for value in listed.split(",") if value.strip()]
    kind, _colon, name = field.strip().partition(":")
    known = (not name and kind in (*WHOLE, *NUMBERS, *TEXTS)) or (kind == "lora" and name)
    if not known or not 1 <= len(values) <= MOST:
        raise _wrong(text)
    try:
        return [_point(kind, name, value) for value in values]
    except ValueError:
        raise _wrong(text) from None


def _point(kind: str, name: str, value: str) -> Cell:
    if kind == "lora":
        weight = float(value)
        return Cell(f"{name} {weight:g}", lambda fields: _weighted(fields, name, weight))
    if kind in TEXTS:
        return Cell(value, lambda fields: fields | {kind: value})
    number = int(value) if kind in WHOLE else float(value)
    return Cell(f"{kind} {value}", lambda fields: fields | {kind: number})


def _weighted(fields: Fields, name: str, weight: float) -> Fields:
    """The LoRA at that weight, in its place or after the others."""
    loras = list(fields.get("loras") or ())
    entry = {"id": name, "weight": weight}
    if any(one["id"] == name for one in loras):
        return fields | {"loras": [entry if one["id"] == name else one for one in loras]}
    return fields | {"loras": [*loras, entry]}


def _wrong(text: str) -> BadInput:
    return BadInput("bad_request", f"“{text}” is no axis of a plot.", f"Write {FORM}.")


@dataclass(frozen=True, slots=True)
class Plot:
    """The points of both axes; `jobs` are row by row."""

    across: list[Cell]
    down: list[Cell]

    @classmethod
    def of(cls, across: str, down: str) -> Plot:
        return cls(read_axis(across), read_axis(down))

    def jobs(self, job: JobFile) -> list[list[Fields]]:
        """The fields of each picture; one seed for all where none is said or varied."""
        fields = {"seed": 0} | job.request | {"count": 1}
        return [[x.change(y.change(fields)) for x in self.across] for y in self.down]


@dataclass(frozen=True, slots=True)
class Sheet:
    """Where the sheet goes, the folder of the pictures, and the two axes as they were written."""

    sheet: Path
    folder: Path | None
    across: str
    down: str


def run(call: RunCall, into: Sheet, *, unfit: Sequence[Path | bool | None]) -> None:
    """All pictures of a plot one after the other, and their sheet. Nothing is written where one of
    them is wrong or fails. `unfit`: options of single jobs, which a plot has not."""
    import json

    import typer

    from pentimento.cli import outputs, pictures, running
    from pentimento.cli.arguments import data_folder_of
    from pentimento.cli.progress import Bar
    from pentimento.core.errors import Cancelled, PentimentoError
    from pentimento.imaging.plot_sheet import draw_plot

    try:
        if any(unfit) or not (into.across and into.down):
            raise BadInput(
                "bad_request",
                "A plot takes --x and --y, and none of --record, --contact-sheet, --stages and "
                "--by-seam.",
                "Its pictures one by one go into the folder of --pictures.",
            )
        plot = Plot.of(into.across, into.down)
        base = running.job_of(call)
        jobs = [[running.checked(fields, base) for fields in row] for row in plot.jobs(base)]
        if into.sheet.suffix.lower() != ".png":
            raise BadInput(
                "bad_request", f"{into.sheet.name} is no PNG.", "A contact sheet is a .png file."
            )
        outputs.check(into.sheet)
        if into.folder:
            outputs.check_folder(into.folder)
    except PentimentoError as error:
        running.complain(error)
        raise typer.Exit(running.WRONG_USE) from None
    folder, count = data_folder_of(call.data), len(plot.across) * len(plot.down)
    made, written, source = outputs.Outputs(folder), [], base.files.get("source")
    found: list[list[Any]] = []
    with Bar(quiet=call.as_json) as bar:
        for row, line in enumerate(jobs):
            found.append([])
            for column, job in enumerate(line):
                number = row * len(line) + column
                bar.show(f"Picture {number + 1} of {count}", number / count)
                runner = running.runner_of(folder, local=call.local)
                try:
                    outcome = runner.run(job, bar)
                except (KeyboardInterrupt, Cancelled):
                    runner.cancel()
                    bar.stop()
                    running.say("Cancelled.", err=True)
                    raise typer.Exit(running.INTERRUPTED) from None
                request = outcome.record["request"]
                [picture] = pictures.made_of(request, source, outcome.pictures)
                found[-1].append(outcome.pictures[0])
                if into.folder:
                    into.folder.mkdir(parents=True, exist_ok=True)
                    file = into.folder / f"{row + 1}-{column + 1}.png"
                    written.append(made.write(file, pictures.encoded(picture, ".png")))
    across, down = ([point.label for point in axis] for axis in (plot.across, plot.down))
    title = str(base.request.get("prompt", ""))
    sheet = made.write(into.sheet, draw_plot(found, across, down, title))
    files = [str(file) for file in (sheet, *written)]
    if call.as_json:
        typer.echo(json.dumps({"files": files, "across": across, "down": down}, indent=2))
    else:
        typer.echo("\n".join(files))
    made.finish()
