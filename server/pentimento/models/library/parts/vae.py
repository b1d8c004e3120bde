"""VAEs that can take the place of a model's own: `<data-dir>/vaes/NAME/` (a diffusers folder) or
`<data-dir>/vaes/NAME.safetensors` (one file, in diffusers' layout or that of Stability's programs).

A model can bring a tiny one for previews in its folder `tiny_vae`. Whether a VAE fits a model is
read from its files: channels, reduction and, where it is told, the scaling of its latents.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pentimento.core import plain_files
from pentimento.core.errors import NotFound
from pentimento.models.library.disk import Source
from pentimento.models.library.ids import Listing, NamedPlace
from pentimento.models.library.inventory import Inventory, Item, named
from pentimento.models.library.model import KL, KL_SCALING, ModelInfo, latent_channels, latent_scale
from pentimento.models.library.sidecar import read_json
from pentimento.models.weights.check import check_component, shapes
from pentimento.models.weights.detect.recognise import UNKNOWN, recognise
from pentimento.models.weights.header import Damaged
from pentimento.schema.answers import VaeEntry

TINY = "AutoencoderTiny"
KINDS = (KL, TINY, "AutoencoderKLFlux2", "AutoencoderKLQwenImage")
ROLES = ("vae", "tiny_vae")  # of the inventory
BESIDE_MODEL = "tiny_vae"
PREFIX = "first_stage_model."  # of a VAE cut out of a checkpoint
UP_BLOCKS = re.compile(r"^(?:first_stage_model\.|vae\.)?decoder\.(?:up_blocks|up)\.(\d+)\.")
ENCODER = re.compile(r"^(?:first_stage_model\.|vae\.|tae\w+_)?encoder\.")
QWEN = "qwen-image"
# Published tiny VAEs make scaled latents, so that only their names tell whose: in the order tried.
TINY_SPACES = (
    (("xl",), 0.13025),
    (("sd3",), 1.5305),
    (("f1", "flux"), 0.3611),
    (("taesd",), 0.18215),
)
Found = list["Vae"]  # inside the class `list` is the method
KIND = "VAE"


@dataclass(frozen=True, slots=True)
class Vae:
    """`kind` is a class of KINDS. `channels` of the latents, `scale` in px per latent, `scaling`
    of the latents; None where nothing tells. A damaged one has `ok` False and says why."""

    id: str
    title: str
    path: Path
    kind: str = KL
    channels: int | None = None
    scale: int | None = None
    scaling: float | None = None
    decodes_only: bool = False
    note: str = ""
    source: str = ""  # the program in whose folder it lies; empty for the data folder
    ok: bool = True
    problem: str = ""

    @property
    def tiny(self) -> bool:
        return self.kind == TINY

    def fits(self, model: ModelInfo) -> bool:
        return self.ok and not self.mismatch(model)

    def shows(self, model: ModelInfo) -> bool:
        """Whether it can make the model's previews."""
        return self.ok and self.tiny and not self._other_latents(model)

    def mismatch(self, model: ModelInfo) -> str:
        """Why it cannot take the place of the model's, in words; empty where it can."""
        if self.decodes_only:
            return "it can only decode, which is enough for previews"
        return self._other_latents(model)

    def _other_latents(self, model: ModelInfo) -> str:
        if self.kind != model.vae_kind and not {self.kind, model.vae_kind} <= {KL, TINY}:
            return f"it is a {self.kind}, and the model has a {model.vae_kind}"
        if self.channels != model.latent_channels:
            return (
                f"its latents have {self.channels} channels and the model's {model.latent_channels}"
            )
        if self.scale is not None and self.scale != model.latent_scale:
            return f"it reduces pictures to 1/{self.scale} and the model to 1/{model.latent_scale}"
        if self.scaling is not None and not _near(self.scaling, model.latent_scaling):
            return (
                f"its latents are scaled by {self.scaling}, the model's by {model.latent_scaling}"
            )
        return ""

    def answer(self, models: Sequence[ModelInfo]) -> VaeEntry:
        """An entry of `GET /v1/models`; `fits` names the models it can be used with."""
        return VaeEntry(
            id=self.id,
            title=self.title,
            note=self.note,
            tiny=self.tiny,
            source=self.source,
            ok=self.ok,
            problem=self.problem,
            fits=[model.id for model in models if self.fits(model)],
        )


