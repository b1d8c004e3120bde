"""The stages of an observed job as files: one picture each, or all on a sheet."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from pentimento.backends.base import Result
from pentimento.cli.client import Client
from pentimento.errors import BadInput
from pentimento.imaging import contact_sheet, pixels
from pentimento.imaging.contact_sheet import Frame
from pentimento.imaging.stages import EQUAL, NO_LEVEL
from pentimento.jobs.record import JobRequest, Mode
from pentimento.jobs.stages import title
from pentimento.jobs.wording import stage_name

LIST = "stages.json"  # what is known of each, beside the pictures


def from_server(client: Client, job: str, told: list[dict[str, Any]]) -> list[Frame]:
    """Each is fetched when it is needed. `told` are the `stages` of the job's snapshot."""

    def frame(stage: dict[str, Any]) -> Frame:
        def load() -> np.ndarray:
            return client.picture(f"/v1/jobs/{job}/stages/{stage['index']}").array()

        return Frame(stage["code"], stage["name"], stage["facts"], load)

    return [frame(stage) for stage in told]


def from_results(results: list[Result]) -> list[Frame]:
    """Read at once: the folder of a job without a server is gone after it. A job that began again
    with less memory has told its stages twice; the later ones count."""
    stages: list[Result] = []
    for stage in (result for result in results if result.kind == "stage"):
        stages[stage.index :] = [stage]
    return [_held(stage.name, pixels.read(stage.file), stage.facts) for stage in stages]


def unchanged(request: JobRequest, source: np.ndarray) -> list[Frame]:
    """At strength 0 the source is all there is to see."""
    if not request.observe:
        return []
    last = "composite" if request.mode is Mode.INPAINT else "result"
    facts = NO_LEVEL | {"seconds": 0.0, "psnr": EQUAL}
    return [_held(code, source, facts) for code in ("source", last)]


def check(sheet: Path | None, folder: Path | None) -> None:
    """Refuses before the work what could not be written after it. Raises BadInput."""
    if sheet and sheet.suffix.lower() != ".png":
        raise BadInput("bad_request", f"{sheet.name} is no PNG.", "A contact sheet is a .png file.")
    for path in (sheet, folder):
        if path and not path.absolute().parent.is_dir():
            parent = path.absolute().parent
            raise BadInput("bad_request", f"The folder {parent} does not exist.", "Make it first.")


def write(
    frames: list[Frame], record: dict[str, Any], sheet: Path | None, folder: Path | None
) -> list[Path]:
    """The files that were asked for, each whole or not at all."""
    written = []
    if folder and frames:
        folder.mkdir(exist_ok=True)
        written += [_write_stage(frame, folder, number) for number, frame in enumerate(frames, 1)]
        told = [
            {"file": file.name, "code": frame.code, "name": frame.name, "facts": frame.facts}
            for file, frame in zip(written, frames, strict=True)
        ]
        _write(folder / LIST, (json.dumps(told, indent=2) + "\n").encode())
    if sheet and frames:
        request = JobRequest.model_validate(record["request"])
        _write(sheet, contact_sheet.draw(frames, title(request)))
        written.append(sheet)
    return written


def _held(code: str, picture: np.ndarray, facts: dict[str, Any]) -> Frame:
    return Frame(code, stage_name(code, facts), facts, lambda: picture)


def _write_stage(frame: Frame, folder: Path, number: int) -> Path:
    file = folder / f"{number:02d}-{frame.code.replace('_', '-')}.png"
    _write(file, pixels.encode_png(frame.load()))
    return file


def _write(file: Path, data: bytes) -> None:
    part = file.with_name(f".{file.name}.part")
    part.write_bytes(data)
    os.replace(part, file)
