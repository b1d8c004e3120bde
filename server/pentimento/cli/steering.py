"""Options of `pentimento run` that may be given several times: control maps, reference pictures,
regions and LoRAs, each as one text.

A number at the end counts as a weight, so a file whose name ends in ":1" has to be renamed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pentimento.errors import BadInput

NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)"
SHARE = rf"(?::(?P<weight>{NUMBER})(?::(?P<start>{NUMBER})-(?P<end>{NUMBER}))?)?"
CONTROL = re.compile(rf"(?P<kind>\w+)=(?P<file>.+?){SHARE}")
DRAWN = re.compile(rf"(?P<kind>\w+)(?:=(?P<file>.+?))?{SHARE}")
REFERENCE = re.compile(rf"(?:(?P<kind>\w+)=)?(?P<file>.+?){SHARE}")
REGION = re.compile(rf"(?P<file>.+?)(?::(?P<weight>{NUMBER}))?=(?P<prompt>.*)", re.DOTALL)
NUMBERS = ("weight", "start", "end")

CONTROL_FORM = "TYPE=MAP[:WEIGHT[:START-END]], such as canny=edges.png:0.8:0-0.5"
DRAWN_FORM = "TYPE[=PICTURE][:WEIGHT[:START-END]], such as canny or depth=photo.jpg:0.8"
REFERENCE_FORM = "[KIND=]PICTURE[:WEIGHT[:START-END]], such as style=look.jpg:0.7"
REGION_FORM = "MASK[:WEIGHT]=WORDS, such as left.png=snow"
LORA_FORM = "NAME[:WEIGHT], such as blueprint:0.8"


@dataclass(slots=True)
class Steering:
    """Fields of a job, and their pictures by place as JobFile has them."""

    fields: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)

    def add(self, name: str, entry: dict[str, Any], file: str | None) -> None:
        entries = self.fields.setdefault(name, [])
        if file:
            self.files[f"{name}.{len(entries)}"] = _existing(file)
        entries.append(entry)


def read(
    controls: Iterable[str],
    drawn: Iterable[str],
    references: Iterable[str],
    regions: Iterable[str],
    loras: Iterable[str],
) -> Steering:
    """Raises BadInput for a text that is not of its option's form, and for a missing file."""
    found = Steering()
    for text in controls:
        parts = _parts(CONTROL, text, "--control", CONTROL_FORM)
        found.add("controls", {"type": parts["kind"], **_numbers(parts)}, parts["file"])
    for text in drawn:
        parts = _parts(DRAWN, text, "--draw-control", DRAWN_FORM)
        entry = {"type": parts["kind"], "preprocess": True, **_numbers(parts)}
        found.add("controls", entry, parts["file"])
    for text in references:
        parts = _parts(REFERENCE, text, "--reference", REFERENCE_FORM)
        kind = {"kind": parts["kind"]} if parts["kind"] else {}
        found.add("references", {**kind, **_numbers(parts)}, parts["file"])
    for text in regions:
        parts = _parts(REGION, text, "--region", REGION_FORM)
        found.add("regions", {"prompt": parts["prompt"], **_numbers(parts)}, parts["file"])
    for text in loras:
        found.add("loras", lora(text), None)
    return found


def _parts(form: re.Pattern[str], text: str, option: str, words: str) -> dict[str, str | None]:
    match = form.fullmatch(text)
    if match is None:
        raise BadInput("bad_request", f"{option}: “{text}” cannot be read.", f"Write {words}.")
    return match.groupdict()


def _numbers(parts: dict[str, str | None]) -> dict[str, float]:
    return {name: float(text) for name in NUMBERS if (text := parts.get(name))}


def _existing(name: str) -> Path:
    file = Path(name)
    if not file.is_file():
        raise BadInput("bad_request", f"There is no file {name}.", "Check the name.")
    return file


def lora(text: str) -> dict[str, Any]:
    name, _, weight = text.partition(":")
    try:
        return {"id": name, "weight": float(weight or 1)}
    except ValueError:
        message = f"--lora: “{weight}” is no weight."
        raise BadInput("bad_request", message, f"Write {LORA_FORM}.") from None
