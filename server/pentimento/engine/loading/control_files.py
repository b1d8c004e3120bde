"""Loads a ControlNet from one safetensors file, using the config of the UNet that it is to steer: a
ControlNet copies its encoder half (Zhang et al. 2023), and the file itself does not say all of it.
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

from pentimento.engine.failures import model_damaged, weights_missing
from pentimento.engine.loading.sources import file_identity
from pentimento.engine.loading.weights import UNUSED, left_over
from pentimento.models.weights import check
from pentimento.models.weights.header import Damaged

PREFIX = "control_model."
FIRST = "conv_in.weight"
DIFFERENCE = "difference"  # a mark of kohya's ControlNet-diff-modules, not a weight
SIZES = {  # of SDXL's, which diffusers' conversion leaves out
    "label_emb.0.0.": "add_embedding.linear_1.",
    "label_emb.0.2.": "add_embedding.linear_2.",
}


def identity(file: Path, unet: Mapping[str, Any], made_of: Hashable) -> Hashable:
    """The same file makes another module for a UNet that is built otherwise; one that holds a
    difference, for each UNet, `made_of` what its files are."""
    built = json.dumps(_common(unet), sort_keys=True, default=str)
    return file_identity(file), built, made_of if is_difference(file) else None


def is_difference(file: Path) -> bool:
    """Whether the weights that it has in common with a UNet are to be added to those."""
    try:
        return DIFFERENCE in check.shapes(file)
    except (Damaged, OSError):
        return False


def read(file: Path, denoiser: Any, dtype: torch.dtype) -> Any:
    """Frozen, on the CPU, for the UNet `denoiser`. Raises model_damaged."""
    unet = denoiser.config
    try:
        check.check_file(file)
    except Damaged as damage:
        raise model_damaged(file, str(damage)) from damage
    raw = _weights(file)
    config, found = _common(unet), _converted(raw, unet)
    unused = left_over(raw, found)
    if FIRST in found:  # inpainting UNets take more channels, their ControlNets do not
        config["in_channels"] = found[FIRST].shape[1]
    with torch.device("meta"):
        net: Any = ControlNetModel(**config)
    wanted = {name: weight.shape for name, weight in net.state_dict().items()}
    lacking = sorted({*wanted} - {*found})
    if lacking and {*found} <= {*wanted}:
        raise weights_missing(file, file.name, lacking)
    for name in sorted({*wanted, *found}):
        if name not in wanted or name not in found or found[name].shape != wanted[name]:
            reason = f"{file.name} is built otherwise than this model's UNet (at {name})"
            raise model_damaged(file, reason)
    if is_difference(file):
        found = _added(file, found, denoiser)
    net.load_state_dict(found, assign=True)
    setattr(net, UNUSED, unused)
    return net.to(dtype).eval().requires_grad_(False)


def _added(file: Path, found: Mapping[str, Tensor], denoiser: Any) -> dict[str, Tensor]:
    """The difference to a UNet, as whole weights."""
    base = denoiser.state_dict()
    whole = {}
    for name, weight in found.items():
        own = base.get(name)
        if own is not None and name == FIRST:  # inpainting UNets take more channels
            own = own[:, : weight.shape[1]]
        if own is None or own.shape != weight.shape:  # what only ControlNets have is there whole
            whole[name] = weight
        elif not own.is_floating_point() or hasattr(own, "quant_type"):
            raise model_damaged(file, "it holds a difference, and this UNet's weights are packed")
        else:
            whole[name] = weight.float() + own.float().cpu()
    return whole


def _common(unet: Mapping[str, Any]) -> dict[str, Any]:
    """What a ControlNet's configuration shares with its UNet's."""
    taken = inspect.signature(ControlNetModel.__init__).parameters
    return {name: value for name, value in unet.items() if name in taken}


def _weights(file: Path) -> dict[str, Tensor]:
    with safe_open(file, "pt") as stream:
        names = stream.keys()
        return {
            name.removeprefix(PREFIX): stream.get_tensor(name)
            for name in names
            if name != DIFFERENCE
        }


def _converted(found: dict[str, Tensor], unet: Mapping[str, Any]) -> dict[str, Tensor]:
    """By the names that diffusers gives them."""
    changed = convert_controlnet_checkpoint(found, unet)
    for theirs, ours in SIZES.items():
        for part in ("weight", "bias"):
            if theirs + part in found:
                changed[ours + part] = found[theirs + part]
    return {name: weight for name, weight in changed.items() if weight is not None}
