"""Two ways to run a job from the shell: the server's queue, or the engine directly."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pentimento import __version__
from pentimento.backends.base import Event, Loading, PixelFile, Result, Step, Task
from pentimento.cli import stages
from pentimento.cli.client import Client, connect_or_start
from pentimento.cli.jobfile import JobFile
from pentimento.cli.pictures import InputPicture, read_input
from pentimento.cli.progress import Bar
from pentimento.errors import Cancelled, JobFailed
from pentimento.imaging import pixels
from pentimento.imaging.contact_sheet import Frame
from pentimento.jobs import results
from pentimento.jobs.plan import resolve
from pentimento.jobs.record import JobRequest, JobStatus, Mode
from pentimento.jobs.styles import Styles, applied
from pentimento.jobs.words import of_pictures
from pentimento.models import Registry
from pentimento.models.annotators import BY_ARITHMETIC


@dataclass(frozen=True, slots=True)
class Outcome:
    """`pictures` are `(h, w, 4)` in the source's depth; `record` runs the job again. `drawn` has
    the prompt of each picture, empty where it is the request's."""

    pictures: list[np.ndarray]
    record: dict[str, Any] = field(default_factory=dict)
    stages: list[Frame] = field(default_factory=list)
    drawn: list[str] = field(default_factory=list)


class Runner(Protocol):
    def run(self, job: JobFile, bar: Bar) -> Outcome:
        """Raises PentimentoError; Cancelled when someone else cancelled the job."""
        ...

    def cancel(self) -> None:
        """Ends what `run` began, if anything."""
        ...


class ServerRunner:
    """Through the running server, which is started when there is none."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._client: Client | None = None
        self._job: str | None = None

    def run(self, job: JobFile, bar: Bar) -> Outcome:
        bar.show("Looking for the server")
        client, _ = connect_or_start(self._data_dir)
        self._client = client
        blobs: dict[str, Any] = {}
        for key, path in job.files.items():
            picture = read_input(path)
            blobs[key] = client.send_picture(picture.data, picture.content_type)
        asked = job.with_blobs(blobs) | {"interactive": True, "client": "shell"}
        self._job = client.send_job(asked)
        final: dict[str, Any] = {}
        for final in client.follow(self._job):
            progress = final["progress"]
            bar.show(_words(progress, final["queue_position"]), progress.get("fraction"))
        _check(final)
        found = [client.result(self._job, image["index"]).array() for image in final["images"]]
        seen = stages.from_server(client, self._job, final["stages"])
        drawn = [image["facts"].get("prompt", "") for image in final["images"]]
        return Outcome([pixels.with_alpha(one) for one in found], final["record"], seen, drawn)

    def cancel(self) -> None:
        if self._client and self._job:
            self._client.cancel(self._job)


class LocalRunner:
    """By an engine process of this command's own; for scripts without a server."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir

    def run(self, job: JobFile, bar: Bar) -> Outcome:
        inputs = {key: read_input(path) for key, path in job.files.items()}
        with tempfile.TemporaryDirectory(prefix="pentimento-") as folder:
            return asyncio.run(self._compute(job, inputs, Path(folder), bar))

    def cancel(self) -> None:
        """Ctrl+C has already ended the event loop, and `_compute` its engine with it."""

    async def _compute(
        self, job: JobFile, inputs: dict[str, InputPicture], folder: Path, bar: Bar
    ) -> Outcome:
        from pentimento.backends.local import LocalBackend

        registry = Registry(self._data_dir)
        request, files = _with_blobs(job, inputs, folder)
        size = inputs["source"].size if "source" in inputs else None
        styled = applied(request, Styles(self._data_dir))
        told = {"style": request.style} if request.style else {}
        request = resolve(styled, registry, size)
        record = {"request": request.compact(), "server_version": __version__, "facts": told}
        if request.strength == 0 and request.source:
            source = pixels.load(files[request.source.blob])
            return Outcome([source] * request.count, record, stages.unchanged(request, source))
        if request.mode is Mode.PREPROCESS and request.controls[0].type in BY_ARITHMETIC:
            return Outcome([pixels.with_alpha(results.drawn(request, files))], record)
        made_of: list[Result] = []
        backend = LocalBackend(self._data_dir, registry)
        try:
            facts = await backend.run(
                Task("shell", request, files, folder, of_pictures(request, registry)),
                lambda event: _report(event, bar, made_of),
            )
        finally:
            await backend.close()
        images = [result for result in made_of if result.kind == "image"]
        made = [pixels.load(image.file) for image in images]
        drawn = [image.facts.get("prompt", "") for image in images]
        return Outcome(made, record | {"facts": told | facts}, stages.from_results(made_of), drawn)


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
            done = (event.image + event.step / event.steps) / event.images
            bar.show(f"Step {event.step} of {event.steps}", done)
        case Result():
            results.append(event)


def _words(progress: dict[str, Any], queue_position: int | None) -> str:
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
