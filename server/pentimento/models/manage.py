"""Adding, removing and checking models and their parts, each in the folder of its kind.

The starter is never taken away, nor what lies elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pentimento.core.errors import BadInput, Conflict, NotFound
from pentimento.models.catalogue import PLACES, Catalogue
from pentimento.models.library import ids, sidecar
from pentimento.models.library.checkpoint import GGUF_SUFFIX, SUFFIX, attach_base, inspect_file
from pentimento.models.library.ids import id_of
from pentimento.models.library.inventory import MODELS, OWN
from pentimento.models.library.model import ModelInfo, inspect
from pentimento.models.library.parts.controlnet_lora import KINDS
from pentimento.models.library.parts.vae import ROLES
from pentimento.models.library.registry import FILES, STARTER_ID, Registry
from pentimento.models.library.sidecar import INDEX
from pentimento.models.tables import unsupported
from pentimento.models.tables.unsupported import MODULAR_INDEX
from pentimento.models.weights.check import whole
from pentimento.models.weights.detect.recognise import UNKNOWN, recognise
from pentimento.models.weights.header import Damaged

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
        return _add_file(registry, source, _free_name(registry, name, source.stem), tell)
    if (source / MODULAR_INDEX).is_file() and not (source / INDEX).is_file():
        named = str(sidecar.read_json(source / MODULAR_INDEX).get("_class_name", ""))
        raise BadInput(
            "model_damaged",
            f"{source} is a diffusers folder in blocks. {unsupported.of_class(named)}.",
            "Nothing was added.",
        )
    if not (source / INDEX).is_file():
        raise BadInput(
            "model_damaged",
            f"{source} is not a diffusers folder: it has no {INDEX}.",
            "Give the folder that holds it, with unet, vae and so on below.",
        )
    called = _free_name(registry, name, source.resolve().name)
    model_id, target = id_of(called, "model"), registry.folder / called
    registry.folder.mkdir(parents=True, exist_ok=True)
    incoming = registry.folder / f".incoming-{os.getpid()}"
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


def _add_file(registry: Registry, source: Path, called: str, tell: Tell) -> ModelInfo:
    model_id = id_of(called, "model")
    files = tuple(registry.part_files())
    info = attach_base(inspect_file(source, model_id), registry.list(), files)
    if not info.ok:
        raise _unusable(source, info)
    target = registry.folder / (called + _suffix(source))
    registry.folder.mkdir(parents=True, exist_ok=True)
    take_file(source, target, tell)
    return attach_base(inspect_file(target, model_id), registry.list(), files)


def take_file(source: Path, target: Path, tell: Tell = lambda file: None) -> None:
    """Weights in one file under another name, with their data sheet and the sum that `verify`
    holds them against. What an earlier file of this name left behind goes away."""
    tell(source.name)
    incoming = target.with_name(f".incoming-{os.getpid()}")
    sheet = sidecar.place_of(source)
    try:
        link_or_copy(source.resolve(), incoming)
        remove_beside(target)
        if sheet.is_file():
            shutil.copyfile(sheet, sidecar.place_of(target))
        sums = {target.name: _sha256(incoming, tell)}
        sums_of(target).write_text(json.dumps(sums, indent=2, ensure_ascii=False), "utf-8")
        incoming.rename(target)
    finally:
        incoming.unlink(missing_ok=True)
        if not os.path.lexists(target):
            remove_beside(target)


def remove_file(file: Path) -> None:
    """With what lies beside it."""
    file.unlink()
    remove_beside(file)


def remove_beside(file: Path) -> None:
    """The data sheet of weights in one file, and their sum."""
    sidecar.place_of(file).unlink(missing_ok=True)
    sums_of(file).unlink(missing_ok=True)


def sums_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.{SUMS}")


def _suffix(source: Path) -> str:
    """By what a file is, whatever it is called."""
    return GGUF_SUFFIX if whole(source).format == "gguf" else SUFFIX


def _unusable(source: Path, info: ModelInfo) -> BadInput:
    return BadInput(
        "model_damaged", f"{source} cannot be used. {info.problem}", "Nothing was added."
    )


def _free_name(registry: Registry, name: str | None, otherwise: str) -> str:
    """The name, if it can be one and is not taken."""
    called = ids.as_file_name(otherwise) if name is None else name
    ids.check_file_name(called)
    taken = [registry.folder / (called + suffix) for suffix in ("", *FILES)]
    if called == STARTER_ID or any(os.path.lexists(place) for place in taken):
        raise Conflict(
            "model_exists", f"There is a model called “{called}” already.", "Choose a --name."
        )
    return called


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
        remove_file(info.path)
    else:
        shutil.rmtree(info.path)
    return info


def verify(info: ModelInfo, tell: Tell) -> list[str]:
    """Everything that is wrong with a model, as sentences; reads all its weights."""
    return [info.problem] if not info.ok else verify_files(info.path, tell)


def verify_files(path: Path, tell: Tell) -> list[str]:
    """Of a folder's weights, or of one file: each is read to its end, and held against its sum
    where that is known."""
    root = path if path.is_dir() else path.parent
    sums = path / SUMS if path.is_dir() else sums_of(path)
    files = list(_weights(path)) if path.is_dir() else [path.name]
    try:
        known = json.loads(sums.read_text("utf-8")) if sums.is_file() else {}
    except ValueError:
        return [f"{sums.name} cannot be read, so that nothing tells what its weights were."]
    problems = []
    for file in files:
        try:
            found = _sha256(root / file, tell)
        except OSError as error:
            problems.append(f"{file} cannot be read: {error.strerror or type(error).__name__}.")
            continue
        if file in known and known[file] != found:
            problems.append(f"{file} has changed since it was added.")
    problems += [f"{file} is missing." for file in known if not (root / file).is_file()]
    return problems


def _take(source: Path, target: Path, tell: Tell) -> None:
    """Copies what a model needs; a hub cache's links are followed to the files themselves."""
    for place, _, files in os.walk(source, followlinks=False):
        inside = Path(place).relative_to(source)
        for name in sorted(files):
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


