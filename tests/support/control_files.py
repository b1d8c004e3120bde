"""Writes a ControlNet's folder as one file, in diffusers' layout or that of the first authors.
These names are those of their public code.
"""

from __future__ import annotations

import re
from pathlib import Path

from diffusers import UNet2DConditionModel
from safetensors.torch import load_file, save_file
from tests.support.single_file import unet_name

HINT_OUT = 14  # number of the last layer that reads the map
FIXED = {
    "controlnet_mid_block": "middle_block_out.0",
    "controlnet_cond_embedding.conv_in": "input_hint_block.0",
    "controlnet_cond_embedding.conv_out": f"input_hint_block.{HINT_OUT}",
}


def write_control_file(
    net: Path, model: Path, file: Path, layout: str = "original", prefix: str = "control_model."
) -> Path:
    """`model` is the folder of the model that it was made for."""
    config = UNet2DConditionModel.load_config(model / "unet")
    unet = UNet2DConditionModel.from_config(config)
    found = load_file(net / "diffusion_pytorch_model.safetensors")
    if layout == "original":
        found = {prefix + _name(unet.config, name): weight for name, weight in found.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: weight.contiguous() for name, weight in found.items()}, file)
    return file


def _name(config: object, name: str) -> str:
    for ours, theirs in FIXED.items():
        if name.startswith(ours + "."):
            return theirs + name.removeprefix(ours)
    if told := re.match(r"controlnet_down_blocks\.(\d+)\.(.+)", name):
        return f"zero_convs.{told[1]}.0.{told[2]}"
    if told := re.match(r"controlnet_cond_embedding\.blocks\.(\d+)\.(.+)", name):
        return f"input_hint_block.{2 * int(told[1]) + 2}.{told[2]}"
    return unet_name(config, name)
