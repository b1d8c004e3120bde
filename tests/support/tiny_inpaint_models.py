"""Folders of models that were trained to fill holes, with random weights.

Their VAEs know no chance: diffusers' own inpainting pipelines draw the latents of the picture with
the hole, where ours takes the most likely ones.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.tiny_flow_models import write_flux
from tests.support.tiny_models import certain, save, write_sd15, write_sdxl


def write_sd15_inpaint(folder: Path) -> Path:
    import diffusers

    return _unet(write_sd15(folder), diffusers.StableDiffusionInpaintPipeline, {})


def write_sdxl_inpaint(folder: Path) -> Path:
    import diffusers

    return _unet(write_sdxl(folder), diffusers.StableDiffusionXLInpaintPipeline, {})


def write_flux_fill(folder: Path) -> Path:
    """4 latent channels instead of 16: 4 noisy, 4 of the picture, 64 of the mask, times 2 x 2."""
    import diffusers
    import torch

    torch.manual_seed(0)
    pipe = diffusers.FluxPipeline.from_pretrained(write_flux(folder))
    config = pipe.transformer.config | {"in_channels": 4 * (4 + 4 + 64), "out_channels": 16}
    transformer = diffusers.FluxTransformer2DModel.from_config(config)
    return _saved(pipe, diffusers.FluxFillPipeline, folder, {"transformer": transformer})


def _unet(folder: Path, kind: Any, parts: dict[str, Any]) -> Path:
    import diffusers
    import torch

    torch.manual_seed(0)
    pipe = diffusers.DiffusionPipeline.from_pretrained(folder)
    config = pipe.unet.config | {"in_channels": 4 + 1 + 4}
    unet = diffusers.UNet2DConditionModel.from_config(config)
    return _saved(pipe, kind, folder, parts | {"unet": unet})


def _saved(pipe: Any, kind: Any, folder: Path, parts: dict[str, Any]) -> Path:
    import inspect

    certain(pipe.vae)
    taken = inspect.signature(kind.__init__).parameters
    kept = {name: part for name, part in pipe.components.items() if name in taken}
    options = {"requires_safety_checker": False} if "requires_safety_checker" in taken else {}
    shutil.rmtree(folder)
    return save(kind(**(kept | parts | options)), folder)


WRITERS: dict[str, Callable[[Path], Path]] = {
    "sd15-inpaint": write_sd15_inpaint,
    "sdxl-inpaint": write_sdxl_inpaint,
    "flux-fill": write_flux_fill,
}