class Vaes:
    """As the registry of models: each call looks at the disk, and opens what changed."""

    def __init__(self, data_dir: Path, inventory: Inventory) -> None:
        self._folder = Path(data_dir) / "vaes"
        self._inventory = inventory
        self._look = inventory.look

    def list(self) -> Found:
        known = self._known(whole=True)
        return [self._look.item(KIND, vae_id, source) for vae_id, source in known]

    def get(self, vae_id: str) -> Vae:
        """Raises NotFound where there is none of this name."""
        known = self._known()
        found = known.find(vae_id)
        if found is not None:
            return self._look.item(KIND, found, known.by_id[found], sure=True)
        raise NotFound(
            "model_not_found",
            f"There is no VAE called “{vae_id}”.",
            f"Installed: {', '.join(known.by_id) or 'none'}. "
            "VAEs lie in the folder vaes of the data folder.",
        )

    def for_previews(self, model: ModelInfo) -> Vae | None:
        """A tiny VAE of the model's own, else the first one that is told to be of its kind."""
        beside = model.path / BESIDE_MODEL
        source = Source(beside, partial(inspect, beside))
        there = plain_files.is_folder(beside)
        own = [self._look.item(KIND, BESIDE_MODEL, source, sure=True)] if there else []
        told = [vae for vae in self.list() if vae.scaling is not None]
        return next((vae for vae in own + told if vae.shows(model)), None)

    def _known(self, *, whole: bool = False) -> Listing[Source[Vae]]:
        own, outside = tuple(self._places()), self._inventory.outside(whole=whole)
        return self._look.derived(KIND, (own, outside), lambda: _listing(own, outside))

    def _places(self) -> Iterable[Path]:
        for path in self._look.entries(self._folder):
            if plain_files.is_file(path / "config.json") or path.suffix == ".safetensors":
                yield path


def _listing(own: Iterable[Path], outside: Iterable[Item]) -> Listing[Source[Vae]]:
    entries: list[tuple[NamedPlace, Source[Vae]]] = [
        (NamedPlace(_title(path), path.name), Source(path, partial(inspect, path))) for path in own
    ]
    entries += [
        (named(item.place), Source(item.place.path, partial(_outside, item), item.state))
        for item in outside
        if item.role in ROLES
    ]
    return Listing(entries, KIND, "vae", "vae")


def inspect(path: Path, vae_id: str) -> Vae:
    """Never raises: one that cannot be used comes back with the problem."""
    bare = Vae(vae_id, _title(path), path)
    try:
        return _of_folder(bare) if plain_files.is_folder(path) else _of_file(bare)
    except (Damaged, OSError, ValueError, KeyError, IndexError) as problem:
        told = str(problem).rstrip(".")
        told = f"{path.name} {told}" if told[:1].islower() else told
        return replace(bare, ok=False, problem=f"{told}.")


def _outside(item: Item, vae_id: str) -> Vae:
    """One in another program's folder."""
    place = item.place
    vae = inspect(place.path, vae_id) if item.ok else Vae(vae_id, place.title, place.path)
    if not item.ok:
        vae = replace(vae, ok=False, problem=item.problem)
    return replace(vae, title=place.title, source=place.source)


def _of_folder(bare: Vae) -> Vae:
    config = read_json(bare.path / "config.json")
    kind = str(config.get("_class_name"))
    if kind not in KINDS:
        raise Damaged(f"config.json is of a {kind}, not of a VAE that can be used")
    check_component(bare.path)
    found = replace(bare, kind=kind, channels=latent_channels(config), scale=latent_scale(config))
    return replace(found, scaling=_told_scaling(config, bare.title))


def _of_file(bare: Vae) -> Vae:
    told = recognise(bare.path)
    if told.role not in ROLES or told.variant == "encoder":
        what = f", but a file of the kind {told.role.replace('_', ' ')}"
        raise Damaged(f"It holds no VAE that can be read{what if told.role != UNKNOWN else ''}")
    found = shapes(bare.path)
    decodes_only = not any(ENCODER.search(name) for name in found)
    bare = replace(bare, channels=told.latent_channels, decodes_only=decodes_only)
    if told.role == "tiny_vae":
        return replace(bare, kind=TINY, scaling=_of_name(bare.title))
    if not told.families:
        raise Damaged("It is a VAE of a kind that is not supported")
    if told.families[0] == QWEN:
        return replace(bare, kind="AutoencoderKLQwenImage")
    if any(name.endswith("bn.running_mean") for name in found):
        bare = replace(bare, kind="AutoencoderKLFlux2")
    blocks = {match[1] for name in found if (match := UP_BLOCKS.match(name))}
    return replace(bare, scale=2 ** (len(blocks) - 1))


def _title(path: Path) -> str:
    return path.name if plain_files.is_folder(path) else path.stem


def _told_scaling(config: dict[str, Any], title: str) -> float | None:
    """How its latents are scaled. A tiny one without a scaling of its own makes scaled ones."""
    kind = config["_class_name"]
    own = config.get("scaling_factor")
    if kind == TINY and own in (None, 1, 1.0):
        return _of_name(title)
    return KL_SCALING if own is None and kind == KL else own


def _of_name(title: str) -> float | None:
    name = title.lower()
    fitting = (scaling for words, scaling in TINY_SPACES if any(word in name for word in words))
    return next(fitting, None)


def _near(one: float, other: float | None) -> bool:
    return other is not None and abs(one - other) < 1e-4
