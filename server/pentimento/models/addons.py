"""What can be added to a model: ControlNets (diffusers folders or safetensors files) and LoRAs
(safetensors files).

They lie in `<data-dir>/controlnets/` and `<data-dir>/loras/`; the starter model brings its own.
Whether one fits a model is read from its files, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal

from pentimento.errors import NotFound
from pentimento.jobs.record import JobRequest
from pentimento.models import (
    control_files,
    control_kinds,
    few_step,
    sheets,
    transformer_loras,
    weights,
)
from pentimento.models.families import FAMILIES
from pentimento.models.few_step import Defaults
from pentimento.models.info import ModelInfo
from pentimento.models.inspect import TOKEN_LATENTS, read_json, transformer_width
from pentimento.models.inventory import Inventory, Item
from pentimento.models.names import free_id
from pentimento.models.recognise import UNKNOWN, Recognised, recognise
from pentimento.models.signatures.base import CONTEXT_FAMILIES
from pentimento.models.weights import Damaged, check_component, check_file

STARTER = Path(__file__).resolve().parent.parent / "starter"
CONTROL_TYPES = control_kinds.TYPES
TRANSFORMERS = control_kinds.TRANSFORMER_FAMILIES
CROSS_ATTENTION = re.compile(r"attn2[._]to_k\b.*(lora_A|lora_down|lora\.down)")
KINDS = ("controlnet", "t2i_adapter", "lora")  # roles of files and folders that are listed here
Kind = Literal["controlnet", "lora"]
OF_STARTER: tuple[tuple[Kind, str], ...] = (("controlnet", "canny"), ("lora", "blueprint"))
Found = list["Addon"]  # inside the class `list` is the method
Readers = dict[str, Callable[[], "Addon"]]


@dataclass(frozen=True, slots=True)
class Addon:
    """`context_dim` is how wide the prompt's embeddings are, `width` the denoiser's first block;
    None where the file does not say. `families` are those it was made for, empty where the width
    of the prompts tells. A damaged one has `ok` False and a sentence in `problem`."""

    id: str
    title: str
    kind: Kind
    path: Path
    controls: tuple[str, ...] = ()  # of a ControlNet: some of CONTROL_TYPES; empty: nothing tells
    context_dim: int | None = None
    width: int | None = None
    families: frozenset[str] = frozenset()
    by_mode: bool = False  # a ControlNet that is told which of its types a map is
    note: str = ""
    family: str = UNKNOWN
    precision: str = UNKNOWN
    source: str = ""  # whose folder it lies in; empty: our own
    triggers: tuple[str, ...] = ()  # words that a LoRA was trained with
    suggests: Defaults | None = None  # what a LoRA for few steps wants
    ok: bool = True
    problem: str = ""

    @property
    def control(self) -> str:
        """The one type of its maps, "union" for several, empty where nothing tells."""
        return "union" if len(self.controls) > 1 else "".join(self.controls)

    def fits(self, model: ModelInfo) -> bool:
        if not self.ok or not self._is_of(model):
            return False
        return self.width is None or self.width == model.unet_width

    def _is_of(self, model: ModelInfo) -> bool:
        """Whether it is for models of that architecture: UNets differ in their prompts' width."""
        family = FAMILIES.get(model.family)
        if self.families or family is None or family.flow:
            return model.family in self.families
        return self.context_dim == model.context_dim

    def as_json(self, models: Sequence[ModelInfo]) -> dict[str, Any]:
        """An entry of `GET /v1/models`; `fits` names the models it can be used with."""
        told: dict[str, Any] = {"id": self.id, "title": self.title, "note": self.note}
        if self.kind == "controlnet":
            told["control"] = self.control
        else:
            told["suggests"] = self.suggests and self.suggests.as_json()
        return told | {
            "family": self.family,
            "precision": self.precision,
            "source": self.source,
            "triggers": list(self.triggers),
            "ok": self.ok,
            "problem": self.problem,
            "fits": [model.id for model in models if self.fits(model)],
        }


class Addons:
    """Looks at the disk on each call, as the registry of models does."""

    def __init__(
        self, data_dir: Path, inventory: Inventory | None = None, starter: Path = STARTER
    ) -> None:
        self._inventory = inventory or Inventory(data_dir)
        self._folders = Path(data_dir) / "controlnets"
        self._files = Path(data_dir) / "loras"
        self._starter = starter

    def list(self) -> Found:
        return [read() for read in self._readers().values()]

    def get(self, kind: Kind, addon_id: str) -> Addon:
        """Raises NotFound where there is none of this kind and name."""
        readers = self._readers()
        found = readers[addon_id]() if addon_id in readers else None
        if found and found.kind == kind:
            return found
        names = ", ".join(addon.id for addon in self.list() if addon.kind == kind) or "none"
        what = "ControlNet" if kind == "controlnet" else "LoRA"
        raise NotFound(
            "model_not_found", f"There is no {what} called “{addon_id}”.", f"Installed: {names}."
        )

    def control_for(self, model: ModelInfo, control: str) -> Addon | None:
        """The first ControlNet of this type that fits the model; unions come last."""
        fitting = (a for a in self.list() if a.kind == "controlnet" and a.fits(model))
        able = [addon for addon in fitting if control in addon.controls]
        return min(able, key=lambda addon: len(addon.controls) > 1, default=None)

    def places(self, request: JobRequest, drawn: Iterable[str] = ()) -> dict[str, Path]:
        """Where the ControlNets and LoRAs of a resolved request lie, and LoRAs that its words drew,
        by their ids."""
        wanted: Found = [
            self.get("controlnet", control.model) for control in request.controls if control.model
        ]
        names = {*(lora.id for lora in request.loras), *drawn}
        wanted += [self.get("lora", name) for name in sorted(names)]
        return {addon.id: addon.path for addon in wanted}

    def _readers(self) -> Readers:
        """How each one is read, by its id and in the order of the list."""
        readers: Readers = {}
        for kind, path in self._places():
            addon_id = free_id(path.stem, readers, "addon")
            readers[addon_id] = partial(_inspect, kind, path, addon_id)
        for item in self._inventory.outside():
            if item.role in KINDS:
                addon_id = free_id(item.id, readers, "addon")
                readers[addon_id] = partial(_outside, item, addon_id)
        return readers

    def _places(self) -> Iterable[tuple[Kind, Path]]:
        for kind, starter in OF_STARTER:
            if (self._starter / starter).is_dir():
                yield kind, self._starter / starter
        if self._folders.is_dir():
            for path in sorted(self._folders.iterdir()):
                if _is_single(path) or (path / "config.json").is_file():
                    yield "controlnet", path
        if self._files.is_dir():
            yield from (("lora", path) for path in sorted(self._files.glob("*.safetensors")))


