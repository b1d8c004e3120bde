"""Ways to compute in less memory, and what computing takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from diffusers.models.attention_processor import AttnProcessor2_0
from torch import nn

from pentimento.imaging.geometry import Size

BUFFERS = 4  # a decoder's largest layers alive at one time: a generous guess, not measured
TILED = "decoding in tiles"
SLICED = "attention in slices"
OFFLOADED = "weights in main memory"


def decoding_bytes(vae: dict[str, Any], size: Size, itemsize: int) -> int:
    """About what decoding a picture of `size` px at once takes: the last but one block works at
    full size with its own number of channels."""
    widths = vae.get("block_out_channels") or [vae.get("base_dim", 96)]
    return size.pixels * widths[min(1, len(widths) - 1)] * itemsize * BUFFERS


def keep_in_fp8(denoiser: Any, dtype: torch.dtype) -> None:
    """Halves the memory of its weights for good: each layer's become `dtype` while it computes. The
    pictures change slightly (about a hundredth, measured)."""
    denoiser.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=dtype)


@contextmanager
def sliced_attention(denoiser: Any, *, wanted: bool) -> Iterator[None]:
    """While inside, attention is computed in slices: slower, in less memory. Only where the network
    has this switch and its attention is the ordinary one."""
    useful = wanted and can_slice(denoiser)
    if useful:
        denoiser.set_attention_slice("auto")
    try:
        yield
    finally:
        if useful:
            denoiser.set_attn_processor(AttnProcessor2_0())


def can_slice(denoiser: nn.Module) -> bool:
    processors = getattr(denoiser, "attn_processors", {}).values()
    ordinary = all(type(processor) is AttnProcessor2_0 for processor in processors)
    return hasattr(denoiser, "set_attention_slice") and ordinary
