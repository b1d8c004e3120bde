"""IP-Adapters: pictures as a part of the prompt, for UNets, and the image encoders they need.

They lie in `<data-dir>/ip_adapters/NAME/`: one safetensors file with the adapter, as its authors
lay it out (H. Ye et al. 2023), and beside it the folder `image_encoder`. Those in other programs'
folders are single files, and so are their image encoders (ComfyUI's `clip_vision`), which several
share; their weights have transformers' names. No numpy, no torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pentimento.core import plain_files
from pentimento.core.errors import BadInput, NotFound, field_error
from pentimento.models.library.disk import Source
from pentimento.models.library.ids import Listing, NamedPlace
from pentimento.models.library.inventory import Inventory, Item, named
from pentimento.models.library.model import ModelInfo
from pentimento.models.library.sidecar import read_json
from pentimento.models.weights.check import check_component, check_file, shapes
from pentimento.models.weights.header import Damaged, Shape
from pentimento.schema.answers import PartEntry
from pentimento.schema.job import NONE, JobRequest, Reference

KIND = "IP-Adapter"
ROLE = "image_encoder"  # as headers tell it
LAYER = "vision_model.encoder.layers."
PATCHES = "vision_model.embeddings.patch_embedding.weight"
PLACES = "vision_model.embeddings.position_embedding.weight"
KNOWN = {1024: (16, "quick_gelu"), 1280: (16, "gelu"), 1664: (16, "gelu")}  # CLIP-L, OpenCLIP-H, -G


@dataclass(frozen=True, slots=True)
class EncoderReading:
    """What an adapter reads of an encoder: its one vector or its tokens, and how wide these are."""

    tokens: bool
    width: int

    def fits(self, encoder: Path) -> bool:
        projection = shapes(encoder).get("visual_projection.weight", (0, 0))
        return bool(projection[1 if self.tokens else 0] == self.width)


def read_by(adapter: Mapping[str, Shape]) -> EncoderReading:
    """Raises Damaged for a kind of adapter that is not known."""
    for name, tokens in (("image_proj.proj.weight", False), ("image_proj.proj_in.weight", True)):
        if name in adapter:
            return EncoderReading(tokens, adapter[name][1])
    raise Damaged("It is an IP-Adapter of a kind that is not known")


def config_of(file: Path) -> dict[str, Any]:
    """Its configuration, of which the header tells all but what KNOWN says; raises Damaged."""
    check_file(file)
    found = shapes(file)
    try:
        hidden, _, patch, _ = found[PATCHES]
        heads, act = KNOWN[hidden]
        side = round((found[PLACES][0] - 1) ** 0.5)
        return {
            "hidden_size": hidden,
            "intermediate_size": found[f"{LAYER}0.mlp.fc1.weight"][0],
            "num_hidden_layers": len({n.split(".")[3] for n in found if n.startswith(LAYER)}),
            "num_attention_heads": heads,
            "image_size": side * patch,
            "patch_size": patch,
            "projection_dim": found["visual_projection.weight"][0],
            "hidden_act": act,
        }
    except (KeyError, ValueError) as problem:
        raise Damaged(f"{file.name} is not an image encoder of CLIP that is known") from problem


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

    def answer(self, models: Sequence[ModelInfo]) -> PartEntry:
        """An entry of `GET /v1/models`."""
        return PartEntry(
            id=self.id,
            title=self.path.stem if plain_files.is_file(self.path) else self.path.name,
            note="",
            ok=self.ok,
            problem=self.problem,
            fits=[model.id for model in models if self.fits(model)],
        )


class IpAdapters:
    """As the registry of models: each call looks at the disk, and opens what changed. Ids are
    looked up and never become part of a path."""

    def __init__(self, data_dir: Path, inventory: Inventory | None = None) -> None:
        self.folder = Path(data_dir) / "ip_adapters"
        self._inventory = inventory or Inventory(data_dir)
        self._look = self._inventory.look

    def list(self) -> Sequence[IpAdapter]:
        known = self._known(whole=True)
        return [self._look.item(KIND, adapter_id, source) for adapter_id, source in known]

    def get(self, adapter_id: str) -> IpAdapter:
        """Raises NotFound."""
        known = self._known()
        found = known.find(adapter_id)
        if found is not None:
            return self._look.item(KIND, found, known.by_id[found], sure=True)
        names = ", ".join(known.by_id) or "none"
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

    def of_surroundings(self, request: JobRequest, model: ModelInfo, *, fills: bool) -> str | None:
        """What reads the surroundings of a selection: as asked, else the first adapter that fits
        where new content `fills` and no word and no picture says with what."""
        if request.surroundings == NONE:
            return NONE
        if request.surroundings:
            return self._fitting("surroundings", request.surroundings, model)
        if not fills or request.prompt.strip() or request.references:
            return None
        return next((adapter.id for adapter in self.list() if adapter.fits(model)), None)

    def places(self, request: JobRequest) -> dict[str, Path]:
        """Where the adapters of a resolved request lie."""
        wanted = {reference.model for reference in request.references if reference.model}
        if request.surroundings and request.surroundings != NONE:
            wanted.add(request.surroundings)
        adapters = [self.get(name) for name in sorted(wanted)]
        encoders = {encoder_of(one.id): one.encoder for one in adapters if one.encoder}
        return {place_of(one.id): one.path for one in adapters} | encoders

    def _known(self, *, whole: bool = False) -> Listing[Source[IpAdapter]]:
        entries = self._look.entries(self.folder)
        own = tuple(path for path in entries if plain_files.is_folder(path))
        outside = self._inventory.outside(whole=whole)
        return self._look.derived(KIND, (own, outside), lambda: _listing(own, outside))

    def _chosen(self, number: int, reference: Reference, model: ModelInfo) -> Reference:
        field = f"references.{number}"
        if reference.end <= reference.start:
            raise _wrong(field, "A reference has to end after it starts.", "ends before it starts")
        return reference.model_copy(update={"model": self._fitting(field, reference.model, model)})

    def _fitting(self, field: str, name: str | None, model: ModelInfo) -> str:
        """The id of the adapter of that name, or of the first one that fits."""
        if name:
            adapter = self.get(name)
            if not adapter.ok:
                raise _wrong(field, f"{adapter.id} cannot be used: {adapter.problem}", "is damaged")
            if not adapter.fits(model):
                raise _wrong(
                    field,
                    f"{adapter.id} was not made for models like {model.title}.",
                    "does not fit",
                )
            return adapter.id
        found = next((adapter for adapter in self.list() if adapter.fits(model)), None)
        if found is None:
            raise _wrong(
                field, f"There is no IP-Adapter for {model.title}.", "no adapter fits the model"
            )
        return found.id


def _listing(own: Iterable[Path], outside: Sequence[Item]) -> Listing[Source[IpAdapter]]:
    entries: list[tuple[NamedPlace, Source[IpAdapter]]] = [
        (NamedPlace(path.name, path.name), Source(path, partial(_inspect, path))) for path in own
    ]
    encoders = tuple(item.place.path for item in outside if item.role == ROLE and item.ok)
    for item in outside:
        if item.role == "ip_adapter":
            read, of = partial(_outside, item, encoders), (item.state, encoders)
            entries.append((named(item.place), Source(item.place.path, read, of)))
    return Listing(entries, KIND, "adapter", "adapter")


def place_of(name: str) -> str:
    """The key of an IP-Adapter among a job's add-ons."""
    return f"reference {name}"


