"""Styles: what a job gets by one name, kept as a file each. No numpy.

A style has words around those of the job, and values for fields that the job leaves open. Ours lie
in the package, a user's own in `<data-dir>/styles/`; one of the same name goes before ours. What a
file cannot be read for is told in the list and harms no other.

- `Styles(data_dir)`: `list`, `get`, `save`, `remove`
- `applied(request, style) -> request` for jobs and plans
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from pentimento.core import plain_files
from pentimento.core.errors import BadInput, Conflict, NotFound, TooLarge, field_error
from pentimento.core.files import write_private
from pentimento.schema.answers import StyleEntry
from pentimento.schema.job import MAX_LORAS, MAX_PROMPT, OF_A_SOURCE_ALONE, JobRequest, Lora
from pentimento.schema.plan import PlanRequest
from pentimento.schema.style import Style, StyleFields
from pentimento.services.own_workflows import PREFIX
from pentimento.services.records import service

OURS = Path(__file__).resolve().parent.parent / "styles"
FOLDER, SUFFIX = "styles", ".json"  # in the data folder
PLACE = "{prompt}"  # where the job's words go; else they stand before the style's
MOST_STYLES = 500
MOST_BYTES = 65_536  # of a file
NO_WORDS = re.compile(r"(?:\s+of)?\s*\{prompt\}")  # what is left out where the job has none
BETWEEN = ", "
FILLED = ("model", "vae", "sampler", "steps", "guidance")  # where the job leaves them open

R = TypeVar("R", JobRequest, PlanRequest)


@dataclass(frozen=True, slots=True)
class KnownStyle:
    """`problem` is a sentence where the file cannot be read; `style` has its name alone then."""

    style: Style
    file: Path
    builtin: bool = False
    problem: str = ""

    @property
    def name(self) -> str:
        return self.style.name

    def answer(self) -> StyleEntry:
        """An entry of `GET /v1/styles`."""
        return StyleEntry(
            **self.style.model_dump(),
            builtin=self.builtin,
            ok=not self.problem,
            problem=self.problem,
        )


class Styles:
    """Looks at the disk on each call, so a file that is added or mended is there at once. Names
    are looked up in the list; a file's name is made of letters and numbers alone."""

    def __init__(self, data_dir: Path, ours: Path = OURS) -> None:
        self.folder = Path(data_dir) / FOLDER
        self._ours = ours
        self._writing = threading.Lock()

    def list(self) -> Sequence[KnownStyle]:
        """By name, whatever its capitals."""
        found: dict[str, KnownStyle] = {}
        for entry in (*self._read(self._ours, builtin=True), *self._read(self.folder)):
            earlier = found.get(_key(entry.name))
            if earlier is None or (earlier.builtin and not entry.builtin):
                found[_key(entry.name)] = entry
        return sorted(found.values(), key=lambda entry: _key(entry.name))

    def get(self, name: str) -> KnownStyle:
        """Raises NotFound."""
        found = self.list()
        for entry in found:
            if _key(entry.name) == _key(name):
                return entry
        names = ", ".join(entry.name for entry in found if not entry.problem) or "none"
        raise NotFound(
            "style_not_found",
            f"There is no style called “{name}”.",
            f"There are: {names}.",
            details=field_error("style", "is not known"),
        )

    def save(self, name: str, fields: StyleFields) -> KnownStyle:
        """A new one, or in place of the user's own of this name. Raises BadInput for a name that
        cannot be one."""
        try:
            style = Style(name=name.strip(), **fields.model_dump())
        except ValidationError:
            raise BadInput(
                "bad_request",
                "A style's name has 1 to 64 characters, without control characters and slashes.",
                "Give it another name.",
                details=field_error("name", "cannot be a name"),
            ) from None
        plain = style.model_dump(mode="json", exclude_defaults=True)
        data = json.dumps({"name": style.name} | plain, indent=2, ensure_ascii=False).encode()
        if len(data) > MOST_BYTES:
            raise TooLarge("too_large", f"A style has at most {MOST_BYTES} bytes.", "Shorten it.")
        with self._writing:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = self._file_for(style.name)
            write_private(file, data + b"\n")
        return KnownStyle(style, file)

    def remove(self, name: str) -> None:
        """Raises NotFound, and Conflict for one that came with the program."""
        with self._writing:
            entry = self.get(name)
            if entry.builtin:
                raise Conflict(
                    "not_ours",
                    f"The style “{entry.name}” came with the program.",
                    "Save one of the same name to have it as you like.",
                )
            entry.file.unlink(missing_ok=True)

    def usable(self, name: str) -> Style:
        """Raises NotFound, and BadInput for one whose file cannot be read."""
        entry = self.get(name)
        if entry.problem:
            raise BadInput(
                "unsupported",
                f"The style “{entry.name}” cannot be used: {entry.problem}",
                f"Mend {entry.file.name} in the folder {FOLDER} of the data folder, or delete it.",
                details=field_error("style", "cannot be read"),
            )
        return entry.style

    def _read(self, folder: Path, *, builtin: bool = False) -> Iterator[KnownStyle]:
        files = [file for file in plain_files.entries(folder) if file.name.endswith(SUFFIX)]
        for file in files[:MOST_STYLES]:
            yield _entry(file, builtin)

    def _file_for(self, name: str) -> Path:
        """The user's own of this name, else a new one."""
        own = list(self._read(self.folder))
        for entry in own:
            if _key(entry.name) == _key(name):
                return entry.file
        if len(own) >= MOST_STYLES:
            raise BadInput(
                "bad_request", f"There are {MOST_STYLES} styles already.", "Remove some first."
            )
        plain = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")[:40] or "style"
        taken = {entry.file.stem for entry in own}
        stem, number = plain, 1
        while stem in taken:
            number += 1
            stem = f"{plain}-{number}"
        return self.folder / f"{stem}{SUFFIX}"


