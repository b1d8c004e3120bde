"""What is known of a model without loading it: from a folder's JSON files or one file's header.

- Folders in diffusers' layout: their configurations, and what is wrong with them.
- Checkpoints in one safetensors file: the UNets of SD 1.5, SD 2 and SDXL in the layout of
  Stability's own programs are told apart; whatever else a file holds is not guessed at. Weights of
  SD 2 do not say whether they predict the noise (512 px) or v (768 px): metadata or a data sheet
  must, or the pictures would be noise.
- Denoisers in a file of their own, safetensors or GGUF: encoders, tokenizers, VAE and scheduler
  come from a base, an installed diffusers folder whose denoiser is built the same. The data sheet
  may name it (`base`); where it does not, there must be only one.

A data sheet beside the weights may correct what is found.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pentimento.core import plain_files
from pentimento.imaging import noise_levels
from pentimento.imaging.noise_levels import EVEN, Spacing, alphas_cumprod
from pentimento.models.library.sidecar import DATA_SHEET, INDEX, read_json
from pentimento.models.tables import architectures, few_step, strength_words, unsupported
from pentimento.models.tables.architectures import Family
from pentimento.models.tables.few_step import Defaults
from pentimento.models.weights import check
from pentimento.models.weights.check import check_component, precision_of
from pentimento.models.weights.detect import predictions
from pentimento.models.weights.header import PICKLE_SUFFIXES, Damaged
from pentimento.schema.answers import ModelEntry
from pentimento.schema.job import Mode
from pentimento.schema.vocabulary import Sampler

PAINTING = (Mode.TXT2IMG, Mode.IMG2IMG, Mode.INPAINT)


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model folder. Sizes in px; a damaged one has `ok` False and a sentence in `problem`."""

    id: str
    title: str
    family: str  # a name of families.FAMILIES; "unknown" only where not ok
    path: Path
    role: str = "checkpoint"  # "denoiser": a file to which `base` gives all other parts; "rest":
    # a folder that has all but the denoiser's weights, and can be such a base
    base: Path | None = None
    lacks: tuple[str, ...] = ()  # of a rest: the parts whose weights are not there
    parts: tuple[tuple[str, Path], ...] = ()  # of a denoiser: files that stand for what is lacking
    configs: str = ""  # of a checkpoint in one file: which of pentimento/configs is its own
    native_size: int = 512  # side of the squares it was trained on
    multiple: int = 16  # sides of a generation are multiples of this
    min_size: int = 256
    max_pixels: int = 512 * 512
    whole_pixels: int = 0  # largest picture that is refined without tiles; 0: as max_pixels
    default_steps: int = 20
    default_guidance: float = 7.0
    default_sampler: str = Sampler.DPM_2M_KARRAS
    licence: str = ""
    note: str = ""
    fills: bool = True  # knows how surroundings go on; else they are copied where no words are said
    variant: str = ""  # "inpaint": was trained to fill holes; empty: the ordinary kind
    precision: str = "unknown"  # of most of its weights, where a header told
    source: str = ""  # whose folder it lies in; empty: our own
    bytes: int = 0
    default: bool = False
    ok: bool = True
    problem: str = ""
    editing: str = ""  # a name of families.EDITS where it follows instructions, else empty
    latent_scale: int = 8  # px per latent
    latent_channels: int | None = None
    latent_scaling: float | None = None  # what its VAE's latents are multiplied with
    vae_kind: str = ""  # class of its VAE
    unet_width: int = 320  # channels of the UNet's first block
    context_dim: int | None = None  # of the prompt's embeddings, as the denoiser takes them
    prediction_type: str = "epsilon"
    latent_rgb: dict[str, Any] | None = field(default=None, hash=False)  # matrix (3, c), bias (3,)
    scheduler: dict[str, Any] = field(default_factory=dict, hash=False)  # scheduler_config.json
    spacing: Spacing = EVEN  # of a model distilled to few steps

    def answer(self) -> ModelEntry:
        """The entry of `GET /v1/models`: no paths, nothing that only the engine needs."""
        return ModelEntry(**{name: getattr(self, name) for name in ModelEntry.model_fields})

    @property
    def modes(self) -> tuple[Mode, ...]:
        """What can be painted with it."""
        return (*PAINTING, Mode.EDIT) if self.editing else PAINTING

    @property
    def strengths(self) -> dict[str, float]:
        """What the words for strengths are for this model, at its native size; empty for a damaged
        one."""
        if not self.ok:
            return {}
        family = architectures.FAMILIES.get(self.family)
        rule = family.shift if family and family.flow else None
        tokens = self.native_size**2 // (2 * self.latent_scale) ** 2
        return strength_words.strengths(
            self.scheduler, rule, tokens, self.default_steps, self.spacing
        )

    @property
    def edit_references(self) -> int:
        """How many pictures an edit may bring besides its source."""
        return architectures.EDITS[self.editing].references if self.editing else 0


