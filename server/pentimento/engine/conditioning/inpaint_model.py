"""Conditioning for inpainting models: mask and masked-image latents, concatenated to the noisy
latents.

The mask is binary: whatever may change at all is masked. Soft masks are handled in
`engine/sampling/inpaint.py`, for these models as for all others. Without a mask all is masked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pentimento.engine.sampling.inpaint import latent_mask
from pentimento.imaging.canvas import Canvas

EMPTY = 0.5  # mid-grey
CHANNELS = {4: 1, 3: -1}  # the axis of channels, in latents and in tokens


def binary_mask(canvas: Canvas) -> Tensor:
    """`(1, 1, H, W)` at the generation size: 1 where the picture may change, else 0."""
    mask = canvas.mask_at_work()
    if mask is None:
        return torch.ones(1, 1, canvas.generation.height, canvas.generation.width)
    return (latent_mask(mask, canvas.generation) > 0).float()


def masked_image(canvas: Canvas, hole: Tensor) -> np.ndarray:
    """The picture `(H, W, 3)` float32 0..1 that is mid-grey in the hole."""
    size, seen = canvas.generation, canvas.seen()
    grey = np.full((size.height, size.width, 3), EMPTY, np.float32)
    inside = hole[0, 0, :, :, None].numpy() > 0
    return grey if seen is None else np.where(inside, grey, seen)


@contextmanager
def mask_latents_appended(denoiser: nn.Module, beside: Tensor | None) -> Iterator[None]:
    """While inside, the denoiser sees `beside` (of `Family.beside`) with each of its inputs, of
    which there may be several at once. ControlNets and the scheduler know nothing of it."""
    if beside is None:
        yield
        return

    def add(_net: nn.Module, args: Any, kwargs: dict[str, Any]) -> Any:
        latents = args[0] if args else kwargs["hidden_states"]
        more = beside.to(latents).expand(len(latents), *beside.shape[1:])
        joined = torch.cat([latents, more], CHANNELS[latents.ndim])
        return ((joined, *args[1:]), kwargs) if args else (args, kwargs | {"hidden_states": joined})

    with denoiser.register_forward_pre_hook(add, with_kwargs=True):
        yield
