"""Whether the ids of a job still stand for the weights that it was made with. No numpy.

A resolved request keeps a fingerprint of each file or folder in `made_with`, by kind and id. A
client that sends a record's request again sends it along: weights that have another name by now
are found by it, and others of the same name are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pentimento.core.errors import BadInput, Conflict, JobFailed, NotFound, field_error
from pentimento.models.library import fingerprints
from pentimento.models.library.registry import Registry
from pentimento.schema.job import NONE, OF_A_SOURCE_ALONE, JobRequest

PROGRAM = Path(__file__).resolve().parents[2]  # what comes along is replaced by each version
WORDS = {
    "model": "model",
    "vae": "VAE",
    "lora": "LoRA",
    "controlnet": "ControlNet",
    "ip_adapter": "IP-Adapter",
    "embedding": "embedding",
}


class Thing(Protocol):
    """A model or something that can be added to one."""

    @property
    def id(self) -> str: ...
    @property
    def path(self) -> Path: ...


R = TypeVar("R", bound=JobRequest)


def present(request: R, registry: Registry) -> R:
    """The request by the ids that its weights have now. Raises BadInput where what it was made
    with is not there any more; an id without a fingerprint stays as it is."""
    told = request.made_with
    if not told:
        return request
    of = _Present(told, registry)
    return request.model_copy(
        update={
            "model": request.model and of.id("model", request.model),
            "vae": request.vae and of.id("vae", request.vae),
            "loras": [
                lora.model_copy(update={"id": of.id("lora", lora.id)}) for lora in request.loras
            ],
            "controls": [
                control.model_copy(update={"model": of.id("controlnet", control.model)})
                if control.model
                else control
                for control in request.controls
            ],
            "surroundings": request.surroundings
            if request.surroundings in (None, NONE)
            else of.id("ip_adapter", request.surroundings),
            "references": [
                one.model_copy(update={"model": of.id("ip_adapter", one.model)})
                if one.model
                else one
                for one in request.references
            ],
        }
    )


def recorded(request: JobRequest, registry: Registry) -> dict[str, str]:
    """The fingerprints of a resolved request's weights. What cannot be read has none: its job
    fails with the reason."""
    told: dict[str, str] = {}
    for kind, thing_id, path in _used(request, registry):
        if not path.is_relative_to(PROGRAM):
            with suppress(OSError):
                told[f"{kind}/{thing_id}"] = fingerprints.short(path)
    return told


def check_embeddings(request: JobRequest, registry: Registry) -> None:
    """Raises BadInput where a word names another embedding than it did."""
    now = dict(_embeddings(request, registry))
    for key, expected in request.made_with.items():
        kind, _, name = key.partition("/")
        path = now.get(name)
        if kind == "embedding" and (path is None or _short(path) != expected):
            raise _changed(kind, name, gone=path is None)


def check_waiting(request: JobRequest, registry: Registry) -> None:
    """Before a job that waited is computed. Raises JobFailed where its weights were replaced."""
    for kind, thing_id, path in _used(request, registry):
        expected = request.made_with.get(f"{kind}/{thing_id}")
        if expected and _short(path) != expected:
            problem = _changed(kind, thing_id, gone=False)
            raise JobFailed(problem.code, problem.message, problem.hint)


class _Present:
    def __init__(self, told: Mapping[str, str], registry: Registry) -> None:
        self._told, self._registry = told, registry

    def id(self, kind: str, wanted: str) -> str:
        expected = self._told.get(f"{kind}/{wanted}")
        if expected is None:
            return wanted
        there: Thing | None = None
        with suppress(NotFound, BadInput, Conflict):
            there = _get(self._registry, kind, wanted)
        if there is not None and _short(there.path) == expected:
            return there.id
        for other in _all(self._registry, kind):
            if _could_be(other.path, expected) and _short(other.path) == expected:
                return other.id
        raise _changed(kind, wanted, gone=there is None)


def _used(request: JobRequest, registry: Registry) -> Iterator[tuple[str, str, Path]]:
    """Kind, id and place of all weights of a resolved request."""
    painted_with = None if request.mode in OF_A_SOURCE_ALONE else request.model
    wanted = [("model", painted_with), ("vae", request.vae)]
    wanted += [("lora", lora.id) for lora in request.loras]
    wanted += [("controlnet", control.model) for control in request.controls]
    wanted += [("ip_adapter", reference.model) for reference in request.references]
    if request.surroundings != NONE:
        wanted.append(("ip_adapter", request.surroundings))
    for kind, thing_id in wanted:
        if thing_id:
            yield kind, thing_id, _get(registry, kind, thing_id).path
    for name, path in _embeddings(request, registry):
        yield "embedding", name, path


def _embeddings(request: JobRequest, registry: Registry) -> Iterator[tuple[str, Path]]:
    """Those that the words name, also in choices that may not be drawn."""
    prompts = [request.prompt, request.negative_prompt]
    prompts += [region.prompt for region in request.regions]
    with suppress(NotFound, BadInput):  # said when the words are read
        model = registry.get(str(request.model))
        loras = [lora.id for lora in request.loras]
        for embedding in registry.embeddings_named(prompts, model, loras):
            yield embedding.name, embedding.item.place.path


def _get(registry: Registry, kind: str, thing_id: str) -> Thing:
    """Raises NotFound, and BadInput for an old id of several things."""
    match kind:
        case "model":
            return registry.get(thing_id)
        case "vae":
            return registry.vaes.get(thing_id)
        case "ip_adapter":
            return registry.ip_adapters.get(thing_id)
        case "lora":
            return registry.addons.get("lora", thing_id)
    return registry.addons.get("controlnet", thing_id)


def _all(registry: Registry, kind: str) -> Iterable[Thing]:
    lists: dict[str, Any] = {
        "model": registry.list,
        "vae": registry.vaes.list,
        "ip_adapter": registry.ip_adapters.list,
    }
    if kind in lists:
        found: Iterable[Thing] = lists[kind]()
        return found
    return [addon for addon in registry.addons.list() if addon.kind == kind]


def _could_be(path: Path, expected: str) -> bool:
    """Without reading it."""
    return path.is_dir() or expected.startswith(f"{_size(path)}-")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _short(path: Path) -> str:
    """Empty where it cannot be read."""
    try:
        return fingerprints.short(path)
    except OSError:
        return ""


def _changed(kind: str, name: str, *, gone: bool) -> BadInput:
    what = WORDS[kind]
    message = (
        f"The {what} “{name}” that this was made with is not there any more."
        if gone
        else f"The {what} “{name}” is not the one that this was made with: its weights are others."
    )
    return BadInput(
        "weights_changed",
        message,
        f"Put the file of the {what} back, under whatever name, or paint anew with what is there "
        "now.",
        details=field_error(kind, "is not what the record was made with"),
        status=409,
    )
