"""Writes a diffusers folder as one checkpoint in the layout of Stability's own programs. The names
are those of CompVis' and Stability's public training code."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTextModelWithProjection

VAE_PREFIX = "first_stage_model."
Weights = dict[str, torch.Tensor]
RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
VAE_ATTENTION = {
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
}
OPEN_CLIP = {
    "self_attn.out_proj": "attn.out_proj",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}


def write_single_file(folder: Path, file: Path, dtype: torch.dtype = torch.float32) -> Path:
    """Works for the SD1.5, SD2 and SDXL kinds."""
    two = (folder / "text_encoder_2").is_dir()
    first = "conditioner.embedders.0." if two else "cond_stage_model."
    found: Weights = {}
    unet = UNet2DConditionModel.from_pretrained(folder / "unet", dtype=dtype)
    found |= _named(unet, "model.diffusion_model.", lambda name: unet_name(unet.config, name))
    vae = AutoencoderKL.from_pretrained(folder / "vae", dtype=dtype)
    found |= _vae_weights(vae)
    text = CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=dtype)
    if not two and unet.config.use_linear_projection:  # SD 2
        found |= _open_clip(text.state_dict(), first + "model.")
    else:
        found |= _named(text, first + "transformer.text_model.", _without_wrapper)
    if two:
        second = CLIPTextModelWithProjection.from_pretrained(folder / "text_encoder_2", dtype=dtype)
        found |= _open_clip(second.state_dict(), "conditioner.embedders.1.model.")
    save_file({name: weight.contiguous() for name, weight in found.items()}, file)
    return file


def write_vae_file(folder: Path, file: Path) -> Path:
    """A VAE's folder as one file in the same layout, by itself."""
    found = _vae_weights(AutoencoderKL.from_pretrained(folder))
    bare = {name.removeprefix(VAE_PREFIX): weight for name, weight in found.items()}
    save_file({name: weight.contiguous() for name, weight in bare.items()}, file)
    return file


def _vae_weights(vae: AutoencoderKL) -> Weights:
    return _named(vae, VAE_PREFIX, lambda name: vae_name(vae.config, name))


def _named(module: Any, prefix: str, rename: Callable[[str], str]) -> Weights:
    found = {}
    for name, weight in module.state_dict().items():
        if name.endswith("position_ids"):
            continue
        changed = rename(name)
        if prefix == VAE_PREFIX and re.search(r"\.(q|k|v|proj_out)\.weight$", changed):
            weight = weight[..., None, None]  # a 1 x 1 convolution there
        found[prefix + changed] = weight
    return found


def unet_name(config: Any, name: str) -> str:
    per, blocks = config.layers_per_block, len(config.block_out_channels)
    fixed = {
        "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2",
        "add_embedding.linear_1": "label_emb.0.0",
        "add_embedding.linear_2": "label_emb.0.2",
        "conv_in": "input_blocks.0.0",
        "conv_norm_out": "out.0",
        "conv_out": "out.2",
        "mid_block.resnets.0": "middle_block.0",
        "mid_block.attentions.0": "middle_block.1",
        "mid_block.resnets.1": "middle_block.2",
    }
    for i in range(blocks):
        for j in range(per + 1):
            down, up = i * (per + 1) + j + 1, i * (per + 1) + j
            fixed[f"down_blocks.{i}.resnets.{j}"] = f"input_blocks.{down}.0"
            fixed[f"down_blocks.{i}.attentions.{j}"] = f"input_blocks.{down}.1"
            fixed[f"up_blocks.{i}.resnets.{j}"] = f"output_blocks.{up}.0"
            fixed[f"up_blocks.{i}.attentions.{j}"] = f"output_blocks.{up}.1"
        last = i * (per + 1) + per
        fixed[f"down_blocks.{i}.downsamplers.0.conv"] = f"input_blocks.{last + 1}.0.op"
        place = 2 if "CrossAttn" in config.up_block_types[i] else 1
        fixed[f"up_blocks.{i}.upsamplers.0.conv"] = f"output_blocks.{last}.{place}.conv"
    for start in sorted(fixed, key=len, reverse=True):
        if name.startswith(start + "."):
            rest = name[len(start) + 1 :]
            if ".resnets." in start:
                part, ending = rest.rsplit(".", 1)
                rest = f"{RESNET[part]}.{ending}"
            return f"{fixed[start]}.{rest}"
    raise ValueError(name)


def vae_name(config: Any, name: str) -> str:
    blocks = len(config.block_out_channels)
    name = name.replace("conv_norm_out", "norm_out").replace("mid_block.", "mid.")
    name = re.sub(r"resnets\.(\d)\.", lambda m: f"resnets.{m[1]}.", name)
    name = re.sub(r"mid\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    name = re.sub(r"down_blocks\.(\d)\.resnets\.(\d)", r"down.\1.block.\2", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
    turned = lambda m: f"up.{blocks - 1 - int(m[1])}"  # noqa: E731
    name = re.sub(r"up_blocks\.(\d)", turned, name).replace("upsamplers.0", "upsample")
    name = re.sub(r"\.resnets\.", ".block.", name).replace("conv_shortcut", "nin_shortcut")
    if "mid.attentions.0." in name:
        for ours, theirs in VAE_ATTENTION.items():
            name = name.replace(f"mid.attentions.0.{ours}.", f"mid.attn_1.{theirs}.")
    return name


def _without_wrapper(name: str) -> str:
    return name.removeprefix("text_model.")


def _open_clip(weights: Weights, prefix: str) -> Weights:
    """OpenCLIP keeps query, key and value as one matrix and the projection the other way round."""
    found: Weights = {}
    for full, weight in weights.items():
        name = _without_wrapper(full)
        layer = re.match(r"encoder\.layers\.(\d+)\.(.+)\.(weight|bias)$", name)
        if layer and "q_proj" in layer[2]:
            parts = [full.replace("q_proj", f"{part}_proj") for part in "qkv"]
            start = f"transformer.resblocks.{layer[1]}.attn.in_proj_{layer[3]}"
            found[prefix + start] = torch.cat([weights[part] for part in parts])
        elif layer and layer[2] in OPEN_CLIP:
            inner = f"{OPEN_CLIP[layer[2]]}.{layer[3]}"
            found[prefix + f"transformer.resblocks.{layer[1]}.{inner}"] = weight
        elif name == "text_projection.weight":
            found[prefix + "text_projection"] = weight.T
        elif name == "embeddings.position_embedding.weight":
            found[prefix + "positional_embedding"] = weight
        elif name == "embeddings.token_embedding.weight":
            found[prefix + "token_embedding.weight"] = weight
        elif name.startswith("final_layer_norm."):
            found[prefix + name.replace("final_layer_norm", "ln_final")] = weight
    return found