def applied(request: R, styles: Styles) -> R:
    """The request with its style in its fields, and without its name, so that it can be repeated
    whatever becomes of the style. A service gets the words alone, and ComfyUI a workflow of the
    user's own."""
    if request.style is None:
        return request
    style = styles.usable(request.style)
    chosen: dict[str, Any] = {"style": None}
    if request.mode not in OF_A_SOURCE_ALONE:
        chosen |= _words(request, style)
        if not request.backend:
            chosen |= _values(request, style)
        elif (style.model or "").startswith(PREFIX) and service(request.backend).own_workflows:
            chosen |= _of_a_workflow(request, style)
    return request.model_copy(update=chosen)


def _words(request: R, style: Style) -> dict[str, Any]:
    words = {"prompt": merged(request.prompt, style.prompt)}
    if isinstance(request, JobRequest):
        words["negative_prompt"] = merged(request.negative_prompt, style.negative_prompt)
    for field, text in words.items():
        if len(text) > MAX_PROMPT:
            raise BadInput(
                "bad_request",
                f"With the style “{style.name}” the {field.replace('_', ' ')} is longer than "
                f"{MAX_PROMPT} characters.",
                "Shorten it.",
                details=field_error(field, "is too long"),
            )
    return words


def _of_a_workflow(request: R, style: Style) -> dict[str, Any]:
    names = ("model", "steps", "guidance")
    return {name: getattr(style, name) for name in names if getattr(request, name) is None}


def _values(request: R, style: Style) -> dict[str, Any]:
    chosen: dict[str, Any] = {
        field: getattr(style, field)
        for field in FILLED
        if getattr(style, field) is not None and getattr(request, field, "") is None
    }
    listed = {lora.id for lora in request.loras}
    more: list[Lora] = [lora for lora in style.loras if lora.id not in listed]
    if len(more) + len(request.loras) > MAX_LORAS:
        raise BadInput(
            "bad_request",
            f"With the style “{style.name}” the job has more than {MAX_LORAS} LoRAs.",
            "Leave some out.",
            details=field_error("loras", "are too many"),
        )
    return chosen | {"loras": [*request.loras, *more]}


def merged(words: str, template: str) -> str:
    """The job's words in the style's place for them, else before the style's."""
    if PLACE in template:
        filled = (
            template.replace(PLACE, words.strip()) if words.strip() else NO_WORDS.sub("", template)
        )
        return filled.strip(", ")
    return BETWEEN.join(part for part in (words, template) if part.strip())


def _entry(file: Path, builtin: bool) -> KnownStyle:
    """Never raises: what cannot be read comes back with the problem."""
    try:
        if file.stat().st_size > MOST_BYTES:
            raise ValueError(f"it is larger than {MOST_BYTES} bytes")
        data = json.loads(plain_files.read(file, MOST_BYTES))
        if not isinstance(data, dict):
            raise ValueError("it is not a JSON object")
        return KnownStyle(Style.model_validate({"name": _of_file(file)} | data), file, builtin)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        problem = f"{where}: {first['msg'].removeprefix('Value error, ')}"
    except OSError as error:
        problem = error.strerror or type(error).__name__
    except (ValueError, RecursionError) as error:
        known = str(error) if str(error).startswith("it is") else "it is not valid JSON"
        problem = known
    return KnownStyle(Style(name=_of_file(file)), file, builtin, f"{file.name}: {problem}.")


def _of_file(file: Path) -> str:
    """A name for a style whose file says none."""
    plain = "".join(sign for sign in file.stem if sign.isprintable() and sign not in "/\\")
    return plain.strip()[:64] or "style"


def _key(name: str) -> str:
    return name.strip().casefold()
