"""Everything besides the models folder itself that may be used: embeddings and upscalers in the
data folder, and whatever lies in the folders of other programs, each with what it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pentimento.models import control_kinds
from pentimento.models.folders import CONFIG, INDEX, SUFFIXES, Folders, Place
from pentimento.models.headers import PICKLE_SUFFIXES, pickle_problem
from pentimento.models.info import ModelInfo
from pentimento.models.inspect import read_json
from pentimento.models.names import free_id
from pentimento.models.recognise import UNKNOWN, Recognised, recognise
from pentimento.models.tensors import Damaged
from pentimento.models.weights import check_component

OWN = {"embeddings": "embedding", "upscalers": "upscaler"}  # folder of the data folder -> role
CLASSES = {  # in config.json of a diffusers folder -> role
    **dict.fromkeys(control_kinds.CLASSES, "controlnet"),
    "AutoencoderKL": "vae",
    "AutoencoderKLFlux2": "vae",
    "AutoencoderKLQwenImage": "vae",
    "AutoencoderTiny": "tiny_vae",
}
MODELS = ("checkpoint", "denoiser")


@dataclass(frozen=True, slots=True)
class Item:
    """`role` is the recognised one, or that of its place where the file tells nothing."""

    id: str
    place: Place
    role: str
    told: Recognised | None = None  # None for folders, and for what cannot be read
    ok: bool = True
    problem: str = ""

    def fits(self, model: ModelInfo) -> bool:
        """Whether it is of the model's architecture, as far as the header tells."""
        if not self.ok or self.told is None:
            return False
        if self.role == "upscaler":
            return True
        if self.told.context_dim is not None and model.context_dim is not None:
            return self.told.context_dim == model.context_dim
        return model.family in self.told.families

    def as_json(self, models: Sequence[ModelInfo]) -> dict[str, Any]:
        """An entry of `GET /v1/models`; `fits` names the models it can be used with."""
        return {
            "id": self.id,
            "title": self.place.title,
            "note": self.told.note if self.told else "",
            "family": self.told.family if self.told else UNKNOWN,
            "precision": self.told.precision if self.told else UNKNOWN,
            "source": self.place.source,
            "ok": self.ok,
            "problem": self.problem,
            "fits": [model.id for model in models if self.fits(model)],
        }


class Inventory:
    """Looks at the disk on each call; headers are remembered until their file changes."""

    def __init__(self, data_dir: Path) -> None:
        self._data = Path(data_dir)
        self.folders = Folders(data_dir)

    def list(self) -> Sequence[Item]:
        return [*self._own(), *self.outside()]

    def of(self, role: str) -> Sequence[Item]:
        return [item for item in self.list() if item.role == role]

    def outside(self) -> Sequence[Item]:
        """What lies in the folders of other programs; each file once."""
        return list(_items(self.folders.places()))

    def _own(self) -> Iterator[Item]:
        for name, role in OWN.items():
            folder = self._data / name
            if folder.is_dir():
                files = sorted(file for file in folder.iterdir() if file.suffix in SUFFIXES)
                yield from _items(Place(file, file.stem, role, folder, "") for file in files)


def _items(places: Iterator[Place] | Sequence[Place] | Any) -> Iterator[Item]:
    taken: set[str] = set()
    seen: set[Path] = set()
    for place in places:
        if place.path in seen:
            continue
        seen.add(place.path)
        item_id = free_id(Path(place.title).name, taken, "model")
        taken.add(item_id)
        yield _item(place, item_id)


def _item(place: Place, item_id: str) -> Item:
    """Never raises: what cannot be used comes back with the problem."""
    try:
        if place.leads_out:
            raise Damaged(
                "It is a link to a place outside the folder that was added; add that place too"
            )
        if place.path.is_dir():
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
        reason = error.strerror or type(error).__name__
        problem = f"It cannot be read: {reason}."
        return Item(item_id, place, place.role, ok=False, problem=problem)


def _folder_role(place: Place) -> str:
    if (place.path / INDEX).is_file():
        return "checkpoint"
    stat = (place.path / CONFIG).stat()
    role = _role_of_config(place.path / CONFIG, stat.st_size, stat.st_mtime_ns)
    if role == UNKNOWN:
        return UNKNOWN
    check_component(place.path)
    return role


@lru_cache(maxsize=1024)
def _role_of_config(file: Path, size: int, mtime_ns: int) -> str:
    return CLASSES.get(str(read_json(file).get("_class_name")), UNKNOWN)
