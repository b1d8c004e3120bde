"""What `pentimento run` does: the job checked, run by the server or an engine of its own, and what
it made written and told."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import typer
from pydantic import ValidationError

from pentimento import __version__
from pentimento.cli import outputs, pictures, run_options
from pentimento.cli import pictures as stage_files
from pentimento.cli import pictures as stages
from pentimento.cli.arguments import data_folder_of
from pentimento.cli.client import Client, connect_or_start
from pentimento.cli.outputs import Outputs
from pentimento.cli.pictures import InputPicture, read_input
from pentimento.cli.progress import Bar
from pentimento.cli.run_options import JobFile, RunCall, read_record, record_text
from pentimento.cli.speech import said, say
from pentimento.core.errors import BadInput, Cancelled, JobFailed, PentimentoError
from pentimento.core.settings import EngineOptions, Limits, kept
from pentimento.imaging import decode, pixels
from pentimento.imaging.stages import Frame
from pentimento.jobs import results
from pentimento.jobs.admission import check_space, settle, words_of_pictures
from pentimento.jobs.plan import resolve
from pentimento.jobs.styles import Styles
from pentimento.models.library.registry import Registry
from pentimento.schema.job import JobRequest, JobStatus, Mode
from pentimento.schema.task import Event, Loading, PixelFile, Result, Step, Task

FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130
NOT_YET_KNOWN = "0" * 64  # stands for a blob until it is sent


@dataclass(frozen=True, slots=True)
class Into:
    """Where what a job makes goes: pictures, its record, a sheet and a folder of its stages.
    `by_seam`: the picture whose edge shows least is the first one."""

    output: Path
    record: Path | None
    sheet: Path | None
    stages: Path | None
    by_seam: bool = False


def run(call: RunCall, into: Into) -> None:
    """One job. Ends the command where it is asked for wrongly."""
    try:
        job = _job(call, into)
        if call.local and job.request.get("backend"):
            raise BadInput("bad_request", "--local uses no service.", "Leave out one of both.")
    except PentimentoError as error:
        complain(error)
        raise typer.Exit(WRONG_USE) from None
    folder = data_folder_of(call.data)
    outcome = run_job(runner_of(folder, local=call.local), job, quiet=call.as_json)
    if into.by_seam:
        outcome = outcome.by_seam()
    made = Outputs(folder)
    files = _write(outcome, into.output, job.files.get("source"), made)
    if into.record:
        made.write(into.record, record_text(outcome.record, job).encode())
    shown = stage_files.write_stages(outcome.stages, outcome.record, into.sheet, into.stages, made)
    _tell(outcome, files, shown, as_json=call.as_json)
    made.finish()


def _job(call: RunCall, into: Into) -> JobFile:
    """As it is asked for; raises before anything is begun that could not be finished."""
    stage_files.check_stages(into.sheet, into.stages)
    if into.record:
        outputs.check(into.record)
    job = job_of(call)
    if into.by_seam and job.request["mode"] != Mode.INPAINT:
        raise BadInput(
            "bad_request", "--by-seam compares the edges of a selection.", "Give a --mask."
        )
    pictures.check_output(into.output, int(job.request.get("count", 1)))
    return job


def job_of(call: RunCall) -> JobFile:
    """The job that options and a record describe. Raises BadInput."""
    steered = run_options.read_steering(*(texts or () for texts in call.steering))
    base = read_record(call.from_record) if call.from_record else JobFile()
    files = steered.files | {place: file for place, file in call.inputs.items() if file}
    return checked(call.fields | steered.fields, base.with_files(files, steered.fields))


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


def runner_of(folder: Path, *, local: bool) -> Runner:
    """That computes in this process, or asks the server of the data folder."""
    return LocalRunner(folder) if local else ServerRunner(folder)


def run_job(runner: Runner, job: JobFile, *, quiet: bool) -> Outcome:
    with Bar(quiet=quiet) as bar:
        try:
            return runner.run(job, bar)
        except (KeyboardInterrupt, Cancelled):
            runner.cancel()
            bar.stop()
            say("Cancelled.", err=True)
            raise typer.Exit(INTERRUPTED) from None


def _write(outcome: Outcome, output: Path, source: Path | None, made: Outputs) -> list[Path]:
    """Where the pictures are."""
    count = len(outcome.pictures)
    finished = pictures.made_of(outcome.record["request"], source, outcome.pictures)
    return [
        made.write(
            pictures.numbered(output, index, count), pictures.encoded(picture, output.suffix)
        )
        for index, picture in enumerate(finished)
    ]


def _tell(outcome: Outcome, files: list[Path], shown: list[Path], *, as_json: bool) -> None:
    if as_json:
        answer: dict[str, Any] = {"files": [str(file) for file in files], "record": outcome.record}
        if shown:
            answer["stages"] = [str(file) for file in shown]
        if any(outcome.drawn):
            answer["prompts"] = outcome.drawn
        if "seed" in outcome.record["request"] and any("seam" in one for one in outcome.facts):
            answer["seeds"] = [outcome.seed_of(number) for number in range(len(files))]
            answer["seams"] = [facts.get("seam") for facts in outcome.facts]
        typer.echo(json.dumps(answer, indent=2))
        return
    for notice in outcome.record["facts"].get("notices", ()):
        say(notice["message"], err=True)
    for index, file in enumerate(files):
        drawn = outcome.drawn[index] if outcome.drawn else ""
        words = f": {drawn}" if drawn else ""
        typer.echo(f"{file}{_about(outcome, index)}{words}")


def _about(outcome: Outcome, index: int) -> str:
    """What tells a picture from the others of its job; masks and maps need nothing."""
    facts = outcome.facts[index] if outcome.facts else {}
    if "layer" in facts:
        return f" ({facts['layer']})"
    if outcome.record["request"].get("seed") is None:
        return ""
    seam = facts.get("seam") if outcome.order else None
    known = "" if seam is None else f", seam {seam:.2f}"
    return f" (seed {outcome.seed_of(index)}{known})"


def complain(error: PentimentoError) -> None:
    say(f"pentimento: {said(error.message)}", err=True)
    if error.hint:
        say(error.hint, err=True)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`pictures` are `(h, w, 4)` in the source's depth; `record` runs the job again. `drawn` has
    the prompt of each picture, empty where it is the request's, `order` which of the job's each
    is."""

    pictures: list[np.ndarray]
    record: dict[str, Any] = field(default_factory=dict)
    stages: list[Frame] = field(default_factory=list)
    drawn: list[str] = field(default_factory=list)
    facts: list[dict[str, Any]] = field(default_factory=list)  # of each picture
    order: list[int] = field(default_factory=list)  # empty: as they were made

    def by_seam(self) -> Outcome:
        """The picture whose edge shows least first; those of which it is not known last."""
        seams = [facts.get("seam", math.inf) for facts in self.facts]
        order = sorted(range(len(seams)), key=seams.__getitem__)
        if len(order) != len(self.pictures):  # strength 0: all are the source
            return self
        drawn = [self.drawn[number] for number in order] if self.drawn else []
        return replace(
            self,
            pictures=[self.pictures[number] for number in order],
            drawn=drawn,
            facts=[self.facts[number] for number in order],
            order=order,
        )

    def seed_of(self, number: int) -> int:
        """Of a picture, by its place among them."""
        return int(self.record["request"]["seed"]) + (self.order or range(number + 1))[number]