KL, KL_SCALING = "AutoencoderKL", 0.18215  # diffusers' default, which old configurations leave out
NO_DENOISER = "The weights of its denoiser are not there; it can be the base of a denoiser's file."
NO_PARTS = (
    "The weights of {lacks} are not there; it can be the base of a denoiser's file, with files of "
    "the others beside it."
)
MOST_TIMESTEPS = 100_000

LATENT_STEP = 2  # latents: generation sizes are multiples of this times latent_scale
TOKEN_LATENTS = 4  # a transformer reads 2 x 2 latents as one token
SOME_TOKENS = 4096  # of a picture, to try a noise schedule with

# what a data sheet may say, and what it must be
SHEET: dict[str, type | tuple[type, ...]] = {
    "title": str,
    "family": str,
    "native_size": int,
    "multiple": int,
    "min_size": int,
    "max_pixels": int,
    "whole_pixels": int,
    "default_steps": int,
    "default_guidance": (int, float),
    "default_sampler": str,
    "fills": bool,
    "licence": str,
    "note": str,
    "latent_rgb": dict,
}


def inspect(folder: Path, model_id: str, root: Path | None = None) -> ModelInfo:
    """Never raises: a folder that cannot be used comes back with `ok` False and the problem. Links
    have to end in `root`, by default the folder itself."""
    bare = ModelInfo(model_id, folder.name, "unknown", folder, bytes=_bytes(folder))
    try:
        _refuse_links_out(folder, root or folder)
        return _read(folder, bare)
    except Damaged as damage:
        return replace(bare, ok=False, problem=f"{damage}.")
    except OSError as error:
        reason = plain_files.reason(error)
        return replace(bare, ok=False, problem=f"The folder cannot be read: {reason}.")


def _read(folder: Path, bare: ModelInfo) -> ModelInfo:
    index = read_json(folder / INDEX)
    family = _family(index)
    denoiser = read_json(folder / family.denoiser / "config.json")
    vae = read_json(folder / "vae" / "config.json")
    scheduler = read_json(folder / "scheduler" / "scheduler_config.json")
    bare = replace(bare, variant=_variant(family, denoiser, vae))
    _check_noise(family, scheduler)
    guessed = from_configs(bare, family, denoiser, vae, scheduler)
    few = few_step.of_configs(family, index, denoiser, scheduler)
    names = (folder.name, bare.id, str(index.get("_name_or_path", "")))
    guessed = with_defaults(guessed, few or few_step.named("model", [family.name], names))
    editing = architectures.editing_of(str(index["_class_name"]))
    if editing:
        guidance = editing.guidance or guessed.default_guidance
        guessed = replace(guessed, editing=editing.name, default_guidance=guidance)
    info = with_sheet(guessed, folder / DATA_SHEET)
    for name in (*family.tokenizers, *(editing.parts if editing else ())):
        if not plain_files.is_folder(folder / name):
            raise Damaged(f"The folder {name} is missing")
    parts = ("vae", *family.encoders, family.denoiser)
    for name in parts:
        if not plain_files.is_folder(folder / name):
            raise Damaged(f"The folder {name} is missing")
        check.check_quantised(folder / name)
    lacks = tuple(name for name in parts if _has_no_weights(folder / name))
    lacks = lacks if family.denoiser in lacks else ()
    for name in parts:
        if name not in lacks:
            check_component(folder / name)
    if lacks:
        problem = NO_PARTS.format(lacks=" and ".join(lacks)) if len(lacks) > 1 else NO_DENOISER
        return replace(info, role="rest", ok=False, problem=problem, lacks=lacks)
    return replace(info, precision=precision_of(folder / family.denoiser))


