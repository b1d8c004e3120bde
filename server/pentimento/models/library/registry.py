"""The list of models: the starter that comes along, every folder and checkpoint in one file under
<data-dir>/models, and those in the folders of other programs."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from pentimento.core import plain_files
from pentimento.core.errors import NotFound
from pentimento.models.library.checkpoint import (
    GGUF_SUFFIX,
    SUFFIX,
    attach_base,
    inspect_file,
    needs_base,
)
from pentimento.models.library.disk import Disk, Look, Source
from pentimento.models.library.ids import Listing, NamedPlace, Rank
from pentimento.models.library.inventory import MODELS, Inventory, Item, named
from pentimento.models.library.model import ModelInfo, inspect
from pentimento.models.library.parts.annotator import Annotators
from pentimento.models.library.parts.controlnet_lora import Addons, lora_file
from pentimento.models.library.parts.embedding import Embedding, Embeddings
from pentimento.models.library.parts.ip_adapter import IpAdapters
from pentimento.models.library.parts.upscaler import Upscalers
from pentimento.models.library.parts.vae import Vaes
from pentimento.models.library.places import Place
from pentimento.models.library.sidecar import INDEX
from pentimento.models.tables.architectures import FAMILIES
from pentimento.models.tables.few_step import Defaults
from pentimento.models.weights.detect.recognise import recognise
from pentimento.prompts.wildcards import Wildcards
from pentimento.schema.job import Lora

FILES = (SUFFIX, GGUF_SUFFIX)
STARTER_ID = "starter"
STARTER_FOLDER = Path(__file__).resolve().parents[2] / "starter" / "model"

KIND = "model"
T = TypeVar("T")
Model = Source[ModelInfo]


class Registry:
    """A model that is added or repaired is there at once: each call looks at the disk, and opens
    what changed. One request works with one `snapshot`, in which nothing changes.

    Ids are looked up in the list and never become part of a path.
    """

    def __init__(
        self, data_dir: Path, starter: Path = STARTER_FOLDER, look: Look | None = None
    ) -> None:
        self.folder = Path(data_dir) / "models"
        self._data = Path(data_dir)
        self._starter = starter
        self._look = look or Look()
        self.inventory = Inventory(data_dir, self._look)
        self.addons = Addons(data_dir, self.inventory)
        self.annotators = Annotators(data_dir, self._look)
        self.ip_adapters = IpAdapters(data_dir, self.inventory)
        self.vaes = Vaes(data_dir, self.inventory)
        self.upscalers = Upscalers(data_dir, self.inventory)
        self.embeddings = Embeddings(self.inventory)
        self.wildcards = Wildcards(data_dir)

    @property
    def disk(self) -> Disk:
        """Where what was read is kept."""
        return self._look.disk

    def derived(self, what: Hashable, of: tuple[object, ...], make: Callable[[], T]) -> T:
        """What `make` gave, until `of`, which was read here, is another."""
        return self._look.derived(what, of, make)

    def snapshot(self, *, whole: bool = False) -> Registry:
        """All as it is now, for one request. `whole`: each file is looked at, for lists; else only
        those that are asked for, and of the rest whether any came or went."""
        if self._look.fixed:
            return self
        return Registry(self._data, self._starter, Look(self.disk, fixed=True, whole=whole))

    def list(self) -> Sequence[ModelInfo]:
        """All models, the starter first; the default one is marked, damaged ones say why."""
        found = self._all(self._known(whole=True))
        whole = tuple(self._completed(info, found) for info in found)
        default = next((info.id for info in found if info.ok), None)  # never a denoiser by itself
        marked = self._look.derived(
            "models", whole, lambda: [replace(m, default=m.id == default) for m in whole]
        )
        return [*marked]

    def get(self, model_id: str) -> ModelInfo:
        """The model with that id, damaged or not; NotFound when there is none. Reads no others
        than those that could be the default one, or the base of a denoiser by itself."""
        known = self._known()
        found = known.find(model_id)
        if found is not None:
            info = self._look.item(KIND, found, known.by_id[found], sure=True)
            if needs_base(info):
                info = self._completed(info, self._all(known))
            return replace(info, default=info.ok and self._first_usable(known) == found)
        raise NotFound(
            "model_not_found",
            f"There is no model called “{model_id}”.",
            f"Installed: {', '.join(known.by_id) or 'none'}. "
            "`pentimento models add FOLDER` adds one.",
        )

    def defaults(self, model: ModelInfo, loras: Iterable[Lora] = ()) -> Defaults:
        """What suits a job: as the first of its LoRAs for few steps wants, else as the model does.
        Raises NotFound for an unknown LoRA."""
        own = Defaults(
            model.default_sampler,
            model.default_steps,
            model.default_guidance,
            spacing=model.spacing,
        )
        for lora in loras:
            addon = self.addons.get("lora", lora.id)
            few = addon.suggests
            if few and (addon.weight if lora.weight is None else lora.weight) > 0:
                family = FAMILIES.get(model.family)
                able = family is None or few.sampler in family.samplers
                return few if able else replace(few, sampler=own.sampler)
        return own

    def embeddings_named(
        self, prompts: Collection[str], model: ModelInfo, loras: Iterable[str]
    ) -> Sequence[Embedding]:
        """As `Embeddings.named`, with what the LoRAs of these ids brought along."""
        files = [lora_file(self.addons.get("lora", name).path) for name in loras]
        return self.embeddings.named(prompts, model, files)

    @property
    def default_id(self) -> str:
        """The id a job without `model` gets; NotFound when no model can be used."""
        found = self._first_usable(self._known())
        if found is not None:
            return found
        raise NotFound(
            "model_not_found",
            "No usable model is installed.",
            "Run install.sh again to restore the starter model, or `pentimento models add FOLDER`.",
        )

    def _all(self, known: Listing[Model]) -> tuple[ModelInfo, ...]:
        return tuple(self._look.item(KIND, name, source, sure=True) for name, source in known)

    def _first_usable(self, known: Listing[Model]) -> str | None:
        read = ((name, self._look.item(KIND, name, source, sure=True)) for name, source in known)
        return next((name for name, info in read if info.ok), None)

    def _completed(self, info: ModelInfo, models: tuple[ModelInfo, ...]) -> ModelInfo:
        """With the parts of its base, where it is a denoiser by itself."""
        if not needs_base(info):
            return info
        states = [self._look.stamp(model.path) for model in models if model.family == info.family]
        lacking = any(model.lacks[1:] for model in models if model.family == info.family)
        files = tuple(self.part_files()) if lacking else ()
        of = (info, models, *states, files)
        return self._look.derived(("base", info.id), of, lambda: attach_base(info, models, files))

    def part_files(self) -> Iterator[Item]:
        """Text encoders and VAEs that are files by themselves."""
        yield from (item for item in self.inventory.list() if item.role in ("text_encoder", "vae"))
        for vae in self.vaes.list():
            if not vae.source and plain_files.is_file(vae.path):
                place = Place(vae.path, vae.title, "vae", vae.path.parent, "")
                told = recognise(vae.path) if vae.ok else None
                yield Item(vae.id, place, "vae", told, vae.ok, vae.problem)

    def _known(self, *, whole: bool = False) -> Listing[Model]:
        """How each model is read, by its id and in the order of the list."""
        entries: list[tuple[NamedPlace, Model]] = []
        starter = NamedPlace(STARTER_ID, STARTER_ID, Rank.PROGRAM)
        if plain_files.is_file(self._starter / INDEX):
            entries.append((starter, Source(self._starter, partial(inspect, self._starter))))
        for folder in self._folders():
            name = folder.name if plain_files.is_folder(folder) else folder.stem
            source = Source(folder, partial(self._inspect, folder))
            entries.append((NamedPlace(name, folder.name), source))
        outside = self.inventory.outside(whole=whole)
        for item in self._look.derived("models outside", outside, lambda: _models_of(outside)):
            source = Source(item.place.path, partial(_outside, item), item.state)
            entries.append((named(item.place), source))
        reserved = () if entries and entries[0][0] is starter else (STARTER_ID,)
        return Listing(entries, "model", "model", "model", reserved)

    def _folders(self) -> Iterable[Path]:
        return [
            entry
            for entry in self._look.entries(self.folder)
            if not entry.name.startswith(".")
            and (
                os.path.lexists(entry / INDEX)
                or (entry.suffix in FILES and not plain_files.is_folder(entry))
                or plain_files.is_shut(entry)  # what it is cannot be told
            )
        ]

    def _inspect(self, folder: Path, model_id: str) -> ModelInfo:
        if folder.is_symlink() and not plain_files.is_inside(folder, self.folder):
            return ModelInfo(
                model_id,
                folder.name,
                "unknown",
                folder,
                ok=False,
                problem="It is a link to a place outside the models folder; "
                "`pentimento models add` copies a model properly.",
            )
        if plain_files.is_folder(folder):
            return inspect(folder, model_id)
        return inspect_file(folder, model_id)


def _models_of(items: Iterable[Item]) -> Sequence[Item]:
    return [item for item in items if item.role in MODELS]


def _outside(item: Item, model_id: str) -> ModelInfo:
    """A model in another program's folder."""
    place = item.place
    if not item.ok:
        info = ModelInfo(
            model_id, place.title, "unknown", place.path, problem=item.problem, ok=False
        )
    elif plain_files.is_folder(place.path):
        info = inspect(place.path, model_id, place.root)
    else:
        info = inspect_file(place.path, model_id)
    return replace(info, title=place.title, source=place.source)