def _is_single(path: Path) -> bool:
    return path.suffix == ".safetensors" and path.is_file() and not path.name.startswith(".")


def _inspect(kind: Kind, path: Path, addon_id: str) -> Addon:
    """Never raises: one that cannot be used comes back with the problem."""
    bare = Addon(addon_id, path.stem, kind, path)
    try:
        if kind == "lora":
            return _lora(bare)
        return _control_file(bare) if path.is_file() else _controlnet(bare)
    except (Damaged, OSError, ValueError) as problem:
        return Addon(addon_id, path.stem, bare.kind, path, ok=False, problem=f"{problem}.")


def _outside(item: Item, addon_id: str) -> Addon:
    """One in another program's folder."""
    place = item.place
    kind: Kind = "lora" if item.role == "lora" else "controlnet"
    if item.ok:
        bare = _inspect(kind, place.path, addon_id)
    else:
        bare = Addon(addon_id, place.title, kind, place.path, ok=False, problem=item.problem)
    controls = bare.controls or control_kinds.types_named(place.title, bare.family)
    controls = controls if kind == "controlnet" else ()
    return replace(bare, title=place.title, source=place.source, controls=controls)


def _controlnet(bare: Addon) -> Addon:
    control_kinds.class_of(bare.path)
    config, sheet = read_json(bare.path / "config.json"), sheets.read(bare.path)
    control_kinds.check_inputs(config)
    check_component(bare.path)
    blocks = config.get("block_out_channels") or config.get("channels") or [None]
    context = config.get("cross_attention_dim")
    families = control_kinds.families_of(config, sheet)
    told = CONTEXT_FAMILIES.get(context, UNKNOWN) if isinstance(context, int) else UNKNOWN
    return replace(
        bare,
        precision=weights.precision_of(bare.path),
        title=str(sheet.get("title") or bare.title),
        note=str(sheet.get("note") or ""),
        controls=control_kinds.types_of(bare.path, config, sheet),
        context_dim=context,
        by_mode=control_kinds.modes_of(config) is not None,
        width=transformer_width(config) if config["_class_name"] in TRANSFORMERS else blocks[0],
        families=families,
        family=next(iter(families), told),
    )


def _control_file(bare: Addon) -> Addon:
    told = control_files.told_by(bare.path)
    sheet = sheets.read(bare.path)
    return replace(
        bare,
        precision=told.precision,
        title=str(sheet.get("title") or bare.title),
        note=str(sheet.get("note") or told.note),
        controls=control_kinds.types_of(
            bare.path, {"_class_name": control_kinds.CONTROL_NET}, sheet
        ),
        context_dim=told.context_dim,
        width=told.width,
        family=control_files.family_of(told),
    )


def _lora(bare: Addon) -> Addon:
    file = lora_file(bare.path)
    check_file(file)
    told = recognise(file)
    bare = replace(
        bare, family=told.family, precision=told.precision, triggers=told.triggers, note=told.note
    )
    stat = file.stat()
    families, width, context = _made_for(file, stat.st_size, stat.st_mtime_ns)
    bare = replace(bare, families=families, width=width, context_dim=context)
    return replace(bare, suggests=_suggested(bare, told))


def _suggested(lora: Addon, told: Recognised) -> Defaults | None:
    known = lora.families or told.families
    few = few_step.named("lora", known, (lora.path.name, lora.id, told.note))
    return few_step.of_sheet(sheets.read(lora.path), few)


@lru_cache(maxsize=4096)
def _made_for(
    file: Path, size: int, mtime_ns: int
) -> tuple[frozenset[str], int | None, int | None]:
    """The transformers, the width and the prompts' width that a LoRA was made for; remembered
    until the file changes."""
    shapes = {name: shape for name, shape in weights.shapes(file).items() if len(shape) > 1}
    if families := transformer_loras.made_for(shapes):
        wide = transformer_loras.width(shapes)
        return families, max(wide // TOKEN_LATENTS, 1) if wide else None, None
    widths = {shape[1] for name, shape in shapes.items() if CROSS_ATTENTION.search(name)}
    return frozenset(), None, widths.pop() if len(widths) == 1 else None


def lora_file(path: Path) -> Path:
    return path / "pytorch_lora_weights.safetensors" if path.is_dir() else path