def _has_no_weights(folder: Path) -> bool:
    """Neither weights nor anything that stands for them."""
    return not any(
        file.suffix in (".safetensors", *PICKLE_SUFFIXES) for file in plain_files.entries(folder)
    )


def _family(index: dict[str, Any]) -> Family:
    name = str(index.get("_class_name", ""))
    family = architectures.of_pipeline(name)
    if family is None:
        raise Damaged(unsupported.of_class(name or "(none)"))
    return family


def _variant(family: Family, denoiser: dict[str, Any], vae: dict[str, Any]) -> str:
    """By the channels that its denoiser takes; raises Damaged for those that nothing here can
    give it."""
    taken, made = denoiser.get("in_channels"), latent_channels(vae)
    if isinstance(made, int):
        more = {"": 0}
        if family.inpainting:
            more[architectures.INPAINT] = family.inpainting.channels(made, latent_scale(vae))
        for variant, count in more.items():
            if taken == (made + count) * family.patch**2:
                return variant
    what = "UNet" if family.denoiser == "unet" else "transformer"
    raise Damaged(
        f"Its {what} takes {taken} channels and its VAE makes {made}; models that are given a "
        "depth map or a picture to edit in this way are not supported, the ordinary and the "
        "inpainting model of the same kind are"
    )


def latent_channels(vae: dict[str, Any]) -> Any:
    return vae.get("latent_channels", vae.get("z_dim"))


def latent_scale(vae: dict[str, Any]) -> int:
    """Pixels per latent."""
    halvings = vae.get("temperal_downsample")  # diffusers' spelling, of VAEs for videos
    if isinstance(halvings, list) and halvings:
        return int(2 ** len(halvings))
    blocks = vae.get("block_out_channels")
    if isinstance(blocks, list) and blocks:
        return int(2 ** (len(blocks) - 1))
    raise Damaged("vae/config.json does not say its block_out_channels")


