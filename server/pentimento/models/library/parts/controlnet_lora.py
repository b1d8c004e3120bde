"""What can be added to a model: ControlNets (diffusers folders or safetensors files) and LoRAs.

They lie in `<data-dir>/controlnets/` and `<data-dir>/loras/`; the starter model brings its own.
Whether one fits a model is read from its files, never guessed. What a ControlNet in one file does
not say, its UNet does: a ControlNet is a copy of its first half.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pentimento.core import plain_files
from pentimento.core.errors import NotFound
from pentimento.models.library import sidecar
from pentimento.models.library.disk import Source
from pentimento.models.library.ids import Listing, NamedPlace, Rank
from pentimento.models.library.inventory import Inventory, Item, named
from pentimento.models.library.model import TOKEN_LATENTS, ModelInfo, transformer_width
from pentimento.models.library.sidecar import read_json
from pentimento.models.tables import control_types, few_step
from pentimento.models.tables.architectures import FAMILIES
from pentimento.models.tables.few_step import Defaults
from pentimento.models.weights import check
from pentimento.models.weights.check import check_component, check_file, shapes, whole
from pentimento.models.weights.detect.base import CONTEXT_FAMILIES
from pentimento.models.weights.detect.lora_layout import INSTEAD
from pentimento.models.weights.detect.loras import CONTROL_LORA
from pentimento.models.weights.detect.recognise import UNKNOWN, Recognised, recognise
from pentimento.models.weights.header import Damaged
from pentimento.schema.answers import AddonEntry, ControlNetEntry, LoraEntry
from pentimento.schema.job import JobRequest

AS_FOLDER = "the same one as a diffusers folder can"
REFUSED = {  # variant -> what it is
    "union": "a ControlNet of several kinds",
    "control-lora": "a ControlNet packed as a LoRA",
    "lllite": "a ControlNet of the kind LLLite",
    "merged": "a ControlNet together with a whole model",
}


def told_by(file: Path) -> Recognised:
    """What the header says of a ControlNet that can be used; raises Damaged for any other file."""
    check_file(file)
    told = whole(file)
    if told.role == "t2i_adapter":
        raise Damaged(f"T2I-Adapters in one file cannot be used yet; {AS_FOLDER}")
    if told.role != "controlnet":
        raise Damaged(f"It is no ControlNet, but a file of the kind {told.role.replace('_', ' ')}")
    if told.variant in REFUSED:
        raise Damaged(f"It is {REFUSED[told.variant]}, which cannot be used in one file")
    if told.width is None:
        families = " or ".join(told.families)
        raise Damaged(f"ControlNets for {families} in one file cannot be used yet; {AS_FOLDER}")
    if not any(name.endswith("attn2.to_k.weight") for name in shapes(file)):
        raise Damaged(f"It is smaller than its UNet, in a way that no file tells; {AS_FOLDER}")
    return told


def family_of(told: Recognised) -> str:
    return CONTEXT_FAMILIES.get(told.context_dim or 0, told.family)


STARTER = Path(__file__).resolve().parents[3] / "starter"
CONTROL_TYPES = control_types.TYPES
TRANSFORMERS = control_types.TRANSFORMER_FAMILIES
CONTEXTS = {family: width for width, family in CONTEXT_FAMILIES.items()}  # of UNets
TRANSFORMERS_BY_NAME = frozenset(name for name, family in FAMILIES.items() if family.flow)
KINDS = ("controlnet", "t2i_adapter", "lora")  # roles of files and folders that are listed here
Kind = Literal["controlnet", "lora"]
OF_STARTER: tuple[tuple[Kind, str], ...] = (
    ("controlnet", "canny"),
    ("lora", "blueprint"),
    ("lora", "quick"),
)
Found = list["Addon"]  # inside the class `list` is the method
WORDS: dict[Kind, str] = {"controlnet": "ControlNet", "lora": "LoRA"}


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
    contexts: frozenset[int] = frozenset()  # of a LoRA: all that its prompts' width may be
    by_mode: bool = False  # a ControlNet that is told which of its types a map is
    note: str = ""
    family: str = UNKNOWN
    precision: str = UNKNOWN
    source: str = ""  # whose folder it lies in; empty: our own
    triggers: tuple[str, ...] = ()  # words that a LoRA was trained with
    suggests: Defaults | None = None  # what a LoRA for few steps wants
    live: bool = False  # a LoRA that live painting takes by itself
    ok: bool = True
    problem: str = ""

    @property
    def control(self) -> str:
        """The one type of its maps, "union" for several, empty where nothing tells."""
        return "union" if len(self.controls) > 1 else "".join(self.controls)

    @property
    def weight(self) -> float:
        """What a LoRA counts with where a job does not say: few were made for another than 1."""
        return self.suggests.weight if self.suggests else 1.0

    def fits(self, model: ModelInfo) -> bool:
        if not self.ok or not self._is_of(model):
            return False
        return self.width is None or self.width == model.unet_width

    def _is_of(self, model: ModelInfo) -> bool:
        """Whether it is for models of that architecture: UNets differ in their prompts' width."""
        family = FAMILIES.get(model.family)
        if family is None or family.flow or (self.families and not self.contexts):
            return model.family in self.families
        return model.context_dim in (self.contexts or {self.context_dim})

    def answer(self, models: Sequence[ModelInfo]) -> ControlNetEntry | LoraEntry:
        """An entry of `GET /v1/models`; `fits` names the models it can be used with."""
        common = AddonEntry(
            id=self.id,
            title=self.title,
            note=self.note,
            family=self.family,
            precision=self.precision,
            source=self.source,
            triggers=list(self.triggers),
            ok=self.ok,
            problem=self.problem,
            fits=[model.id for model in models if self.fits(model)],
        )
        if self.kind == "controlnet":
            return ControlNetEntry(**dict(common), control=self.control)
        suggests = self.suggests.answer() if self.suggests else None
        return LoraEntry(**dict(common), suggests=suggests, weight=self.weight, live=self.live)


