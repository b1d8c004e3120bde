"""Options and job files of `pentimento run`: the request, where its pictures lie, and control maps,
reference pictures, regions and LoRAs, each as one text.

A number at the end counts as a weight, so a file whose name ends in ":1" has to be renamed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from pentimento.core.errors import BadInput

PICTURE_OF = {"controls": "image", "references": "image", "regions": "mask"}


@dataclass(frozen=True, slots=True)
class RunCall:
    """How `pentimento run` was called: the fields that were said, the texts that `read_steering`
    takes, the pictures, and where the job runs and how it is told."""

    fields: dict[str, Any]
    steering: Sequence[list[str] | None]
    inputs: dict[str, Path | None]
    from_record: Path | None
    local: bool
    as_json: bool
    data: Path | None


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
        data = json.loads(file.read_text("utf-8-sig"))
        record = data.get("record", data)
        files = {place: Path(path) for place, path in record.get("files", {}).items()}
        return JobFile(dict(record["request"]), files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            "bad_request", f"{file} is not a job's record.", "`--record FILE` writes one."
        ) from error


def record_text(record: dict[str, Any], job: JobFile) -> str:
    """The record with the places of the pictures, so that it can be run again as it is."""
    files = {place: str(path.absolute()) for place, path in job.files.items()}
    return json.dumps(record | {"files": files}, indent=2) + "\n"


def _field(place: str) -> str:
    return place.partition(".")[0]


NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)"
SHARE = re.compile(
    rf"(?P<file>.+):(?P<weight>{NUMBER})(?::(?P<start>{NUMBER})-(?P<end>{NUMBER}))?", re.DOTALL
)
KIND = re.compile(r"(?P<kind>\w+)(?:=(?P<file>.+))?", re.DOTALL)
NUMBERS = ("weight", "start", "end")

CONTROL_FORM = "TYPE=MAP[:WEIGHT[:START-END]], such as canny=edges.png:0.8:0-0.5"
DRAWN_FORM = "TYPE[=PICTURE][:WEIGHT[:START-END]], such as canny or depth=photo.jpg:0.8"
REFERENCE_FORM = "[KIND=]PICTURE[:WEIGHT[:START-END]], such as style=look.jpg:0.7"
REGION_FORM = "MASK[:WEIGHT]=WORDS, such as left.png=snow"
LORA_FORM = "NAME[:WEIGHT], such as blueprint:0.8"


@dataclass(slots=True)
class SteeringOptions:
    """Fields of a job, and their pictures by place as JobFile has them."""

    fields: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)

    def add(self, name: str, entry: dict[str, Any], file: str | None) -> None:
        entries = self.fields.setdefault(name, [])
        if file:
            self.files[f"{name}.{len(entries)}"] = Path(file)
        entries.append(entry)


def read_steering(
    controls: Iterable[str],
    drawn: Iterable[str],
    references: Iterable[str],
    regions: Iterable[str],
    loras: Iterable[str],
) -> SteeringOptions:
    """Raises BadInput for a text that is not of its option's form, and for a missing file."""
    found = SteeringOptions()
    for text in controls:
        parts = _first(_with_kind(text), text, "--control", CONTROL_FORM)
        found.add("controls", {"type": parts["kind"], **_numbers(parts)}, parts["file"])
    for text in drawn:
        parts = _first(_drawn(text), text, "--draw-control", DRAWN_FORM)
        entry = {"type": parts["kind"], "preprocess": True, **_numbers(parts)}
        found.add("controls", entry, parts["file"])
    for text in references:
        ways = chain(_with_share({}, text), _with_kind(text))
        parts = _first(ways, text, "--reference", REFERENCE_FORM)
        kind = {"kind": parts["kind"]} if parts.get("kind") else {}
        found.add("references", {**kind, **_numbers(parts)}, parts["file"])
    for text in regions:
        parts = _first(_region(text), text, "--region", REGION_FORM)
        found.add("regions", {"prompt": parts["prompt"], **_numbers(parts)}, parts["file"])
    for text in loras:
        found.add("loras", read_lora(text), None)
    return found


Parts = dict[str, str | None]


def _first(ways: Iterable[Parts], text: str, option: str, form: str) -> Parts:
    """The first whose file exists or that needs none. Raises BadInput."""
    missing = None
    for parts in ways:
        file = parts.get("file")
        if file is None or os.path.isfile(file):  # Path's own raises for long words
            return parts
        missing = file  # the last way is the one that the form describes
    if missing is not None:
        raise BadInput("bad_request", f"There is no file {missing}.", "Check the name.")
    raise BadInput("bad_request", f"{option}: “{text}” cannot be read.", f"Write {form}.")


def _with_share(parts: Parts, file: str) -> Iterator[Parts]:
    """The whole text as a name, then with weight and range at its end."""
    if file:
        yield parts | {"file": file}
    if found := SHARE.fullmatch(file):
        yield parts | found.groupdict()


def _with_kind(text: str) -> Iterator[Parts]:
    found = KIND.fullmatch(text)
    if found and found["file"]:
        yield from _with_share({"kind": found["kind"]}, found["file"])


def _drawn(text: str) -> Iterator[Parts]:
    """Without a picture it is the input's map."""
    kind = SHARE.fullmatch(text)
    if re.fullmatch(r"\w+", text):
        yield {"kind": text, "file": None}
    elif kind and re.fullmatch(r"\w+", kind["file"]):
        yield {**kind.groupdict(), "kind": kind["file"], "file": None}
    else:
        yield from _with_kind(text)


def _region(text: str) -> Iterator[Parts]:
    """Split at each "="; at the first one where no mask exists."""
    places = [place for place, letter in enumerate(text) if letter == "=" and place]
    for place in [*places, *places[:1]]:
        yield from _with_share({"prompt": text[place + 1 :]}, text[:place])


def _numbers(parts: Parts) -> dict[str, float]:
    return {name: float(text) for name in NUMBERS if (text := parts.get(name))}


def read_lora(text: str) -> dict[str, Any]:
    name, _, weight = text.partition(":")
    try:
        return {"id": name, **({"weight": float(weight)} if weight else {})}
    except ValueError:
        message = f"--lora: “{weight}” is no weight."
        raise BadInput("bad_request", message, f"Write {LORA_FORM}.") from None
