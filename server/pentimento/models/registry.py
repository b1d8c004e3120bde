"""The list of models: the starter that comes along, every folder and checkpoint in one file under
<data-dir>/models, and those in the folders of other programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from pentimento.errors import NotFound
from pentimento.jobs.record import Lora
from pentimento.models.addons import Addons
from pentimento.models.annotators import Annotators
from pentimento.models.checkpoint import SUFFIX, inspect_file
from pentimento.models.denoisers import GGUF_SUFFIX, completed, is_waiting
from pentimento.models.embeddings import Embeddings
from pentimento.models.families import FAMILIES
from pentimento.models.few_step import Defaults
from pentimento.models.info import ModelInfo
from pentimento.models.inspect import INDEX, inspect
from pentimento.models.inventory import MODELS, Inventory, Item
from pentimento.models.ip_adapters import IpAdapters
from pentimento.models.names import free_id
from pentimento.models.vaes import Vaes
from pentimento.prompting.wildcards import Wildcards

FILES = (SUFFIX, GGUF_SUFFIX)
STARTER_ID = "starter"
STARTER_FOLDER = Path(__file__).resolve().parent.parent / "starter" / "model"

Readers = dict[str, Callable[[], ModelInfo]]


class Registry:
    """Looks at the disk on each call, so a model that is added or mended is there at once.

    Ids are looked up in the list and never become part of a path.
    """

    def __init__(self, data_dir: Path, starter: Path = STARTER_FOLDER) -> None:
        self.folder = Path(data_dir) / "models"
        self._starter = starter
        self.inventory = Inventory(data_dir)
        self.addons = Addons(data_dir, self.inventory)
        self.annotators = Annotators(data_dir)
        self.ip_adapters = IpAdapters(data_dir, self.inventory)
        self.vaes = Vaes(data_dir, self.inventory)
        self.embeddings = Embeddings(self.inventory)
        self.wildcards = Wildcards(data_dir)

    def list(self) -> Sequence[ModelInfo]:
        """All models, the starter first; the default one is marked, damaged ones say why."""
        found = [read() for read in self._readers().values()]
        default = next((info.id for info in found if info.ok), None)  # never a denoiser by itself
        found = [completed(info, found) for info in found]
        return [replace(info, default=info.id == default) for info in found]

    def get(self, model_id: str) -> ModelInfo:
        """The model with that id, damaged or not; NotFound when there is none. Reads no others
        than those that could be the default one, or the base of a denoiser by itself."""
        readers = self._readers()
        if model_id in readers:
            info = readers[model_id]()
            if is_waiting(info):
                info = completed(info, [read() for read in readers.values()])
            return replace(info, default=info.ok and _first_usable(readers) == model_id)
        raise NotFound(
            "model_not_found",
            f"There is no model called “{model_id}”.",
            f"Installed: {', '.join(readers) or 'none'}. `pentimento models add FOLDER` adds one.",
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
            few = self.addons.get("lora", lora.id).suggests
            if few and lora.weight > 0:
                family = FAMILIES.get(model.family)
                able = family is None or few.sampler in family.samplers
                return few if able else replace(few, sampler=own.sampler)
        return own

    @property
    def default_id(self) -> str:
        """The id a job without `model` gets; NotFound when no model can be used."""
        found = _first_usable(self._readers())
        if found is not None:
            return found
        raise NotFound(
            "model_not_found",
            "No usable model is installed.",
            "Run install.sh again to restore the starter model, or `pentimento models add FOLDER`.",
        )

    def _readers(self) -> Readers:
        """How each model is read, by its id and in the order of the list."""
        readers: Readers = {}
        if (self._starter / INDEX).is_file():
            readers[STARTER_ID] = partial(inspect, self._starter, STARTER_ID)
        for folder in self._folders():
            name = folder.stem if folder.is_file() else folder.name
            model_id = _free_id(name, readers)
            readers[model_id] = partial(self._inspect, folder, model_id)
        for item in self.inventory.outside():
            if item.role in MODELS:
                model_id = _free_id(item.id, readers)
                readers[model_id] = partial(_outside, item, model_id)
        return readers

    def _folders(self) -> Iterable[Path]:
        if not self.folder.is_dir():
            return []
        return sorted(
            entry
            for entry in self.folder.iterdir()
            if not entry.name.startswith(".")
            and ((entry / INDEX).exists() or (entry.suffix in FILES and entry.is_file()))
        )

    def _inspect(self, folder: Path, model_id: str) -> ModelInfo:
        if folder.is_symlink() and not folder.resolve().is_relative_to(self.folder.resolve()):
            return ModelInfo(
                model_id,
                folder.name,
                "unknown",
                folder,
                ok=False,
                problem="It is a link to a place outside the models folder; "
                "`pentimento models add` copies a model properly.",
            )
        return inspect_file(folder, model_id) if folder.is_file() else inspect(folder, model_id)


def _outside(item: Item, model_id: str) -> ModelInfo:
    """A model in another program's folder."""
    place = item.place
    if not item.ok:
        info = ModelInfo(
            model_id, place.title, "unknown", place.path, problem=item.problem, ok=False
        )
    elif place.path.is_dir():
        info = inspect(place.path, model_id, place.root)
    else:
        info = inspect_file(place.path, model_id)
    return replace(info, title=place.title, source=place.source)


def _first_usable(readers: Readers) -> str | None:
    return next((model_id for model_id, read in readers.items() if read().ok), None)


def _free_id(name: str, taken: Readers) -> str:
    return free_id(name, {*taken, STARTER_ID}, "model")