class Runner(Protocol):
    def run(self, job: JobFile, bar: Bar) -> Outcome:
        """Raises PentimentoError; Cancelled when someone else cancelled the job."""
        ...

    def cancel(self) -> None:
        """Ends what `run` began, if anything."""
        ...


class ServerRunner:
    """Through the running server, which is started when there is none. A job with a `key` goes on
    when this command ends, and is the same one when it is sent again."""

    def __init__(self, data_dir: Path, key: str = "") -> None:
        self._data_dir, self._key = data_dir, key
        self._client: Client | None = None
        self._job: str | None = None

    def run(self, job: JobFile, bar: Bar) -> Outcome:
        bar.show("Looking for the server")
        client, _ = connect_or_start(self._data_dir)
        self._client = client
        blobs: dict[str, Any] = {}
        for key, picture in _inputs(job, bar).items():
            blobs[key] = client.send_picture(picture.data, picture.content_type)
        asked = job.with_blobs(blobs) | {"interactive": not self._key, "client": "shell"}
        self._job = client.send_job(asked, self._key)
        final: dict[str, Any] = {}
        for final in client.follow(self._job):
            progress = final["progress"]
            bar.show(words_of(progress, final["queue_position"]), progress.get("fraction"))
        _check(final)
        found = [client.result(self._job, image["index"]).array() for image in final["images"]]
        seen = stages.stages_from_server(client, self._job, final["stages"])
        drawn = [image["facts"].get("prompt", "") for image in final["images"]]
        facts = [image["facts"] for image in final["images"]]
        made = [pixels.with_alpha(one) for one in found]
        return Outcome(made, final["record"], seen, drawn, facts)

    def cancel(self) -> None:
        if self._client and self._job:
            self._client.cancel(self._job)


