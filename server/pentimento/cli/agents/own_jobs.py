"""The jobs that an agent began in this session: sent, followed, and their pictures."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pentimento.cli import pictures
from pentimento.cli.client import Client, connect_or_start
from pentimento.cli.pictures import Picture, made_of, read_input
from pentimento.cli.run_options import JobFile
from pentimento.cli.running import words_of
from pentimento.core.errors import BadInput, JobFailed, NotFound
from pentimento.imaging import pixels
from pentimento.schema.job import JobStatus

CLIENT = "agent"
REFERENCE = re.compile(r"job:(?P<id>[A-Za-z0-9_-]+)(?:/(?P<index>\d{1,3}))?")

Tell = Callable[[str, float | None], None]  # words, and how much is done, 0..1


class OwnJobs:
    """Of one session. An agent sees and stops these alone, never what is painted in GIMP. All
    methods block, and may be called from several threads."""

    def __init__(self, data_dir: Path, kept: Path) -> None:
        """`kept`: a folder for pictures that are used again; it goes with the session."""
        self._data_dir, self._kept = data_dir, kept
        self._jobs: dict[str, JobFile] = {}

    def client(self) -> Client:
        return connect_or_start(self._data_dir)[0]

    def begin(self, job: JobFile) -> str:
        client = self.client()
        blobs = {}
        for place, file in job.files.items():
            picture = read_input(file)
            blobs[place] = client.send_picture(picture.data, picture.content_type)
        number = client.send_job(job.with_blobs(blobs) | {"client": CLIENT})
        self._jobs[number] = job
        return number

    def follow(self, number: str, seconds: float, tell: Tell) -> dict[str, Any]:
        """The snapshot once the job has ended, or after so many seconds. Raises JobFailed for one
        that failed."""
        self._known(number)
        until = time.monotonic() + seconds
        snapshot: dict[str, Any] = {}
        for snapshot in self.client().follow(number):
            progress = snapshot["progress"]
            tell(words_of(progress, snapshot["queue_position"]), progress.get("fraction"))
            if time.monotonic() > until:
                break
        if snapshot["status"] == JobStatus.FAILED:
            error = snapshot["error"]
            raise JobFailed(error["code"], error["message"], error["hint"])
        return snapshot

    def cancel(self, number: str) -> None:
        self._known(number)
        self.client().cancel(number)

    def end(self) -> None:
        """Stops what still runs: nobody is there any more to look at it."""
        if not self._jobs:
            return
        client = self.client()
        for number in self._jobs:
            if not JobStatus(client.job(number)["status"]).final:
                client.cancel(number)

    def pictures(self, number: str) -> list[Picture]:
        """Of a job that succeeded, with the source's own pixels and profile where they stayed.
        Raises BadInput for one that has none yet."""
        job, client = self._known(number), self.client()
        snapshot = client.job(number)
        if snapshot["status"] != JobStatus.SUCCEEDED:
            raise BadInput(
                "not_ready",
                f"Job {number} has no picture: it is {snapshot['status']}.",
                "Call look with its id until it has succeeded.",
            )
        found = [
            pixels.with_alpha(client.result(number, image["index"]).array())
            for image in snapshot["images"]
        ]
        return made_of(snapshot["record"]["request"], job.files.get("source"), found)

    def picture(self, number: str, index: int) -> Picture:
        found = self.pictures(number)
        if not 0 <= index < len(found):
            raise BadInput(
                "not_ready",
                f"Job {number} has no picture {index}.",
                f"It has {len(found)}, counted from 0.",
            )
        return found[index]

    def file_of(self, reference: str) -> Path | None:
        """A file with the picture that `job:ID/N` stands for; None for any other text."""
        match = REFERENCE.fullmatch(reference)
        if match is None:
            return None
        number, index = match["id"], int(match["index"] or 0)
        file = self._kept / f"{number}-{index}.png"
        if not file.exists():
            file.write_bytes(pictures.encoded(self.picture(number, index), ".png"))
        return file

    def _known(self, number: str) -> JobFile:
        if number not in self._jobs:
            raise NotFound(
                "job_not_found",
                f"You began no job {number} in this session.",
                "An agent sees its own jobs only.",
            )
        return self._jobs[number]
