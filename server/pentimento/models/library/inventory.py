"""Everything besides the models folder itself that may be used, each with what it is."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pentimento.core import plain_files
from pentimento.models.library.disk import Disk, Look, ReadingProgress
from pentimento.models.library.folders import Folders
from pentimento.models.library.ids import NamedPlace, Rank, ids_of
from pentimento.models.library.model import ModelInfo
from pentimento.models.library.places import CONFIG, INDEX, SUFFIXES, Place
from pentimento.models.library.sidecar import read_json
from pentimento.models.tables import control_types
from pentimento.models.weights.check import check_component
from pentimento.models.weights.detect.recognise import UNKNOWN, Recognised, recognise
from pentimento.models.weights.header import PICKLE_SUFFIXES, Damaged, pickle_problem
from pentimento.schema.answers import FileEntry

OWN = {  # folder of the data folder -> role
    "embeddings": "embedding",
    "upscalers": "upscaler",
    "text_encoders": "text_encoder",
}
CLASSES = {  # in config.json of a diffusers folder -> role
    **dict.fromkeys(control_types.CLASSES, "controlnet"),
    "AutoencoderKL": "vae",
    "AutoencoderKLFlux2": "vae",
    "AutoencoderKLQwenImage": "vae",
    "AutoencoderTiny": "tiny_vae",
}
MODELS = ("checkpoint", "denoiser")
TOLD_EVERY = 50  # files, while they are read for the first time


@dataclass(frozen=True, slots=True)
class Item:
    """`role` is the recognised one, or that of its place where the file tells nothing."""

    id: str
    place: Place
    role: str
    told: Recognised | None = None  # None for folders, and for what cannot be read
    ok: bool = True
    problem: str = ""

    @property
    def state(self) -> Hashable:
        """What, besides its file, decides what is made of it."""
        return self.role, self.place.source, self.problem

    def fits(self, model: ModelInfo) -> bool:
        """Whether it is of the model's architecture, as far as the header tells."""
        if not self.ok or self.told is None:
            return False
        if self.role == "upscaler":
            return True
        if self.told.context_dim is not None and model.context_dim is not None:
            return self.told.context_dim == model.context_dim
        return model.family in self.told.families

    def answer(self, models: Sequence[ModelInfo]) -> FileEntry:
        """An entry of `GET /v1/models`; `fits` names the models it can be used with."""
        return FileEntry(
            id=self.id,
            title=self.place.title,
            note=self.told.note if self.told else "",
            family=self.told.family if self.told else UNKNOWN,
            precision=self.told.precision if self.told else UNKNOWN,
            source=self.place.source,
            ok=self.ok,
            problem=self.problem,
            fits=[model.id for model in models if self.fits(model)],
        )


@dataclass(frozen=True, slots=True)
class _Shelf:
    """What lies outside as it was read last. `restless`: which have to be looked at again."""

    places: tuple[Place, ...]
    ids: Sequence[tuple[str, Place]]
    items: tuple[Item, ...]
    restless: Sequence[int]


class Inventory:
    """Files are read once, until they change."""

    def __init__(self, data_dir: Path, look: Look | None = None) -> None:
        self._data = Path(data_dir)
        self.look = look or Look()
        self.folders = Folders(data_dir, self.look)

    def list(self) -> Sequence[Item]:
        return [*self.own(), *self.outside()]

    def of(self, role: str) -> Sequence[Item]:
        """All of one role."""
        return [item for item in self.list() if item.role == role]

    def own(self) -> Sequence[Item]:
        """What lies in the data folder and has no registry of its own."""
        found: list[Item] = []
        for name, role in OWN.items():
            folder = self._data / name
            files = [file for file in self.look.entries(folder) if file.suffix in SUFFIXES]
            places = [Place(file, file.stem, role, folder, "") for file in files]
            found += [_read(*one, self.look) for one in _with_ids(places)]
        return found

    def outside(self, *, whole: bool = True) -> tuple[Item, ...]:
        """What lies in the folders of other programs; each file once. Not `whole`: as when it was
        last read, where no file came or went. The same object where nothing changed."""
        whole = self.look.whole if self.look.fixed else whole
        return self.look.once("outside", lambda: self._outside(whole))

    def _outside(self, whole: bool) -> tuple[Item, ...]:
        disk = self.look.disk
        with disk.lock:
            places = self.folders.places()
            shelf: _Shelf | None = disk.shelves.get("outside")
            if shelf is None or shelf.places != places:
                ids = _with_ids(places)
                shelf = _Shelf(places, ids, (), range(len(ids)))
            wanted = range(len(shelf.ids)) if whole else shelf.restless
            items: dict[int, Item] = dict(enumerate(shelf.items))
            try:
                for done, at in enumerate(wanted):
                    if done % TOLD_EVERY == 0 and not shelf.items:
                        disk.reading = ReadingProgress(done, len(shelf.ids))
                    items[at] = _read(*shelf.ids[at], self.look, sure=whole)
            finally:
                disk.reading = None
            found = shelf.items
            if not found or any(items[at] is not found[at] for at in wanted):
                found = tuple(items[at] for at in range(len(shelf.ids)))
            restless = [at for at in wanted if _is_restless(*shelf.ids[at], disk)]
            disk.shelves["outside"] = _Shelf(places, shelf.ids, found, restless)
            return found


def named(place: Place) -> NamedPlace:
    """What an id is made of: repositories of a hub are known without their owners."""
    rank = Rank.ELSEWHERE if place.source else Rank.OURS
    return NamedPlace(Path(place.title).name, str(place.path), rank)


def _with_ids(places: Iterable[Place]) -> list[tuple[str, Place]]:
    """Each place once, with its id."""
    once = list({place.path: place for place in reversed(list(places))}.values())[::-1]
    return list(zip(ids_of([named(place) for place in once], "model"), once, strict=True))


def _read(item_id: str, place: Place, look: Look, *, sure: bool = True) -> Item:
    return look.read(_key(item_id, place), place.path, partial(_item, place, item_id), sure=sure)


def _key(item_id: str, place: Place) -> Hashable:
    return ("item", item_id, place.role, place.source, place.leads_out)


def _is_restless(item_id: str, place: Place, disk: Disk) -> bool:
    known = disk.known(_key(item_id, place), str(place.path))
    return known is None or known.restless


def _item(place: Place, item_id: str) -> Item:
    """Never raises: what cannot be used comes back with the problem."""
    try:
        if place.leads_out:
            raise Damaged(
                "It is a link to a place outside the folder that was added; add that place too"
            )
        if plain_files.is_folder(place.path):
            return Item(item_id, place, _folder_role(place))
        if place.path.suffix in PICKLE_SUFFIXES:
            raise Damaged(pickle_problem(place.path.name))
        told = recognise(place.path)
        return Item(item_id, place, told.role, told)
    except Damaged as damage:
        problem = str(damage)
        if problem[0].islower():
            problem = f"{place.path.name} {problem}"
        return Item(item_id, place, place.role, ok=False, problem=f"{problem}.")
    except OSError as error:
        problem = f"It cannot be read: {plain_files.reason(error)}."
        return Item(item_id, place, place.role, ok=False, problem=problem)


def _folder_role(place: Place) -> str:
    if plain_files.is_file(place.path / INDEX):
        return "checkpoint"
    role = CLASSES.get(str(read_json(place.path / CONFIG).get("_class_name")), UNKNOWN)
    if role == UNKNOWN:
        return UNKNOWN
    check_component(place.path)
    return role