def from_configs(
    bare: ModelInfo,
    family: Family,
    denoiser: dict[str, Any],
    vae: dict[str, Any],
    scheduler: dict[str, Any],
) -> ModelInfo:
    """What the configurations of a model's parts say, and what suits its family and variant."""
    scale = latent_scale(vae)
    steps, guidance = family.defaults(bare.variant)
    native = family.native_size or _sample_size(denoiser) * scale
    multiple = scale * LATENT_STEP
    vae_kind = str(vae.get("_class_name"))
    return replace(
        bare,
        family=family.name,
        native_size=native,
        multiple=multiple,
        min_size=max(multiple, native // 2 // multiple * multiple),
        max_pixels=int(native**2 * family.largest_share),
        default_steps=steps,
        default_guidance=guidance,
        default_sampler=family.sampler,
        latent_scale=scale,
        latent_channels=latent_channels(vae),
        latent_scaling=vae.get("scaling_factor", KL_SCALING if vae_kind == KL else None),
        vae_kind=vae_kind,
        unet_width=_width(family, denoiser),
        context_dim=denoiser.get("cross_attention_dim"),
        prediction_type="flow" if family.flow else str(scheduler.get("prediction_type", "epsilon")),
        scheduler=scheduler,
    )


def _sample_size(unet: dict[str, Any]) -> int:
    sample = unet.get("sample_size")
    sample = sample[0] if isinstance(sample, list) and sample else sample
    if not isinstance(sample, int) or sample < 1:
        raise Damaged("unet/config.json does not say its sample_size")
    return sample


def with_defaults(info: ModelInfo, few: Defaults | None) -> ModelInfo:
    """The same with what suits a model for few steps."""
    if few is None:
        return info
    return replace(
        info,
        default_sampler=few.sampler,
        default_steps=few.steps,
        default_guidance=few.guidance,
        spacing=few.spacing,
    )


def _width(family: Family, denoiser: dict[str, Any]) -> int:
    """Channels at the denoiser's finest resolution; a transformer's are spread over a token's
    latents."""
    if family.denoiser == "unet":
        blocks = denoiser.get("block_out_channels")
        if isinstance(blocks, list) and blocks and isinstance(blocks[0], int):
            return blocks[0]
        raise Damaged("unet/config.json does not say its block_out_channels")
    width = transformer_width(denoiser)
    if width is None:
        raise Damaged("transformer/config.json does not say how wide it is")
    return width


def transformer_width(config: Mapping[str, Any]) -> int | None:
    """Channels of a transformer's tokens, or of those of a network that steers it, a latent."""
    heads, size = config.get("num_attention_heads"), config.get("attention_head_dim")
    inner = heads * size if isinstance(heads, int) and isinstance(size, int) else None
    inner = config.get("dim", config.get("hidden_size", inner))
    return max(inner // TOKEN_LATENTS, 1) if isinstance(inner, int) else None


def _check_noise(family: Family, scheduler: dict[str, Any]) -> None:
    """Every number of the noise schedule must be one that the plan can compute with."""
    try:
        if not 1 <= int(scheduler.get("num_train_timesteps", 1000)) <= MOST_TIMESTEPS:
            raise ValueError("num_train_timesteps is out of range")
        if family.flow:
            noise_levels.sigmas(scheduler, [1.0, 0.5], 2, SOME_TOKENS, family.shift)
        else:
            alphas_cumprod(scheduler)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise Damaged(f"scheduler/scheduler_config.json: {error}") from error


def with_sheet(info: ModelInfo, file: Path) -> ModelInfo:
    """The same with what the model's own data sheet says. Ids come from the registry alone."""
    if not plain_files.is_file(file):
        return info
    sheet = read_json(file)
    said: dict[str, Any] = {key: sheet[key] for key in SHEET if key in sheet}
    for key, value in said.items():
        if not isinstance(value, SHEET[key]) or isinstance(value, bool) is not (SHEET[key] is bool):
            raise Damaged(f"{DATA_SHEET} has a wrong value for {key}")
    if said.get("family", info.family) != info.family:
        raise Damaged(f"{DATA_SHEET} says another family than {INDEX}")
    info = replace(info, **said)
    _check_ranges(info)
    told = predictions.of_sheet(sheet)
    if told != predictions.Told() and architectures.FAMILIES[info.family].flow:
        raise Damaged(
            f"{DATA_SHEET} says what it predicts, which is always the flow for models of its kind"
        )
    return with_prediction(replace(info, scheduler=told.over(info.scheduler)))


def with_prediction(info: ModelInfo) -> ModelInfo:
    """The same with what its scheduler's configuration says of it."""
    if architectures.FAMILIES[info.family].flow:
        return info
    kind = str(info.scheduler.get("prediction_type", predictions.EPSILON))
    return replace(info, prediction_type=kind)


def _check_ranges(info: ModelInfo) -> None:
    fits = (
        info.multiple >= info.latent_scale
        and info.multiple % info.latent_scale == 0
        and info.min_size >= info.multiple
        and info.min_size % info.multiple == 0
        and info.native_size >= info.min_size
        and info.max_pixels >= info.native_size**2
        and (info.whole_pixels == 0 or info.whole_pixels >= info.native_size**2)
        and 1 <= info.default_steps <= 200
        and 0 <= info.default_guidance <= 50
        and info.default_sampler in architectures.FAMILIES[info.family].samplers
    )
    if not fits:
        raise Damaged(f"{DATA_SHEET} has sizes or defaults that do not fit together")


def _refuse_links_out(folder: Path, root: Path) -> None:
    """Links may point inside `root`, nowhere else."""
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            entry = Path(place, name)
            if entry.is_symlink() and not plain_files.is_inside(entry, root):
                raise Damaged(
                    f"{entry.relative_to(folder)} is a link to a place outside the model's folder; "
                    "`pentimento models add` copies a model properly"
                )


def _bytes(folder: Path) -> int:
    """Size of what would be loaded; 0 where the folder cannot be read."""
    total = 0
    for place, _, files in os.walk(folder):
        for name in files:
            entry = Path(place, name)
            if entry.suffix not in PICKLE_SUFFIXES:
                with suppress(OSError):
                    total += entry.stat().st_size
    return total
