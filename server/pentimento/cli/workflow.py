"""`pentimento workflow`: a job written out for ComfyUI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from pentimento.cli.arguments import DataDir, data_folder_of
from pentimento.cli.client import connect
from pentimento.cli.speech import say
from pentimento.core.errors import BadInput
from pentimento.schema.job import JobRequest
from pentimento.services import comfyui_export


def command(
    job: Annotated[
        str, typer.Argument(help="A job's id, or a file with a job's record or a recipe.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")],
    api: Annotated[
        bool, typer.Option("--api", help="ComfyUI's API format, not that of its editor.")
    ] = False,
    data: DataDir = None,
) -> None:
    """Write a job out as a workflow that ComfyUI opens, with its stock nodes."""
    found = _record(job, data)
    try:
        request = JobRequest.model_validate(found.get("request", found))
    except ValidationError:
        raise _no_record(job) from None
    exported = comfyui_export.of_job(request, comfyui_export.size_of(found))
    made = exported.api if api else exported.editor
    output.write_text(json.dumps(made, indent=2, ensure_ascii=False), "utf-8")
    for note in exported.notes:
        say(note)


def _record(job: str, data: Path | None) -> dict[str, Any]:
    """What a file holds, or the server keeps of a job."""
    file = Path(job)
    if not file.is_file():
        return dict(connect(data_folder_of(data)).job(job)["record"])
    try:
        found = json.loads(file.read_text("utf-8-sig"))
        found = found.get("record", found)
    except (ValueError, AttributeError, RecursionError):
        raise _no_record(job) from None
    if not isinstance(found, dict) or not {"request", "mode"} & set(found):
        raise _no_record(job)
    return found


def _no_record(job: str) -> BadInput:
    return BadInput(
        "bad_record",
        f"{job} is no record of a job.",
        "Give a job's id, or a file with what GIMP's “How it was made” or `GET /v1/jobs` tells.",
    )