def encoder_of(name: str) -> str:
    """The same of the image encoder of one that does not bring its own."""
    return f"encoder of reference {name}"


def adapter_file(folder: Path) -> Path:
    """The one file with the adapter; Damaged where there is none, or several."""
    if not plain_files.is_folder(folder):
        return folder
    files = sorted(folder.glob("*.safetensors"))
    if len(files) != 1:
        raise Damaged(f"{folder.name} has to hold one safetensors file, not {len(files)}")
    return files[0]


def _inspect(path: Path, name: str) -> IpAdapter:
    try:
        context = _context(adapter_file(path))
        read_json(path / ENCODER / "config.json")
        check_component(path / ENCODER)
        return IpAdapter(name, path, context)
    except (Damaged, OSError, ValueError, KeyError) as problem:
        return IpAdapter(name, path, ok=False, problem=f"{problem}.")


def _outside(item: Item, encoders: Sequence[Path], adapter_id: str) -> IpAdapter:
    """One in another program's folder."""
    path = item.place.path
    try:
        if not item.ok:
            return IpAdapter(adapter_id, path, ok=False, problem=item.problem)
        context, needed = _context(path), read_by(shapes(path))
        encoder = next((place for place in encoders if needed.fits(place)), None)
        if encoder is None:
            raise Damaged(
                f"Its image encoder (CLIP, {needed.width} wide) lies in none of the folders; "
                "ComfyUI keeps it in clip_vision"
            )
        config_of(encoder)
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
        details=field_error(field, detail),
    )
