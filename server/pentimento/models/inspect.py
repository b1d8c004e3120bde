"""Reads a diffusers folder's JSON files into a ModelInfo and says what is wrong with it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pentimento.imaging import flow
from pentimento.imaging.schedules import alphas_cumprod
from pentimento.models import families, few_step, quantised
from pentimento.models.families import Family
from pentimento.models.few_step import Defaults
from pentimento.models.info import ModelInfo
from pentimento.models.weights import PICKLE_SUFFIXES, Damaged, check_component, precision_of

INDEX = "model_index.json"
DATA_SHEET = "pentimento.json"
KL, KL_SCALING = "AutoencoderKL", 0.18215  # diffusers' default, which old configurations leave out
NO_DENOISER = "The weights of its denoiser are not there; it can be the base of a denoiser's file."
MOST_TIMESTEPS = 100_000
JSON_LIMIT = 1_000_000  # bytes; configurations are a few kB

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
    "default_steps": int,
    "default_guidance": (int, float),
    "default_sampler": str,
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
        reason = error.strerror or type(error).__name__
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
    editing = families.editing_of(str(index["_class_name"]))
    if editing:
        guidance = editing.guidance or guessed.default_guidance
        guessed = replace(guessed, editing=editing.name, default_guidance=guidance)
    info = with_sheet(guessed, folder / DATA_SHEET)
    for name in (*family.tokenizers, *(editing.parts if editing else ())):
        if not (folder / name).is_dir():
            raise Damaged(f"The folder {name} is missing")
    for name in ("vae", *family.encoders, family.denoiser):
        if not (folder / name).is_dir():
            raise Damaged(f"The folder {name} is missing")
        quantised.check(folder / name)
        if name == family.denoiser and _has_no_weights(folder / name):
            return replace(info, role="rest", ok=False, problem=NO_DENOISER)
        check_component(folder / name)
    return replace(info, precision=precision_of(folder / family.denoiser))


def _has_no_weights(folder: Path) -> bool:
    """Neither weights nor anything that stands for them."""
    return not any(file.suffix in (".safetensors", *PICKLE_SUFFIXES) for file in folder.iterdir())


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object from a file of reasonable size; Damaged otherwise."""
    name = file.name if file.name == INDEX else f"{file.parent.name}/{file.name}"
    try:
        if file.stat().st_size > JSON_LIMIT:
            raise Damaged(f"{name} is too large for a configuration")
        data = json.loads(file.read_text("utf-8"))
    except FileNotFoundError as error:
        raise Damaged(f"{name} is missing") from error
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{name} is not valid JSON") from error
    if not isinstance(data, dict):
        raise Damaged(f"{name} is not a JSON object")
    return data


def _family(index: dict[str, Any]) -> Family:
    name = str(index.get("_class_name", ""))
    family = families.of_pipeline(name)
    if family is None:
        raise Damaged(f"Models of the kind {name or '(none)'} are not supported yet")
    return family


def _variant(family: Family, denoiser: dict[str, Any], vae: dict[str, Any]) -> str:
    """By the channels that its denoiser takes; raises Damaged for those that nothing here can
    give it."""
    taken, made = denoiser.get("in_channels"), latent_channels(vae)
    if isinstance(made, int):
        more = {"": 0}
        if family.inpainting:
            more[families.INPAINT] = family.inpainting.channels(made, latent_scale(vae))
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
    inner = config.get("dim", inner)
    return max(inner // TOKEN_LATENTS, 1) if isinstance(inner, int) else None


def _check_noise(family: Family, scheduler: dict[str, Any]) -> None:
    """Every number of the noise schedule must be one that the plan can compute with."""
    try:
        if not 1 <= int(scheduler.get("num_train_timesteps", 1000)) <= MOST_TIMESTEPS:
            raise ValueError("num_train_timesteps is out of range")
        if family.flow:
            flow.sigmas(scheduler, [1.0, 0.5], 2, SOME_TOKENS, family.shift)
        else:
            alphas_cumprod(scheduler)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise Damaged(f"scheduler/scheduler_config.json: {error}") from error


def with_sheet(info: ModelInfo, file: Path) -> ModelInfo:
    """The same with what the model's own data sheet says. Ids come from the registry alone."""
    if not file.is_file():
        return info
    sheet = read_json(file)
    said: dict[str, Any] = {key: sheet[key] for key in SHEET if key in sheet}
    for key, value in said.items():
        if not isinstance(value, SHEET[key]) or isinstance(value, bool):
            raise Damaged(f"{DATA_SHEET} has a wrong value for {key}")
    if said.get("family", info.family) != info.family:
        raise Damaged(f"{DATA_SHEET} says another family than {INDEX}")
    info = replace(info, **said)
    _check_ranges(info)
    return info


def _check_ranges(info: ModelInfo) -> None:
    fits = (
        info.multiple >= info.latent_scale
        and info.multiple % info.latent_scale == 0
        and info.min_size >= info.multiple
        and info.min_size % info.multiple == 0
        and info.native_size >= info.min_size
        and info.max_pixels >= info.native_size**2
        and 1 <= info.default_steps <= 200
        and 0 <= info.default_guidance <= 50
        and info.default_sampler in families.FAMILIES[info.family].samplers
    )
    if not fits:
        raise Damaged(f"{DATA_SHEET} has sizes or defaults that do not fit together")


def _refuse_links_out(folder: Path, root: Path) -> None:
    """Links may point inside `root`, nowhere else."""
    root = root.resolve()
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            entry = Path(place, name)
            if entry.is_symlink() and not entry.resolve().is_relative_to(root):
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
            if entry.suffix not in PICKLE_SUFFIXES and entry.is_file():
                total += entry.stat().st_size
    return total