class LocalRunner:
    """By an engine process of this command's own; for scripts without a server."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir

    def run(self, job: JobFile, bar: Bar) -> Outcome:
        inputs = _inputs(job, bar)
        with tempfile.TemporaryDirectory(prefix="pentimento-") as folder:
            return asyncio.run(self._compute(job, inputs, Path(folder), bar))

    def cancel(self) -> None:
        """Ctrl+C has already ended the event loop, and `_compute` its engine with it."""

    async def _compute(
        self, job: JobFile, inputs: dict[str, InputPicture], folder: Path, bar: Bar
    ) -> Outcome:
        from pentimento.backends.local import LocalBackend

        registry = Registry(self._data_dir)
        asked, files = _with_blobs(job, inputs, folder)
        admitted = settle(
            *(asked, files, Styles(self._data_dir)),
            lambda styled, size: resolve(styled, registry, size),
        )
        check_space(admitted, folder, Limits().disk_reserve)
        request = admitted.request
        told = {"style": admitted.style} if admitted.style else {}
        record = {"request": request.compact(), "server_version": __version__, "facts": told}
        if admitted.changes_nothing and request.source:
            source = decode.load(files[request.source.blob])
            return Outcome(
                [source] * request.count, record, stages.unchanged_stages(request, source)
            )
        if request.mode is Mode.PREPROCESS and not admitted.needs_engine:
            return Outcome([pixels.with_alpha(results.drawn(request, files))], record)
        if request.mode is Mode.SELECT and not admitted.needs_engine:
            mask = results.selected(request, files)[..., None]
            return Outcome([pixels.with_alpha(mask)], record)
        if request.mode is Mode.HARMONIZE:
            from pentimento.imaging.harmony_layers import NAMES

            layers = results.harmonized(request, files)
            made = [layers.edge, layers.light, layers.shadow]
            return Outcome(made, record, facts=[{"layer": name} for name in NAMES])
        made_of: list[Result] = []
        options = EngineOptions.kept(kept(self._data_dir))
        backend = LocalBackend(self._data_dir, registry, options=options)
        try:
            facts = await backend.run(
                Task("shell", request, files, folder, words_of_pictures(request, registry)),
                lambda event: _report(event, bar, made_of),
            )
        finally:
            await backend.close()
        images = [result for result in made_of if result.kind == "image"]
        made = [decode.load(image.file) for image in images]
        drawn = [image.facts.get("prompt", "") for image in images]
        about = [image.facts for image in images]
        record |= {"facts": told | facts}
        return Outcome(made, record, stages.stages_from_results(made_of), drawn, about)


def _inputs(job: JobFile, bar: Bar) -> dict[str, InputPicture]:
    """The job's pictures by their places; what of them is not used is said."""
    inputs = {place: read_input(path) for place, path in job.files.items()}
    for place, picture in inputs.items():
        for notice in picture.notices:
            bar.say(f"{job.files[place]}: {notice}")
    return inputs


def _with_blobs(
    job: JobFile, inputs: dict[str, InputPicture], folder: Path
) -> tuple[JobRequest, dict[str, PixelFile]]:
    """The request with the ids a server would give its pictures, and the pictures by id."""
    blobs: dict[str, str] = {}
    files: dict[str, PixelFile] = {}
    for key, picture in inputs.items():
        blob = hashlib.sha256(picture.data).hexdigest()
        path = folder / blob
        path.write_bytes(picture.data)
        blobs[key] = blob
        files[blob] = PixelFile(path, picture.size.width, picture.size.height)
    return JobRequest.model_validate(job.with_blobs(blobs)), files


def _report(event: Event, bar: Bar, results: list[Result]) -> None:
    match event:
        case Loading():
            bar.show(event.message)
        case Step():
            done = (event.image + (event.step + event.share) / event.steps) / event.images
            bar.show(f"Step {event.step} of {event.steps}", done)
        case Result():
            results.append(event)


def words_of(progress: dict[str, Any], queue_position: int | None) -> str:
    """What a job does, of the `progress` in its snapshot."""
    if progress["phase"] == "queued" and queue_position:
        return f"Waiting, {queue_position} before this one"
    if progress["phase"] == "denoising":
        return f"Step {progress['step']} of {progress['steps']}"
    return str(progress.get("message") or progress["phase"].capitalize())


def _check(snapshot: dict[str, Any]) -> None:
    if snapshot["status"] == JobStatus.CANCELLED:
        raise Cancelled
    if snapshot["status"] == JobStatus.FAILED:
        error = snapshot["error"]
        raise JobFailed(error["code"], error["message"], error["hint"], details=error["details"])
