"""IP-Adapters: pictures as a part of the prompt, for UNets.

They lie in `<data-dir>/ip_adapters/NAME/`: one safetensors file with the adapter, as its authors
lay it out (H. Ye et al. 2023), and beside it the folder `image_encoder`. Those in other programs'
folders are single files, and so are their image encoders, which several share. No numpy.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pentimento.errors import BadInput, NotFound
from pentimento.jobs.record import JobRequest, Reference
from pentimento.models import image_encoders
from pentimento.models.image_encoders import ROLE
from pentimento.models.info import ModelInfo
from pentimento.models.inspect import read_json
from pentimento.models.inventory import Inventory, Item
from pentimento.models.names import free_id
from pentimento.models.weights import Damaged, check_component, check_file, shapes

ENCODER = "image_encoder"
FAMILIES = ("sd15", "sdxl")
Chosen = list[Reference]  # inside the class `list` is the method
KEYS = re.compile(r"ip_adapter\.\d+\.to_k_ip\.weight")


@dataclass(frozen=True, slots=True)
class IpAdapter:
    """`context_dim` is how wide the prompt's embeddings of its models are. `path` is its folder,
    or its file where `encoder` says what it reads pictures with."""

    id: str
    path: Path
    context_dim: int | None = None
    ok: bool = True
    problem: str = ""
    encoder: Path | None = None

    def fits(self, model: ModelInfo) -> bool:
        return self.ok and model.family in FAMILIES and self.context_dim == model.context_dim

    def as_json(self, models: Sequence[ModelInfo]) -> dict[str, Any]:
        """An entry of `GET /v1/models`."""
        return {
            "id": self.id,
            "title": self.path.stem if self.path.is_file() else self.path.name,
            "note": "",
            "ok": self.ok,
            "problem": self.problem,
            "fits": [model.id for model in models if self.fits(model)],
        }


class IpAdapters:
    """Looks at the disk on each call. Ids are looked up and never become part of a path."""

    def __init__(self, data_dir: Path, inventory: Inventory | None = None) -> None:
        self.folder = Path(data_dir) / "ip_adapters"
        self._inventory = inventory or Inventory(data_dir)

    def list(self) -> Sequence[IpAdapter]:
        folders = sorted(self.folder.iterdir()) if self.folder.is_dir() else []
        found = [_inspect(path) for path in folders if path.is_dir()]
        outside = self._inventory.outside()
        encoders = [item.place.path for item in outside if item.role == ROLE and item.ok]
        for item in outside:
            if item.role == "ip_adapter":
                taken = {adapter.id for adapter in found}
                found.append(_outside(item, free_id(item.id, taken, "adapter"), encoders))
        return found

    def get(self, adapter_id: str) -> IpAdapter:
        """Raises NotFound."""
        known = self.list()
        for adapter in known:
            if adapter.id == adapter_id:
                return adapter
        names = ", ".join(adapter.id for adapter in known) or "none"
        raise NotFound(
            "model_not_found",
            f"There is no IP-Adapter called “{adapter_id}”.",
            f"Installed: {names}.",
        )

    def chosen(self, request: JobRequest, model: ModelInfo) -> Chosen:
        """The request's references with their adapters named; BadInput where one can't be used."""
        return [
            self._chosen(number, reference, model)
            for number, reference in enumerate(request.references)
        ]

    def places(self, request: JobRequest) -> dict[str, Path]:
        """Where the adapters of a resolved request lie."""
        wanted = {reference.model for reference in request.references if reference.model}
        adapters = [self.get(name) for name in sorted(wanted)]
        encoders = {encoder_of(one.id): one.encoder for one in adapters if one.encoder}
        return {place_of(one.id): one.path for one in adapters} | encoders

    def _chosen(self, number: int, reference: Reference, model: ModelInfo) -> Reference:
        field = f"references.{number}"
        if reference.end <= reference.start:
            raise _wrong(field, "A reference has to end after it starts.", "ends before it starts")
        if reference.model:
            adapter = self.get(reference.model)
            if not adapter.ok:
                raise _wrong(field, f"{adapter.id} cannot be used: {adapter.problem}", "is damaged")
            if not adapter.fits(model):
                raise _wrong(
                    field,
                    f"{adapter.id} was not made for models like {model.title}.",
                    "does not fit",
                )
            return reference
        found = next((adapter for adapter in self.list() if adapter.fits(model)), None)
        if found is None:
            raise _wrong(
                field, f"There is no IP-Adapter for {model.title}.", "no adapter fits the model"
            )
        return reference.model_copy(update={"model": found.id})


def place_of(name: str) -> str:
    """The key of an IP-Adapter among a job's add-ons."""
    return f"reference {name}"


def encoder_of(name: str) -> str:
    """The same of the image encoder of one that does not bring its own."""
    return f"encoder of reference {name}"


def adapter_file(folder: Path) -> Path:
    """The one file with the adapter; Damaged where there is none, or several."""
    if folder.is_file():
        return folder
    files = sorted(folder.glob("*.safetensors"))
    if len(files) != 1:
        raise Damaged(f"{folder.name} has to hold one safetensors file, not {len(files)}")
    return files[0]


def _inspect(path: Path) -> IpAdapter:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.name).strip("-._")[:120] or "adapter"
    try:
        context = _context(adapter_file(path))
        read_json(path / ENCODER / "config.json")
        check_component(path / ENCODER)
        return IpAdapter(name, path, context)
    except (Damaged, OSError, ValueError, KeyError) as problem:
        return IpAdapter(name, path, ok=False, problem=f"{problem}.")


def _outside(item: Item, adapter_id: str, encoders: Sequence[Path]) -> IpAdapter:
    """One in another program's folder."""
    path = item.place.path
    try:
        if not item.ok:
            return IpAdapter(adapter_id, path, ok=False, problem=item.problem)
        context, needed = _context(path), image_encoders.read_by(shapes(path))
        encoder = next((place for place in encoders if needed.fits(place)), None)
        if encoder is None:
            raise Damaged(
                f"Its image encoder (CLIP, {needed.width} wide) lies in none of the folders; "
                "ComfyUI keeps it in clip_vision"
            )
        image_encoders.config_of(encoder)
        return IpAdapter(adapter_id, path, context, encoder=encoder)
    except (Damaged, OSError, ValueError, KeyError) as problem:
        return IpAdapter(adapter_id, path, ok=False, problem=f"{problem}.")


def _context(file: Path) -> int:
    """How wide the prompts of its models are; raises Damaged for what is no IP-Adapter."""
    check_file(file)
    widths = {shape[1] for key, shape in shapes(file).items() if KEYS.fullmatch(key)}
    if len(widths) != 1:
        raise Damaged(f"{file.name} is not an IP-Adapter")
    return widths.pop()


def _wrong(field: str, message: str, detail: str) -> BadInput:
    return BadInput(
        "unsupported",
        message,
        "Leave it out, choose another model, or put an IP-Adapter that fits into ip_adapters/ of "
        "the data folder.",
        details={"fields": [{"field": field, "message": detail}]},
    )
