"""Between pictures and latents: the VAE, noise, and the two scalings of latents.

Pictures are `(h, w, 3)` float32 0..1, latents `(1, c, h / f, w / f)` float32 as the denoiser wants
them (scaled and shifted).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pentimento.core.geometry import Box, Size, Work
from pentimento.engine.sampling.samplers import Levels
from pentimento.imaging.tiles import Mosaic
from pentimento.models.library.model import latent_channels, latent_scale

TINY = "AutoencoderTiny"  # diffusers' tiles take each of them for one of 8 px per latent
PATCHED = "AutoencoderKLFlux2"  # its latents count as patches of 2 x 2, as its statistics do


def factor(vae_config: dict[str, Any]) -> int:
    """Pixels per latent."""
    return latent_scale(vae_config) * (2 if vae_config.get("_class_name") == PATCHED else 1)


def channels(vae_config: dict[str, Any]) -> int:
    return int(latent_channels(vae_config)) * (4 if vae_config.get("_class_name") == PATCHED else 1)


def encode(vae: Any, picture: np.ndarray, work: Work | None = None) -> Tensor:
    """The most likely latents: no chance in it, so a picture always gives the same. `work` says in
    which tiles, if not at once."""
    if work is None or not work.tiled:
        return _encoded(vae, picture)
    scale = factor(vae.config)
    latent_boxes = [scaled_down(box, scale) for box in work.tiles]
    size = Size(work.size.width // scale, work.size.height // scale)
    found: Mosaic | None = None
    for number, box in enumerate(work.tiles):
        seen = _encoded(vae, picture[box.y : box.bottom, box.x : box.right])
        tile = seen[0].permute(1, 2, 0).numpy()
        found = found or Mosaic(latent_boxes, size, tile.shape[2])
        found.add(number, tile)
    assert found is not None, "there is at least one tile"
    return torch.from_numpy(found.picture).permute(2, 0, 1)[None].contiguous()


def decode(vae: Any, latents: Tensor, work: Work | None = None) -> np.ndarray:
    """The picture of these latents, clipped to 0..1. `work` says in which tiles, if not at once."""
    if work is None or not work.tiled:
        return _decoded(vae, latents)
    scale = factor(vae.config)
    found = Mosaic(work.tiles, work.size)
    for number, box in enumerate(work.tiles):
        part = scaled_down(box, scale)
        tile = latents[..., part.y : part.bottom, part.x : part.right]
        found.add(number, _decoded(vae, tile))
    return np.clip(found.picture, 0, 1, out=found.picture)


def scaled_down(box: Box, scale: int) -> Box:
    """A tile's box in latents of `scale` px; its numbers are multiples of that."""
    return Box(box.x // scale, box.y // scale, box.width // scale, box.height // scale)


@torch.inference_mode()
def _encoded(vae: Any, picture: np.ndarray) -> Tensor:
    pixels = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None] * 2 - 1
    encoded = vae.encode(_input(vae, pixels))
    raw = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
    raw = _still(vae, raw)
    if _is_patched(vae):
        raw = functional.pixel_unshuffle(raw, 2)
    mean, spread = normalisation(vae, raw.shape[1])
    return ((raw.float().cpu() - mean) / spread).contiguous()


@torch.inference_mode()
def _decoded(vae: Any, latents: Tensor) -> np.ndarray:
    mean, spread = normalisation(vae, latents.shape[1])
    raw = latents.float().cpu() * spread + mean
    if _is_patched(vae):
        raw = functional.pixel_shuffle(raw, 2)
    pixels = vae.decode(_input(vae, raw), return_dict=False)[0]
    picture = _still(vae, pixels)[0].float().cpu().permute(1, 2, 0).numpy()
    return np.ascontiguousarray(np.clip(picture / 2 + 0.5, 0, 1))


@contextmanager
def tiled(vae: Any, *, wanted: bool) -> Iterator[None]:
    """While inside, the VAE works in tiles if that is wanted: less memory, faint edges between."""
    if wanted:
        if type(vae).__name__ == TINY:
            vae.spatial_scale_factor = latent_scale(vae.config)
            vae.tile_latent_min_size = vae.tile_sample_min_size // vae.spatial_scale_factor
        vae.enable_tiling()
    try:
        yield
    finally:
        vae.disable_tiling()


def _input(vae: Any, values: Tensor) -> Tensor:
    """`(1, c, h, w)` as the VAE takes it. VAEs for videos take a picture as a video of one frame;
    for others a processor takes a sixth less time if the channels of a pixel lie together."""
    values = values.to(vae.device, vae.dtype)
    if "z_dim" in vae.config:
        return values.unsqueeze(2)
    if values.device.type == "cpu":
        return values.contiguous(memory_format=torch.channels_last)
    return values


def _still(vae: Any, values: Tensor) -> Tensor:
    return values.squeeze(2) if "z_dim" in vae.config else values


def _is_patched(vae: Any) -> bool:
    return type(vae).__name__ == PATCHED


def normalisation(vae: Any, channels: int) -> tuple[Tensor, Tensor]:
    """Mean and spread that latents are shifted and divided by before the denoiser sees them."""
    config = vae.config
    if _is_patched(vae):
        statistics = vae.bn
        spread = (statistics.running_var + config.batch_norm_eps).sqrt()
        shape = (1, channels, 1, 1)
        return (
            statistics.running_mean.float().cpu().view(shape),
            spread.float().cpu().view(shape),
        )
    scale = 1 / float(config.get("scaling_factor") or 1.0)
    mean, spread = getattr(config, "latents_mean", None), getattr(config, "latents_std", None)
    if mean is not None and spread is not None:
        return (
            torch.tensor(mean).view(1, channels, 1, 1),
            torch.tensor(spread).view(1, channels, 1, 1) * scale,
        )
    shift = float(getattr(config, "shift_factor", None) or 0.0)
    return torch.tensor(shift), torch.tensor(scale)


def pure_noise(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Drawn on the CPU on every device, so a seed means the same picture everywhere."""
    return torch.randn(shape, generator=generator, dtype=torch.float32)


def noised(latents: Tensor, noise: Tensor, levels: Levels, step: int) -> Tensor:
    """Latents with the noise of level `step`, in VP scaling."""
    return levels.signal(step) * latents + levels.noise(step) * noise


def start(latents: Tensor | None, noise: Tensor, levels: Levels, strength: float) -> Tensor:
    """Where denoising begins. Full strength is pure noise without a trace of the source."""
    if latents is None or strength >= 1:
        return noise
    return noised(latents, noise, levels, 0)
