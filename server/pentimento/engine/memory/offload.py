"""Memory-saving ways to compute, and estimates of what computing takes.

Of networks that are larger than the device's memory the weights stay in RAM, and each block is on
the device only while it computes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from diffusers import ModelMixin
from diffusers.hooks import apply_group_offloading
from diffusers.models.attention_processor import AttnProcessor2_0, SlicedAttnProcessor
from torch import nn

from pentimento.core.geometry import Size

DENOISERS = ("unet", "transformer")
CPU = torch.device("cpu")
HOOKS = ("group_offloading", "layer_execution_tracker", "lazy_prefetch_group_offloading")


def possible(module: nn.Module) -> bool:
    """VAEs work on parts of the picture at a time instead (tiling)."""
    return not hasattr(module, "enable_tiling")


def by_blocks(module: Any, device: torch.device) -> None:
    """From now on `module` must not be moved. Works from a CPU to the same CPU too, where it
    changes nothing but the way."""
    blocks = isinstance(module, ModelMixin)
    apply_group_offloading(
        module,
        onload_device=device,
        offload_device=CPU,
        offload_type="block_level" if blocks else "leaf_level",
        num_blocks_per_group=1 if blocks else None,
    )


def undo(module: Any) -> None:
    """The module is in RAM as a whole again, and may be moved."""
    for part in module.modules():
        registry: Any = getattr(part, "_diffusers_hook", None)
        for name in [name for name in HOOKS if registry and name in registry.hooks]:
            registry.remove_hook(name, recurse=False)
    module.to(CPU)


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
    """While inside, attention is computed in slices: slower, in less memory. Only where it is the
    ordinary one: what reads a reference, for example, stays as it is."""
    kept = dict(getattr(denoiser, "attn_processors", {})) if wanted else {}
    sliced = {name: _sliced(denoiser, name, one) for name, one in kept.items()}
    useful = any(sliced[name] is not kept[name] for name in kept)
    if useful:
        denoiser.set_attn_processor(sliced)
    try:
        yield
    finally:
        if useful:
            denoiser.set_attn_processor(kept)


def _sliced(denoiser: nn.Module, name: str, processor: Any) -> Any:
    """Half of the heads at one time, as diffusers' own switch."""
    if type(processor) is not AttnProcessor2_0 or not hasattr(denoiser, "set_attention_slice"):
        return processor
    attention: Any = denoiser.get_submodule(name.removesuffix(".processor"))
    return SlicedAttnProcessor(max(attention.heads // 2, 1))