SHELVES = {  # role -> folder of the data folder
    "controlnet": "controlnets",
    "lora": "loras",
    "embedding": "embeddings",
    "upscaler": "upscalers",
    "vae": "vaes",
    "tiny_vae": "vaes",
    "text_encoder": "text_encoders",
}


@dataclass(frozen=True, slots=True)
class Part:
    """Something installed that is no model itself; `problem` is empty where it can be used."""

    role: str
    id: str
    path: Path
    problem: str = ""


def role_of(source: Path) -> str:
    """What a file is; "unknown" for a folder and for what cannot be read."""
    try:
        return recognise(source).role if source.is_file() else UNKNOWN
    except (Damaged, OSError):
        return UNKNOWN


def add_part(data_dir: Path, source: Path, name: str | None) -> Path:
    """Where it lies now with its data sheet, by hard links where the disk allows it. `source` is a
    safetensors file of a role in SHELVES. Raises BadInput, Conflict."""
    name = ids.as_file_name(source.stem) if name is None else name
    ids.check_file_name(name)
    folder = data_dir / SHELVES[role_of(source)]
    target = folder / f"{name}{source.suffix}"
    if os.path.lexists(target):
        raise Conflict("model_exists", f"There is a file {target} already.", "Choose a --name.")
    folder.mkdir(parents=True, exist_ok=True)
    take_file(source, target)
    return target


def all_of(registry: Registry) -> Iterator[Part]:
    """Everything that is no model itself, of every role."""
    for addon in registry.addons.list():
        yield Part(addon.kind, addon.id, addon.path, addon.problem)
    for vae in registry.vaes.list():
        yield Part("vae", vae.id, vae.path, vae.problem)
    for adapter in registry.ip_adapters.list():
        yield Part("ip_adapter", adapter.id, adapter.path, adapter.problem)
    for item in registry.inventory.list():
        if item.role not in (*MODELS, *KINDS, *ROLES, "ip_adapter"):
            yield Part(item.role, item.id, item.place.path, item.problem)
    for annotator in registry.annotators.list():
        yield Part("annotator", annotator.path.name, annotator.path, annotator.problem)


MODEL = "model"


def remove_any(data_dir: Path, registry: Registry, catalogue: Catalogue, model_id: str) -> None:
    """Deletes a model, ControlNet, LoRA or another part by its id, or only the link where it is
    one; a part's role may stand before its id (`lora:ink`). Raises NotFound, BadInput."""
    remove_found(data_dir, registry, find(data_dir, registry, catalogue, model_id))


def find(data_dir: Path, registry: Registry, catalogue: Catalogue, model_id: str) -> Part:
    """What an id means to `remove_any`. Raises NotFound, BadInput."""
    known = list(_everything(data_dir, registry, catalogue))
    role, _, name = model_id.rpartition(":")
    alike = [part for part in known if part.id == name and role in ("", part.role)]
    found = {part.path: part for part in reversed(alike)}
    if not found:
        raise NotFound(
            "model_not_found",
            f"There is no model called “{model_id}”.",
            f"Installed: {', '.join(dict.fromkeys(part.id for part in known)) or 'none'}.",
        )
    if len(found) > 1:
        raise BadInput(
            "ambiguous_id",
            f"“{model_id}” is the id of several things.",
            f"Say which: {', '.join(sorted(f'{part.role}:{part.id}' for part in alike))}.",
            status=409,
        )
    return next(iter(found.values()))


def remove_found(data_dir: Path, registry: Registry, part: Part) -> None:
    """Raises BadInput for what lies elsewhere."""
    if part.role == MODEL:
        remove(registry, part.id)
        return
    path = part.path
    if path.parent not in {data_dir / place for place in (*PLACES.values(), *OWN)}:
        raise BadInput(
            "not_ours",
            "This model is part of the program, or belongs to another one, and stays.",
            "What lies in the data folder can be removed.",
            status=409,
        )
    if path.is_symlink() or path.is_file():
        remove_file(path)
        return
    gone = path.with_name(f".removed-{path.name}")
    shutil.rmtree(gone, ignore_errors=True)
    path.rename(gone)  # never half a model under its name
    shutil.rmtree(gone)


def _everything(data_dir: Path, registry: Registry, catalogue: Catalogue) -> Iterator[Part]:
    yield from (Part(MODEL, info.id, info.path) for info in registry.list())
    yield from all_of(registry)
    for entry in catalogue.entries.values():
        if (place := entry.place(data_dir)).exists():
            yield Part(entry.role.replace("-", "_"), entry.id, place)
