"""Networks that are larger than the device's memory: their weights stay in RAM, and each block is
on the device only while it computes."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import ModelMixin
from diffusers.hooks import apply_group_offloading
from torch import nn

DENOISERS = ("unet", "transformer")
CPU = torch.device("cpu")


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
