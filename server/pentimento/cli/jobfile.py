"""A job of the shell as a file: the request, and where its pictures lie."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pentimento.errors import BadInput

PICTURE_OF = {"controls": "image", "references": "image", "regions": "mask"}


@dataclass(frozen=True, slots=True)
class JobFile:
    """`request` is compact JSON of a JobRequest. Its pictures are files here, not blobs, by their
    place in it: `source`, `mask`, and of the lists in PICTURE_OF also the number, `controls.0`."""

    request: dict[str, Any] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)

    def with_files(self, files: Mapping[str, Path], anew: Collection[str] = ()) -> JobFile:
        """These files besides those there are; of the lists in `anew` only these."""
        kept = {place: file for place, file in self.files.items() if _field(place) not in anew}
        return replace(self, files=kept | dict(files))

    def with_blobs(self, blobs: Mapping[str, str]) -> dict[str, Any]:
        """The request as it is sent; `blobs` maps the places of the pictures to their ids."""
        found: dict[str, Any] = {
            name: list(value) if name in PICTURE_OF else value
            for name, value in self.request.items()
        }
        for place, blob in blobs.items():
            name, _, number = place.partition(".")
            if number:
                picture = {PICTURE_OF[name]: {"blob": blob}}
                found[name][int(number)] = found[name][int(number)] | picture
            else:
                found[name] = {"blob": blob}
        return found


def read_record(file: Path) -> JobFile:
    """A record written by `--record`, or the one of a job's snapshot. Raises BadInput."""
    try:
        data = json.loads(file.read_text("utf-8"))
        record = data.get("record", data)
        files = {place: Path(path) for place, path in record.get("files", {}).items()}
        return JobFile(dict(record["request"]), files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            "bad_request", f"{file} is not a job's record.", "`--record FILE` writes one."
        ) from error


def write_record(file: Path, record: dict[str, Any], job: JobFile) -> None:
    """The record with the places of the pictures, so that it can be run again as it is."""
    files = {place: str(path.absolute()) for place, path in job.files.items()}
    part = file.with_name(f".{file.name}.part")
    part.write_text(json.dumps(record | {"files": files}, indent=2) + "\n", "utf-8")
    os.replace(part, file)


def _field(place: str) -> str:
    return place.partition(".")[0]