class Addons:
    """As the registry of models: each call looks at the disk, and opens what changed."""

    def __init__(
        self, data_dir: Path, inventory: Inventory | None = None, starter: Path = STARTER
    ) -> None:
        self._inventory = inventory or Inventory(data_dir)
        self._look = self._inventory.look
        self._folders = Path(data_dir) / "controlnets"
        self._files = Path(data_dir) / "loras"
        self._starter = starter

    def list(self) -> Found:
        """ControlNets first; a LoRA may have the id of a ControlNet."""
        return [addon for kind in WORDS for addon in self.of(kind)]

    def of(self, kind: Kind) -> Found:
        """All of one kind."""
        known = self._known(kind, whole=True)
        return [self._look.item(kind, addon_id, source) for addon_id, source in known]

    def get(self, kind: Kind, addon_id: str) -> Addon:
        """Raises NotFound where there is none of this kind and name."""
        known = self._known(kind)
        found = known.find(addon_id)
        if found is not None:
            return self._look.item(kind, found, known.by_id[found], sure=True)
        names = ", ".join(known.by_id) or "none"
        raise NotFound(
            "model_not_found",
            f"There is no {WORDS[kind]} called “{addon_id}”.",
            f"Installed: {names}.",
        )

    def control_for(self, model: ModelInfo, control: str) -> Addon | None:
        """The first ControlNet of this type that fits the model; unions come last."""
        fitting = (addon for addon in self.of("controlnet") if addon.fits(model))
        able = [addon for addon in fitting if control in addon.controls]
        return min(able, key=lambda addon: len(addon.controls) > 1, default=None)

    def places(self, request: JobRequest, drawn: Iterable[str] = ()) -> dict[str, Path]:
        """Where the ControlNets and LoRAs of a resolved request lie, and LoRAs that its words drew,
        by `place_of`."""
        wanted: Found = [
            self.get("controlnet", control.model) for control in request.controls if control.model
        ]
        names = {*(lora.id for lora in request.loras), *drawn}
        wanted += [self.get("lora", name) for name in sorted(names)]
        return {place_of(addon.kind, addon.id): addon.path for addon in wanted}

    def _known(self, kind: Kind, *, whole: bool = False) -> Listing[Source[Addon]]:
        """How each one is read, by its id and in the order of the list."""
        own, outside = tuple(self._places(kind)), self._inventory.outside(whole=whole)
        return self._look.derived(
            (kind, "listing"), (own, outside), lambda: _listing(kind, own, outside)
        )

    def _places(self, kind: Kind) -> Iterable[tuple[Rank, Path]]:
        for other, starter in OF_STARTER:
            if other == kind and plain_files.is_folder(self._starter / starter):
                yield Rank.PROGRAM, self._starter / starter
        if kind == "controlnet":
            for path in self._look.entries(self._folders):
                if _is_single(path) or plain_files.is_file(path / "config.json"):
                    yield Rank.OURS, path
        if kind == "lora":
            files = self._look.entries(self._files)
            yield from self._look.derived("loras", files, lambda: _loras_of(files))


def _loras_of(files: Iterable[Path]) -> Sequence[tuple[Rank, Path]]:
    return [(Rank.OURS, path) for path in files if path.suffix == ".safetensors"]


def _listing(
    kind: Kind, own: Iterable[tuple[Rank, Path]], outside: Iterable[Item]
) -> Listing[Source[Addon]]:
    entries: list[tuple[NamedPlace, Source[Addon]]] = [
        (NamedPlace(path.stem, path.name, rank), Source(path, partial(_inspect, kind, path)))
        for rank, path in own
    ]
    entries += [
        (named(item.place), Source(item.place.path, partial(_outside, item), item.state))
        for item in outside
        if item.role in KINDS and _kind_of(item) == kind
    ]
    return Listing(entries, WORDS[kind], kind, "addon")


