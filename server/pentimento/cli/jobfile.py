"""A job of the shell as a file: the request, and where its pictures lie."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pentimento.errors import BadInput

PICTURES = ("source", "mask", "control")


@dataclass(frozen=True, slots=True)
class JobFile:
    """`request` is compact JSON of a JobRequest; pictures are files here, not blobs. `control` is
    the picture of the first of its controls."""

    request: dict[str, Any] = field(default_factory=dict)
    source: Path | None = None
    mask: Path | None = None
    control: Path | None = None

    def with_files(
        self, source: Path | None, mask: Path | None, control: Path | None = None
    ) -> JobFile:
        return replace(
            self,
            source=source or self.source,
            mask=mask or self.mask,
            control=control or self.control,
        )

    def with_blobs(self, blobs: dict[str, str]) -> dict[str, Any]:
        """The request as it is sent; `blobs` maps the names of the pictures to their ids."""
        found: dict[str, Any] = dict(self.request)
        for name, blob in blobs.items():
            if name == "control":
                first, *others = found["controls"]
                found["controls"] = [first | {"image": {"blob": blob}}, *others]
            else:
                found[name] = {"blob": blob}
        return found

    def paths(self) -> dict[str, Path]:
        """The pictures there are, by the request's field."""
        found = {"source": self.source, "mask": self.mask, "control": self.control}
        return {key: path for key, path in found.items() if path}


def read_record(file: Path) -> JobFile:
    """A record written by `--record`, or the one of a job's snapshot. Raises BadInput."""
    try:
        data = json.loads(file.read_text("utf-8"))
        record = data.get("record", data)
        files = record.get("files", {})
        paths = {key: Path(files[key]) for key in PICTURES if key in files}
        return JobFile(dict(record["request"]), **paths)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            "bad_request", f"{file} is not a job's record.", "`--record FILE` writes one."
        ) from error


def write_record(file: Path, record: dict[str, Any], job: JobFile) -> None:
    """The record with the places of the pictures, so that it can be run again as it is."""
    files = {key: str(path.absolute()) for key, path in job.paths().items()}
    part = file.with_name(f".{file.name}.part")
    part.write_text(json.dumps(record | {"files": files}, indent=2) + "\n", "utf-8")
    os.replace(part, file)
