"""Reads a ControlNet from one safetensors file. It is built as the UNet that it is to steer, whose
first half it is a copy of (Zhang et al. 2023): the file itself does not tell all of that.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import ControlNetModel
from diffusers.loaders.single_file_utils import convert_controlnet_checkpoint
from safetensors import safe_open
from torch import Tensor

from pentimento.engine.failures import model_damaged
from pentimento.engine.folder import file_identity
from pentimento.models import weights

PREFIX = "control_model."
SIZES = {  # of SDXL's, which diffusers' conversion leaves out
    "label_emb.0.0.": "add_embedding.linear_1.",
    "label_emb.0.2.": "add_embedding.linear_2.",
}


def identity(file: Path, unet: Mapping[str, Any]) -> Hashable:
    """The same file makes another module for a UNet that is built otherwise."""
    return file_identity(file), json.dumps(_common(unet), sort_keys=True, default=str)


def read(file: Path, unet: Mapping[str, Any], dtype: torch.dtype) -> Any:
    """Frozen, on the CPU; `unet` is the UNet's configuration. Raises model_damaged."""
    try:
        weights.check_file(file)
    except weights.Damaged as damage:
        raise model_damaged(file, str(damage)) from damage
    config, found = _common(unet), _converted(_weights(file), unet)
    if "conv_in.weight" in found:  # inpainting UNets take more channels, their ControlNets do not
        config["in_channels"] = found["conv_in.weight"].shape[1]
    with torch.device("meta"):
        net: Any = ControlNetModel(**config)
    wanted = {name: weight.shape for name, weight in net.state_dict().items()}
    for name in sorted({*wanted, *found}):
        if name not in wanted or name not in found or found[name].shape != wanted[name]:
            reason = f"{file.name} is built otherwise than this model's UNet (at {name})"
            raise model_damaged(file, reason)
    net.load_state_dict(found, assign=True)
    return net.to(dtype).eval().requires_grad_(False)


def _common(unet: Mapping[str, Any]) -> dict[str, Any]:
    """What a ControlNet's configuration shares with its UNet's."""
    taken = inspect.signature(ControlNetModel.__init__).parameters
    return {name: value for name, value in unet.items() if name in taken}


def _weights(file: Path) -> dict[str, Tensor]:
    with safe_open(file, "pt") as stream:
        names = stream.keys()
        return {name.removeprefix(PREFIX): stream.get_tensor(name) for name in names}


def _converted(found: dict[str, Tensor], unet: Mapping[str, Any]) -> dict[str, Tensor]:
    """By the names that diffusers gives them."""
    changed = convert_controlnet_checkpoint(found, unet)
    for theirs, ours in SIZES.items():
        for part in ("weight", "bias"):
            if theirs + part in found:
                changed[ours + part] = found[theirs + part]
    return {name: weight for name, weight in changed.items() if weight is not None}