def place_of(kind: Kind, addon_id: str) -> str:
    """The key of a ControlNet or LoRA among a job's add-ons."""
    return f"{kind} {addon_id}"


def _kind_of(item: Item) -> Kind:
    return "lora" if item.role == "lora" else "controlnet"


def _is_single(path: Path) -> bool:
    """Also what only goes by the name of a file: it is listed with what it is."""
    single = path.suffix == ".safetensors" and not path.name.startswith(".")
    return single and not plain_files.is_folder(path)


def _inspect(kind: Kind, path: Path, addon_id: str) -> Addon:
    """Never raises: one that cannot be used comes back with the problem."""
    bare = Addon(addon_id, path.stem, kind, path)
    try:
        if kind == "lora":
            return _lora(bare)
        return _controlnet(bare) if plain_files.is_folder(path) else _control_file(bare)
    except (Damaged, OSError, ValueError) as problem:
        return Addon(addon_id, path.stem, bare.kind, path, ok=False, problem=f"{problem}.")


def _outside(item: Item, addon_id: str) -> Addon:
    """One in another program's folder."""
    place = item.place
    kind = _kind_of(item)
    if item.ok:
        bare = _inspect(kind, place.path, addon_id)
    else:
        bare = Addon(addon_id, place.title, kind, place.path, ok=False, problem=item.problem)
    controls = bare.controls or control_types.types_named(place.title, bare.family)
    controls = controls if kind == "controlnet" else ()
    return replace(bare, title=place.title, source=place.source, controls=controls)


def _controlnet(bare: Addon) -> Addon:
    control_types.class_of(bare.path)
    config, sheet = read_json(bare.path / "config.json"), sidecar.read(bare.path)
    control_types.check_inputs(config)
    check_component(bare.path)
    blocks = config.get("block_out_channels") or config.get("channels") or [None]
    context = config.get("cross_attention_dim")
    families = control_types.families_of(config, sheet)
    told = CONTEXT_FAMILIES.get(context, UNKNOWN) if isinstance(context, int) else UNKNOWN
    return replace(
        bare,
        precision=check.precision_of(bare.path),
        title=str(sheet.get("title") or bare.title),
        note=str(sheet.get("note") or ""),
        controls=control_types.types_of(bare.path, config, sheet),
        context_dim=context,
        by_mode=control_types.modes_of(config) is not None,
        width=transformer_width(config) if config["_class_name"] in TRANSFORMERS else blocks[0],
        families=families,
        family=next(iter(families), told),
    )


def _control_file(bare: Addon) -> Addon:
    told = told_by(bare.path)
    sheet = sidecar.read(bare.path)
    return replace(
        bare,
        precision=told.precision,
        title=str(sheet.get("title") or bare.title),
        note=str(sheet.get("note") or told.note),
        controls=control_types.types_of(
            bare.path,
            {"_class_name": control_types.CONTROL_NET, "cross_attention_dim": told.context_dim},
            sheet,
        ),
        context_dim=told.context_dim,
        width=told.width,
        family=family_of(told),
    )


def _lora(bare: Addon) -> Addon:
    file = lora_file(bare.path)
    check_file(file)
    told = recognise(file)
    if told.not_computed:
        kinds = " and ".join(told.not_computed)
        raise Damaged(f"It is a LoRA of the kind {kinds}, which is not supported; {INSTEAD}")
    if told.variant == CONTROL_LORA:
        raise Damaged(
            "It makes FLUX.1 take a map beside the picture (Canny, Depth), which is not supported; "
            "take a ControlNet for FLUX.1"
        )
    flow = frozenset(name for name in told.families if name in TRANSFORMERS_BY_NAME)
    tokens = told.token_width if flow else None
    bare = replace(
        bare,
        family=told.family,
        precision=told.precision,
        triggers=told.triggers,
        note=told.note,
        families=flow,
        contexts=frozenset(CONTEXTS[name] for name in told.families if name in CONTEXTS),
        context_dim=told.context_dim,
        width=max(tokens // TOKEN_LATENTS, 1) if tokens else None,
    )
    sheet = sidecar.read(bare.path)
    live = sheet.get("live", False)
    if not isinstance(live, bool):
        raise Damaged("Its data sheet has a wrong value for live")
    return replace(bare, suggests=_suggested(bare, told, sheet), live=live)


def _suggested(lora: Addon, told: Recognised, sheet: dict[str, Any]) -> Defaults | None:
    known = lora.families or told.families
    few = few_step.named("lora", known, (lora.path.name, lora.id, told.note))
    return few_step.of_sheet(sheet, few)


def lora_file(path: Path) -> Path:
    return path / "pytorch_lora_weights.safetensors" if plain_files.is_folder(path) else path
