"""`pentimento models verify`: whether the files of a model or a part are whole, and what becomes of
each weight in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from pentimento.cli.arguments import data_folder_of
from pentimento.cli.speech import say
from pentimento.models import manage
from pentimento.models.library.model import ModelInfo
from pentimento.models.library.parts.controlnet_lora import lora_file
from pentimento.models.library.registry import Registry
from pentimento.models.weights.leftovers import Leftovers

if TYPE_CHECKING:
    from pentimento.engine.loading.matching import Matched

SHOWN = 8  # names of a kind, where not all are asked for


@dataclass(frozen=True, slots=True)
class Installed:
    """Something that is installed. `match` tells of its weights; it loads the engine's packages."""

    id: str
    role: str
    path: Path
    problem: str
    match: Callable[[], Sequence[Matched]]


def verify(model: str | None, keys: bool, data: Path | None) -> None:
    """All, or one of them; `keys` lists every weight. Raises typer.Exit(1) for damage."""
    from pentimento.engine.quiet import silence

    silence()
    damaged = False
    for one in _chosen(Registry(data_folder_of(data)), model):
        problems = [one.problem] if one.problem else manage.verify_files(one.path, _tell)
        matched = () if problems else one.match()
        problems += [_of_part(part, part.problem, matched) for part in matched if part.problem]
        damaged = damaged or bool(problems)
        say(f"{one.id}: {' '.join(problems) or 'ok'}{_note(matched)}")
        for part in matched:
            _list(part, keys)
    if damaged:
        raise typer.Exit(1)


def _note(matched: Sequence[Matched]) -> str:
    told = []
    for part in matched:
        if part.unread:
            told.append(_of_part(part, part.unread, matched))
        elif not part.problem:
            idle = Leftovers(part.unused, part.training, len(part.names))
            every = f"all {len(part.names)} weights are used."
            told.append(_of_part(part, idle.sentence or every, matched))
    return f" ({' '.join(told)})" if told else ""


def _of_part(part: Matched, sentence: str, matched: Sequence[Matched]) -> str:
    """With the part's name, where there are several."""
    return f"{part.part}: {sentence}" if len(matched) > 1 else sentence


def _list(part: Matched, keys: bool) -> None:
    for words, names in (
        ("used", part.used if keys else ()),
        ("not used", part.unused),
        ("of its training, not used", part.training),
        ("missing", part.missing),
    ):
        for name in names if keys else names[:SHOWN]:
            say(f"  {words}: {part.part} {name}")
        if not keys and len(names) > SHOWN:
            say(f"  {words}: {part.part} … {len(names) - SHOWN} more, which --keys lists")


def _chosen(registry: Registry, wanted: str | None) -> Sequence[Installed]:
    chosen = [one for one in _all(registry) if wanted in (None, one.id, f"{one.role}:{one.id}")]
    if not chosen and wanted:
        return [_model(registry.get(wanted))]
    return chosen


def _model(info: ModelInfo) -> Installed:
    def match() -> Sequence[Matched]:
        from pentimento.engine.loading import matching

        return tuple(matching.of_model(info))

    return Installed(info.id, manage.MODEL, info.path, "" if info.ok else info.problem, match)


def _all(registry: Registry) -> Iterator[Installed]:
    models = [info for info in registry.list() if info.ok]
    yield from map(_model, registry.list())
    for part in manage.all_of(registry):
        yield Installed(part.id, part.role, part.path, part.problem, _match(registry, part, models))


def _match(
    registry: Registry, part: manage.Part, models: Sequence[ModelInfo]
) -> Callable[[], Sequence[Matched]]:
    def match() -> Sequence[Matched]:
        from pentimento.engine.loading import matching

        if part.role in ("vae", "tiny_vae"):
            vae = registry.vaes.get(part.id)
            fitting = [model for model in models if vae.fits(model) or vae.shows(model)]
            return (matching.of_vae(part.path, vae.kind, fitting),)
        if part.role == "controlnet":
            net = registry.addons.get("controlnet", part.id)
            fitting = [model for model in models if net.fits(model)]
            return (matching.of_controlnet(part.path, fitting, sorted(net.families)),)
        if part.role == "lora":
            return (matching.of_lora(lora_file(part.path)),)
        if part.role == "ip_adapter":
            adapter = registry.ip_adapters.get(part.id)
            return tuple(matching.of_ip_adapter(part.path, adapter.encoder))
        if part.role == "annotator":
            return (matching.of_annotator(part.path),)
        if part.role == "upscaler":
            return (matching.of_upscaler(part.path),)
        if part.role == "embedding":
            known = [one for one in registry.embeddings.list() if one.item.place.path == part.path]
            return tuple(matching.of_embedding(part.path, one.tensors) for one in known)
        return (matching.of_other(part.path),)

    return match


def _tell(file: str) -> None:
    if Console(stderr=True).is_terminal:
        say(f"  {file}", err=True)
