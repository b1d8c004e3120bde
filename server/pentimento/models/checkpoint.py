"""Checkpoints in one safetensors file: which family it is, read from the header alone.

Told apart are the UNets of SD 1.5, SD 2 and SDXL in the layout of Stability's own programs;
whatever else a file holds is not guessed at. A data sheet beside the file may correct what is
found, as a folder's does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from pentimento.models import families, few_step, sd2, sheets
from pentimento.models.builds import ROWS
from pentimento.models.denoisers import inspect_denoiser
from pentimento.models.info import ModelInfo
from pentimento.models.inspect import from_configs, read_json, with_defaults, with_sheet
from pentimento.models.recognise import UNKNOWN, Recognised, recognise
from pentimento.models.tensors import Damaged, Shape
from pentimento.models.weights import check_file, shapes, whole

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
SUFFIX = ".safetensors"
UNET = "model.diffusion_model."
FIRST = UNET + "input_blocks.0.0.weight"  # (320, channels of the latents, 3, 3)
USABLE_VARIANTS = {4: "", 9: families.INPAINT}  # by the channels the UNet takes
PARTS = {  # its family, how wide its prompts are, and what it has besides its UNet
    "sd15": (families.SD15, 768, ("first_stage_model.", "cond_stage_model.")),
    "sd2": (families.SD15, 1024, ("first_stage_model.", "cond_stage_model.model.")),
    "sdxl": (
        families.SDXL,
        2048,
        ("first_stage_model.", "conditioner.embedders.0.", "conditioner.embedders.1."),
    ),
}


def inspect_file(file: Path, model_id: str) -> ModelInfo:
    """Never raises: a file that cannot be used comes back with `ok` False and the problem. A
    denoiser by itself has no problem, and is not `ok` until `denoisers.completed`."""
    bare = ModelInfo(model_id, file.stem, "unknown", file, bytes=file.stat().st_size)
    try:
        told = whole(file)
        bare = replace(bare, precision=told.precision)
        if _is_denoiser(told):
            return inspect_denoiser(bare, told)
        check_file(file)
        stat = file.stat()
        known = _known_kind(file, stat.st_size, stat.st_mtime_ns)
        if isinstance(known, Damaged):
            raise known
        kind, variant = known
        folder = CONFIGS / (sd2.configs(file) if kind == sd2.KIND else kind)
        unet, vae = (read_json(folder / part / "config.json") for part in ("unet", "vae"))
        scheduler = read_json(folder / "scheduler" / "scheduler_config.json")
        bare = replace(bare, configs=folder.name, variant=variant)
        family = PARTS[kind][0]
        info = from_configs(bare, family, unet, vae, scheduler)
        names = (file.stem, model_id, told.note)
        info = with_defaults(info, few_step.named("model", [family.name], names))
        return with_sheet(info, sheets.place_of(file))
    except (Damaged, OSError, ValueError) as problem:
        return replace(bare, ok=False, problem=f"{str(problem).rstrip('.')}.")


def _is_denoiser(told: Recognised) -> bool:
    """Also of a checkpoint of which nothing but the denoiser is read."""
    elsewhere = told.role == "checkpoint" and told.family in ROWS.keys() - PARTS.keys()
    return told.role == "denoiser" or elsewhere


@lru_cache(maxsize=4096)
def _known_kind(file: Path, size: int, mtime_ns: int) -> tuple[str, str] | Damaged:
    """Kind and variant; remembered until the file changes, the damage too."""
    try:
        found, told = shapes(file), recognise(file)
        return _kind(found, told), _variant(found)
    except Damaged as damage:
        return damage


def _kind(found: Mapping[str, Shape], told: Recognised) -> str:
    """A key of PARTS; raises Damaged."""
    if FIRST not in found:
        raise Damaged(f"It holds no UNet of a Stable Diffusion checkpoint{_instead(told)}")
    if found.get(UNET + "out.2.weight", [4])[0] != 4:
        raise Damaged("Its UNet is of a kind that is not supported")
    wide = next((s[1] for name, s in found.items() if name.endswith("attn2.to_k.weight")), None)
    for kind, (_, dim, prefixes) in PARTS.items():
        if wide == dim:
            for prefix in prefixes:
                if not any(name.startswith(prefix) for name in found):
                    raise Damaged(f"It is not whole: there are no weights called {prefix}…")
            return kind
    raise Damaged(
        f"Its prompts are {wide} wide; only SD 1.5 (768), SD 2 (1024) and SDXL (2048) can be read"
    )


def _variant(found: Mapping[str, Shape]) -> str:
    taken = found[FIRST][1]
    if taken not in USABLE_VARIANTS:
        raise Damaged(
            f"Its UNet takes {taken} channels: models that are given a depth map or a picture to "
            "edit in this way are not supported, the ordinary and the inpainting checkpoint of "
            "the same kind are"
        )
    return USABLE_VARIANTS[taken]


def _instead(told: Recognised) -> str:
    """What the file is, where that is known."""
    if told.role == UNKNOWN:
        return ""
    of = f" of the family {' or '.join(told.families)}" if told.families else ""
    return f"; it is a file of the kind {told.role.replace('_', ' ')}{of}"
