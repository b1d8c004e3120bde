"""Adding and removing models, folders and checkpoints in one file, and checking every byte."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from pentimento.errors import BadInput, Conflict
from pentimento.jobs.record import MODEL_ID
from pentimento.models import sheets
from pentimento.models.checkpoint import SUFFIX, inspect_file
from pentimento.models.denoisers import GGUF_SUFFIX, completed
from pentimento.models.info import ModelInfo
from pentimento.models.inspect import INDEX, inspect
from pentimento.models.registry import FILES, STARTER_ID, Registry
from pentimento.models.weights import whole

WANTED = (".json", ".txt", ".safetensors", ".model", ".md")  # everything else stays behind
SUMS = "checksums.json"
CHUNK = 1 << 22  # bytes

Tell = Callable[[str], None]  # hears which file is being worked on


def add(registry: Registry, source: Path, name: str | None, tell: Tell) -> ModelInfo:
    """Takes a diffusers folder, a checkpoint or a denoiser in one file into the models folder, by
    hard links where the disk allows it; a file's data sheet comes along.

    Raises BadInput when it is not a usable model, Conflict when the name is taken.
    """
    if source.is_file():
        return _add_file(registry, source, _free_name(registry, name or source.stem), tell)
    if not (source / INDEX).is_file():
        raise BadInput(
            "model_damaged",
            f"{source} is not a diffusers folder: it has no {INDEX}.",
            "Give the folder that holds it, with unet, vae and so on below.",
        )
    model_id = _free_name(registry, name or source.resolve().name)
    target = registry.folder / model_id
    registry.folder.mkdir(parents=True, exist_ok=True)
    incoming = registry.folder / f".incoming-{model_id}-{os.getpid()}"
    try:
        _take(source, incoming, tell)
        info = inspect(incoming, model_id)
        if not info.ok and info.role != "rest":
            raise _unusable(source, info)
        sums = {path: _sha256(incoming / path, tell) for path in _weights(incoming)}
        (incoming / SUMS).write_text(json.dumps(sums, indent=2), "utf-8")
        incoming.rename(target)
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
    return inspect(target, model_id)


def _add_file(registry: Registry, source: Path, model_id: str, tell: Tell) -> ModelInfo:
    info = completed(inspect_file(source, model_id), registry.list())
    if not info.ok:
        raise _unusable(source, info)
    target = registry.folder / (model_id + _suffix(source))
    registry.folder.mkdir(parents=True, exist_ok=True)
    incoming = registry.folder / f".incoming-{model_id}-{os.getpid()}"
    tell(source.name)
    try:
        link_or_copy(source.resolve(), incoming)
        if sheets.place_of(source).is_file():
            shutil.copyfile(sheets.place_of(source), sheets.place_of(target))
        incoming.rename(target)
    finally:
        incoming.unlink(missing_ok=True)
    return completed(inspect_file(target, model_id), registry.list())


def _suffix(source: Path) -> str:
    """By what a file is, whatever it is called."""
    return GGUF_SUFFIX if whole(source).format == "gguf" else SUFFIX


def _unusable(source: Path, info: ModelInfo) -> BadInput:
    return BadInput(
        "model_damaged", f"{source} cannot be used. {info.problem}", "Nothing was added."
    )


def _free_name(registry: Registry, model_id: str) -> str:
    """The name, if it can be one and is not taken."""
    if not re.fullmatch(MODEL_ID, model_id):
        raise BadInput(
            "bad_request",
            f"“{model_id}” cannot be a model's name.",
            "Choose one of letters, digits, dots, dashes and underscores with --name.",
        )
    taken = [registry.folder / (model_id + suffix) for suffix in ("", *FILES)]
    if model_id == STARTER_ID or any(place.exists() for place in taken):
        raise Conflict(
            "model_exists", f"There is a model called “{model_id}” already.", "Choose a --name."
        )
    return model_id


def remove(registry: Registry, model_id: str) -> ModelInfo:
    """Deletes a model, or only the link when it is one. Raises NotFound, BadInput."""
    info = registry.get(model_id)
    if info.source:
        raise BadInput(
            "bad_request",
            f"{info.title} lies in a folder of {info.source}, where Pentimento only reads.",
            "Delete it there, or take the folder off the list with "
            "`pentimento models folders remove`.",
        )
    if info.path.parent != registry.folder:
        raise BadInput("bad_request", "The starter model is part of the program and stays.")
    if info.path.is_symlink() or info.path.is_file():
        info.path.unlink()
        if info.path.suffix in FILES:
            sheets.place_of(info.path).unlink(missing_ok=True)
    else:
        shutil.rmtree(info.path)
    return info


def verify(info: ModelInfo, tell: Tell) -> list[str]:
    """Everything that is wrong with a model, as sentences; reads all its weights."""
    if not info.ok:
        return [info.problem]
    if info.path.is_file():
        return []  # its length fits its header, and that is all that is known of it
    file = info.path / SUMS
    known = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    problems = []
    for path in _weights(info.path):
        found = _sha256(info.path / path, tell)
        if path in known and known[path] != found:
            problems.append(f"{path} has changed since it was added.")
    problems += [f"{path} is missing." for path in known if not (info.path / path).is_file()]
    return problems


def _take(source: Path, target: Path, tell: Tell) -> None:
    """Copies what a model needs; a hub cache's links are followed to the files themselves."""
    for place, _, names in os.walk(source, followlinks=False):
        inside = Path(place).relative_to(source)
        for name in sorted(names):
            if not name.endswith(WANTED) or name == SUMS:
                continue
            tell(str(inside / name))
            (target / inside).mkdir(parents=True, exist_ok=True)
            original = Path(place, name).resolve()
            link_or_copy(original, target / inside / name)


def link_or_copy(original: Path, target: Path) -> None:
    try:
        os.link(original, target)
    except OSError:
        shutil.copyfile(original, target)


def _weights(folder: Path) -> Iterator[str]:
    for file in sorted(folder.rglob("*.safetensors")):
        yield file.relative_to(folder).as_posix()


def _sha256(file: Path, tell: Tell) -> str:
    tell(f"{file.parent.name}/{file.name}")
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
