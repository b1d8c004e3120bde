"""Upscalers: networks that enlarge pictures. One comes along; others lie in `<data-dir>/upscalers/`
and in the folders of other programs.

- `Upscalers.list()`: the one that comes along last, behind what somebody chose to install
- `Upscalers.chosen(name)`: what `auto` or an id stands for; None for `plain`
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from pentimento.core import plain_files
from pentimento.core.errors import BadInput, NotFound, field_error
from pentimento.models.catalogue import load
from pentimento.models.library.inventory import Inventory, Item
from pentimento.models.library.model import ModelInfo
from pentimento.models.weights.check import check_component
from pentimento.models.weights.header import PICKLE_SUFFIXES, Damaged
from pentimento.schema.answers import FileEntry
from pentimento.schema.job import AUTO, PLAIN, JobRequest

SHIPPED_ID = "compact-photo"
SHIPPED = Path(__file__).resolve().parents[3] / "starter" / "upscaler"
ROLE = "upscaler"
PLACE = "upscaler"  # its key among a job's add-ons; ids of others never stand alone like this
Found = Sequence["Upscaler"]  # inside the class `list` is the method


@dataclass(frozen=True, slots=True)
class Upscaler:
    """`path` is a file, a transformers folder, or a folder with a file for each scale."""

    id: str
    title: str
    path: Path
    architecture: str = ""
    precision: str = "unknown"
    source: str = ""
    ok: bool = True
    problem: str = ""

    def answer(self, models: Sequence[ModelInfo] = ()) -> FileEntry:
        """An entry of `GET /v1/models`; none of the models takes one."""
        return FileEntry(
            id=self.id,
            title=self.title,
            note=self.architecture,
            family="unknown",
            precision=self.precision,
            source=self.source,
            ok=self.ok,
            problem=self.problem,
            fits=[],
        )


class Upscalers:
    """As the registry of models: each call looks at the disk, and opens what changed."""

    def __init__(self, data_dir: Path, inventory: Inventory, shipped: Path = SHIPPED) -> None:
        self._data_dir = Path(data_dir)
        self._folder = self._data_dir / "upscalers"
        self._inventory, self._shipped = inventory, shipped
        self._look = inventory.look

    def list(self) -> Found:
        outside = self._inventory.outside()
        items = [item for item in self._inventory.own() if _is_upscaler(item)]
        items += self._look.derived(ROLE, outside, lambda: [*filter(_is_upscaler, outside)])
        own = [_of_item(item, self._twin(item)) for item in items]
        folders = [
            self._look.read(ROLE, path, partial(_of_folder, path), sure=True)
            for path in self._look.entries(self._folder)
            if plain_files.is_file(path / "config.json")
        ]
        shipped = Upscaler(SHIPPED_ID, "Compact Photo", self._shipped, "Compact", "fp16")
        there = [shipped] if plain_files.is_folder(self._shipped) else []
        return [*own, *folders, *there]

    def _twin(self, item: Item) -> str:
        """What can be fetched in place of a pickle; empty where nothing is known to be the same."""
        pickled = not item.ok and item.place.path.suffix in PICKLE_SUFFIXES
        return self._twins.get(item.place.path.name.casefold(), "") if pickled else ""

    @cached_property
    def _twins(self) -> dict[str, str]:
        return load(self._data_dir).twins()

    def chosen(self, name: str) -> Upscaler | None:
        """None for arithmetic alone, also where nothing else can be used. Raises NotFound, and
        BadInput for one that is damaged."""
        if name == PLAIN:
            return None
        known = self.list()
        if name == AUTO:
            return next((one for one in known if one.ok), None)
        found = next((one for one in known if one.id == name), None)
        if found is None:
            installed = ", ".join(one.id for one in known)
            raise NotFound(
                "model_not_found",
                f"There is no upscaler called “{name}”.",
                f"Installed: {installed or 'none'}; “{PLAIN}” needs none. "
                "Upscalers lie in the folder upscalers of the data folder.",
            )
        if not found.ok:
            raise BadInput(
                "unsupported",
                f"The upscaler {found.title} cannot be used: {found.problem}",
                "Choose another one.",
                details=field_error("upscaler", "cannot be used"),
            )
        return found

    def places(self, request: JobRequest) -> dict[str, Path]:
        """Where the upscaler of a resolved request lies, for the engine."""
        found = self.chosen(request.upscaler)
        return {PLACE: found.path} if found else {}


def _is_upscaler(item: Item) -> bool:
    """What cannot be told by its weights counts by the folder it lies in: the loader knows more
    architectures than the header tells apart."""
    return item.role == ROLE or (item.role == "unknown" and item.place.role == ROLE)


def _of_item(item: Item, twin: str) -> Upscaler:
    told = item.told
    fetch = f" `pentimento models pull {twin}` fetches the same weights as safetensors."
    return Upscaler(
        item.id,
        item.place.title,
        item.place.path,
        told.variant if told else "",
        told.precision if told else "unknown",
        item.place.source,
        item.ok,
        item.problem + (fetch if twin else ""),
    )


def _of_folder(path: Path) -> Upscaler:
    """A transformers folder."""
    try:
        check_component(path)
    except (Damaged, OSError, ValueError) as problem:
        told = f"{path.name}: {str(problem).rstrip('.')}."
        return Upscaler(path.name, path.name, path, ok=False, problem=told)
    return Upscaler(path.name, path.name, path, "Swin2SR")
