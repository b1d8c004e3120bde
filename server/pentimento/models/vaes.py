"""VAEs that can take the place of a model's own: `<data-dir>/vaes/NAME/` (a diffusers folder) or
`<data-dir>/vaes/NAME.safetensors` (one file, in diffusers' layout or that of Stability's programs).

A model can bring a tiny one for previews in its folder `tiny_vae`. Whether a VAE fits a model is
read from its files: channels, reduction and, where it is told, the scaling of its latents.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pentimento.errors import NotFound
from pentimento.models.info import ModelInfo
from pentimento.models.inspect import KL, KL_SCALING, latent_channels, latent_scale, read_json
from pentimento.models.inventory import Inventory, Item
from pentimento.models.names import free_id
from pentimento.models.weights import Damaged, check_component, shapes

TINY = "AutoencoderTiny"
KINDS = (KL, TINY, "AutoencoderKLFlux2", "AutoencoderKLQwenImage")
ROLES = ("vae", "tiny_vae")  # of the inventory
BESIDE_MODEL = "tiny_vae"
PREFIX = "first_stage_model."  # of a VAE cut out of a checkpoint
UP_BLOCKS = re.compile(r"^decoder\.(?:up_blocks|up)\.(\d+)\.")
# Published tiny VAEs make scaled latents, so that only their names tell whose: in the order tried.
TINY_SPACES = (
    (("xl",), 0.13025),
    (("sd3",), 1.5305),
    (("f1", "flux"), 0.3611),
    (("taesd",), 0.18215),
)
Found = list["Vae"]  # inside the class `list` is the method


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
    note: str = ""
    source: str = ""  # the program in whose folder it lies; empty for the data folder
    ok: bool = True
    problem: str = ""

    @property
    def tiny(self) -> bool:
        return self.kind == TINY

    def fits(self, model: ModelInfo) -> bool:
        return self.ok and not self.mismatch(model)

    def mismatch(self, model: ModelInfo) -> str:
        """Why its latents are not the model's, in words; empty where they are."""
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

    def as_json(self, models: Sequence[ModelInfo]) -> dict[str, Any]:
        """An entry of `GET /v1/models`; `fits` names the models it can be used with."""
        return {
            "id": self.id,
            "title": self.title,
            "note": self.note,
            "tiny": self.tiny,
            "source": self.source,
            "ok": self.ok,
            "problem": self.problem,
            "fits": [model.id for model in models if self.fits(model)],
        }


class Vaes:
    """Looks at the disk on each call, as the registry of models does."""

    def __init__(self, data_dir: Path, inventory: Inventory) -> None:
        self._folder = Path(data_dir) / "vaes"
        self._inventory = inventory

    def list(self) -> Found:
        found: Found = []
        for path in self._places():
            found.append(inspect(path, _free_id(_title(path), found)))
        for item in self._inventory.outside():
            if item.role in ROLES:
                found.append(_outside(item, _free_id(item.id, found)))
        return found

    def get(self, vae_id: str) -> Vae:
        """Raises NotFound where there is none of this name."""
        known = self.list()
        for vae in known:
            if vae.id == vae_id:
                return vae
        raise NotFound(
            "model_not_found",
            f"There is no VAE called “{vae_id}”.",
            f"Installed: {', '.join(vae.id for vae in known) or 'none'}. "
            "VAEs lie in the folder vaes of the data folder.",
        )

    def for_previews(self, model: ModelInfo) -> Vae | None:
        """A tiny VAE of the model's own, else the first one that is told to be of its kind."""
        beside = model.path / BESIDE_MODEL
        own = [inspect(beside, BESIDE_MODEL)] if beside.is_dir() else []
        told = [vae for vae in self.list() if vae.scaling is not None]
        return next((vae for vae in own + told if vae.tiny and vae.fits(model)), None)

    def _places(self) -> Iterable[Path]:
        if not self._folder.is_dir():
            return
        for path in sorted(self._folder.iterdir()):
            if (path / "config.json").is_file() or path.suffix == ".safetensors":
                yield path


def inspect(path: Path, vae_id: str) -> Vae:
    """Never raises: one that cannot be used comes back with the problem."""
    bare = Vae(vae_id, _title(path), path)
    try:
        return _of_folder(bare) if path.is_dir() else _of_file(bare)
    except (Damaged, OSError, ValueError, KeyError, IndexError) as problem:
        return replace(bare, ok=False, problem=f"{str(problem).rstrip('.')}.")


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
    found = _shapes(bare.path)
    if "decoder.conv_in.weight" in found:
        blocks = {match[1] for name in found if (match := UP_BLOCKS.match(name))}
        channels = found["decoder.conv_in.weight"][1]
        return replace(bare, channels=channels, scale=2 ** (len(blocks) - 1))
    first = found.get("decoder.layers.0.weight")
    if first is None:
        raise Damaged("It holds no VAE that can be read")
    return replace(bare, kind=TINY, channels=first[1], scaling=_of_name(bare.title))


def _shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the weights of a VAE in one file, from the header alone."""
    return {name.removeprefix(PREFIX): shape for name, shape in shapes(file).items()}


def _free_id(name: str, found: Found) -> str:
    return free_id(name, {vae.id for vae in found}, "vae")


def _title(path: Path) -> str:
    return path.name if path.is_dir() else path.stem


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
