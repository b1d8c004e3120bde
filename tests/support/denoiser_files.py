"""Writes a model folder's denoiser as one file: safetensors in diffusers' layout or that of its
authors, or GGUF. The names are those of the authors' public code."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tests.support.single_file import unet_name

COMFYUI = "model.diffusion_model."
Weights = dict[str, torch.Tensor]

ATTENTION = [  # of FLUX.1 and FLUX.2
    (r"attn\.norm_added_q\.weight", "txt_attn.norm.query_norm.scale"),
    (r"attn\.norm_added_k\.weight", "txt_attn.norm.key_norm.scale"),
    (r"attn\.norm_q\.weight", "img_attn.norm.query_norm.scale"),
    (r"attn\.norm_k\.weight", "img_attn.norm.key_norm.scale"),
    (r"attn\.to_add_out", "txt_attn.proj"),
    (r"attn\.to_out\.0", "img_attn.proj"),
]
BLOCKS = [
    (r"^single_transformer_blocks", "single_blocks"),
    (r"^transformer_blocks", "double_blocks"),
]
FLUX = [
    (r"^x_embedder", "img_in"),
    (r"^context_embedder", "txt_in"),
    (r"^time_text_embed\.timestep_embedder\.linear_1", "time_in.in_layer"),
    (r"^time_text_embed\.timestep_embedder\.linear_2", "time_in.out_layer"),
    (r"^time_text_embed\.text_embedder\.linear_1", "vector_in.in_layer"),
    (r"^time_text_embed\.text_embedder\.linear_2", "vector_in.out_layer"),
    (r"^time_text_embed\.guidance_embedder\.linear_1", "guidance_in.in_layer"),
    (r"^time_text_embed\.guidance_embedder\.linear_2", "guidance_in.out_layer"),
    (r"^(distilled_guidance_layer\.layers\.\d+)\.linear_1", r"\1.in_layer"),
    (r"^(distilled_guidance_layer\.layers\.\d+)\.linear_2", r"\1.out_layer"),
    (r"^(distilled_guidance_layer\.norms\.\d+)\.weight", r"\1.scale"),
    (r"^(single\S+)proj_out", r"\1linear2"),
    (r"^proj_out", "final_layer.linear"),
    (r"^norm_out\.linear", "final_layer.adaLN_modulation.1"),
    (r"^(single\S+)attn\.norm_q\.weight", r"\1norm.query_norm.scale"),
    (r"^(single\S+)attn\.norm_k\.weight", r"\1norm.key_norm.scale"),
    (r"^(single\S+)norm\.linear", r"\1modulation.lin"),
    (r"norm1_context\.linear", "txt_mod.lin"),
    (r"norm1\.linear", "img_mod.lin"),
    *ATTENTION,
    (r"ff_context\.net\.0\.proj", "txt_mlp.0"),
    (r"ff_context\.net\.2", "txt_mlp.2"),
    (r"ff\.net\.0\.proj", "img_mlp.0"),
    (r"ff\.net\.2", "img_mlp.2"),
    *BLOCKS,
]
RENAMES = {  # family -> patterns of diffusers' names and what the authors call it, in order
    "flux": FLUX,
    "chroma": FLUX,
    "z-image": [
        (r"all_final_layer\.2-1", "final_layer"),
        (r"all_x_embedder\.2-1", "x_embedder"),
        (r"attention\.to_out\.0", "attention.out"),
        (r"attention\.norm_([qk])", r"attention.\1_norm"),
    ],
    "flux2-klein": [
        (r"^x_embedder", "img_in"),
        (r"^context_embedder", "txt_in"),
        (r"^time_guidance_embed\.timestep_embedder\.linear_1", "time_in.in_layer"),
        (r"^time_guidance_embed\.timestep_embedder\.linear_2", "time_in.out_layer"),
        (r"_modulation(_img|_txt|)\.linear", r"_modulation\1.lin"),
        (r"^proj_out", "final_layer.linear"),
        (r"^norm_out\.linear", "final_layer.adaLN_modulation.1"),
        (r"attn\.to_qkv_mlp_proj", "linear1"),
        (r"^(single\S+)attn\.to_out", r"\1linear2"),
        (r"^(single\S+)attn\.norm_q\.weight", r"\1norm.query_norm.scale"),
        (r"^(single\S+)attn\.norm_k\.weight", r"\1norm.key_norm.scale"),
        *ATTENTION,
        (r"ff_context\.linear_in", "txt_mlp.0"),
        (r"ff_context\.linear_out", "txt_mlp.2"),
        (r"ff\.linear_in", "img_mlp.0"),
        (r"ff\.linear_out", "img_mlp.2"),
        *BLOCKS,
    ],
    "krea2": [
        (r"^img_in", "first"),
        (r"^time_embed\.linear_1", "tmlp.0"),
        (r"^time_embed\.linear_2", "tmlp.2"),
        (r"^time_mod_proj", "tproj.1"),
        (r"^txt_in\.norm\.weight", "txtmlp.0.scale"),
        (r"^txt_in\.linear_1", "txtmlp.1"),
        (r"^txt_in\.linear_2", "txtmlp.3"),
        (r"^text_fusion", "txtfusion"),
        (r"^transformer_blocks", "blocks"),
        (r"^final_layer\.linear", "last.linear"),
        (r"^final_layer\.norm\.weight", "last.norm.scale"),
        (r"^final_layer\.scale_shift_table", "last.modulation.lin"),
        (r"attn\.to_([qkv])", r"attn.w\1"),
        (r"attn\.to_out\.0", "attn.wo"),
        (r"attn\.to_gate", "attn.gate"),
        (r"attn\.norm_([qk])\.weight", r"attn.qknorm.\1norm.scale"),
        (r"\.ff\.", ".mlp."),
        (r"norm1\.weight", "prenorm.scale"),
        (r"norm2\.weight", "postnorm.scale"),
        (r"scale_shift_table", "mod.lin"),
    ],
    "sd3": [
        (r"^pos_embed\.pos_embed", "pos_embed"),
        (r"^pos_embed\.proj", "x_embedder.proj"),
        (r"^time_text_embed\.timestep_embedder\.linear_1", "t_embedder.mlp.0"),
        (r"^time_text_embed\.timestep_embedder\.linear_2", "t_embedder.mlp.2"),
        (r"^time_text_embed\.text_embedder\.linear_1", "y_embedder.mlp.0"),
        (r"^time_text_embed\.text_embedder\.linear_2", "y_embedder.mlp.2"),
        (r"^proj_out", "final_layer.linear"),
        (r"^norm_out\.linear", "final_layer.adaLN_modulation.1"),
        (r"norm1_context\.linear", "context_block.adaLN_modulation.1"),
        (r"norm1\.linear", "x_block.adaLN_modulation.1"),
        (r"attn\.to_add_out", "context_block.attn.proj"),
        (r"attn\.to_out\.0", "x_block.attn.proj"),
        (r"ff_context\.net\.0\.proj", "context_block.mlp.fc1"),
        (r"ff_context\.net\.2", "context_block.mlp.fc2"),
        (r"ff\.net\.0\.proj", "x_block.mlp.fc1"),
        (r"ff\.net\.2", "x_block.mlp.fc2"),
        (r"^transformer_blocks", "joint_blocks"),
    ],
}
RENAMES["lumina2"] = [
    (r"^time_caption_embed\.caption_embedder", "cap_embedder"),
    (r"^time_caption_embed\.timestep_embedder\.linear_1", "t_embedder.mlp.0"),
    (r"^time_caption_embed\.timestep_embedder\.linear_2", "t_embedder.mlp.2"),
    (r"^norm_out\.linear_1", "final_layer.adaLN_modulation.1"),
    (r"^norm_out\.linear_2", "final_layer.linear"),
    (r"norm1\.linear", "adaLN_modulation.1"),
    (r"norm1\.norm|norm1(?=\.weight)", "attention_norm1"),
    (r"attn\.to_out\.0", "attention.out"),
    (r"attn\.norm_([qk])", r"attention.\1_norm"),
    (r"feed_forward\.linear_", "feed_forward.w"),
]
RENAMES["flux2-dev"] = [
    (r"^time_guidance_embed\.guidance_embedder\.linear_1", "guidance_in.in_layer"),
    (r"^time_guidance_embed\.guidance_embedder\.linear_2", "guidance_in.out_layer"),
    *RENAMES["flux2-klein"],
]
FUSED = {  # family -> what query, key and value are in one matrix, at the picture and the prompt
    "flux": ("img_attn.qkv", "txt_attn.qkv"),
    "chroma": ("img_attn.qkv", "txt_attn.qkv"),
    "z-image": ("attention.qkv", ""),
    "lumina2": ("attention.qkv", ""),
    "flux2-klein": ("img_attn.qkv", "txt_attn.qkv"),
    "flux2-dev": ("img_attn.qkv", "txt_attn.qkv"),
    "sd3": ("x_block.attn.qkv", "context_block.attn.qkv"),
}
SWAPPED = {  # family -> weights whose halves, scale and shift, are the other way round
    "sd3": re.compile(r"^norm_out\.linear|^transformer_blocks\.1\.norm1_context"),
    "flux2-klein": re.compile(r"^norm_out\.linear"),
    "flux2-dev": re.compile(r"^norm_out\.linear"),
    "flux": re.compile(r"^norm_out\.linear"),
}
ALONE = re.compile(r"^single_transformer_blocks\.\d+\.")  # of FLUX: its MLP is in the matrix too
QKV = re.compile(r"(attn|attention)\.(to_([qkv])|add_([qkv])_proj)\.(weight|bias)$")


def weights_of(model: Path) -> Weights:
    """Of the denoiser of a model's folder, as diffusers calls them."""
    part = "unet" if (model / "unet").is_dir() else "transformer"
    return load_file(next((model / part).glob("*.safetensors")))


def write_denoiser(
    model: Path, file: Path, family: str, layout: str = "diffusers", prefix: str = ""
) -> Path:
    found = weights_of(model)
    if layout == "original":
        found = original(found, family, model)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({prefix + name: weight.contiguous() for name, weight in found.items()}, file)
    return file


def original(found: Weights, family: str, model: Path) -> Weights:
    """The same in the layout of the family's authors."""
    if family in ("sd15", "sdxl"):
        from diffusers import UNet2DConditionModel

        config = UNet2DConditionModel.from_pretrained(model / "unet").config
        return {unet_name(config, name): weight for name, weight in found.items()}
    if family not in RENAMES:  # whose authors use diffusers' names
        return found
    if family not in FUSED:
        flat = re.compile(r"^transformer_blocks.*scale_shift_table")
        return {
            _renamed(name, family): weight.flatten() if flat.match(name) else weight
            for name, weight in found.items()
        }
    changed: Weights = {}
    for name, weight in found.items():
        if told := QKV.search(name):
            if told[3] == "q" or told[4] == "q":
                changed[_fused(name, family)] = torch.cat(_parts(found, name))
            continue
        if ALONE.match(name) and ".proj_mlp." in name:
            continue
        if family in SWAPPED and SWAPPED[family].match(name):
            weight = torch.cat(list(reversed(weight.chunk(2))))
        changed[_renamed(name, family)] = weight
    return changed


def write_gguf(
    found: Weights,
    file: Path,
    quantisation: str = "F32",
    reshaped: Sequence[str] = (),
    dimensions: Sequence[int] = (2,),
    architecture: str = "test",
) -> Path:
    """What has so many `dimensions` in `quantisation` where a row has whole blocks, all else in
    float32. Those named in `reshaped` are laid out as a matrix first, as converters for ComfyUI
    do with kernels."""
    import gguf

    kind = gguf.GGMLQuantizationType[quantisation]
    block = gguf.GGML_QUANT_SIZES[kind][0]
    file.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(str(file), architecture)
    for name, weight in found.items():
        array = weight.float().numpy()
        if name in reshaped:
            writer.add_array(f"comfy.gguf.orig_shape.{name}", [int(side) for side in array.shape])
            array = array.reshape(-1, block)
        packs = array.ndim in dimensions and array.shape[-1] % block == 0 and quantisation != "F32"
        packed: Any = gguf.quants.quantize(array, kind) if packs else np.ascontiguousarray(array)
        writer.add_tensor(name, packed, raw_dtype=kind if packs else None)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def _renamed(name: str, family: str) -> str:
    for pattern, theirs in RENAMES[family]:
        name = re.sub(pattern, theirs, name)
    return name


def _fused(name: str, family: str) -> str:
    picture, prompt = FUSED[family]
    if ALONE.match(name):
        return _renamed(QKV.sub(r"linear1.\5", name), family)
    fused = prompt if ".add_" in name else picture
    return _renamed(QKV.sub(rf"{fused}.\5", name), family)


def _parts(found: Weights, name: str) -> list[torch.Tensor]:
    """Query, key and value, by the name of the query, and what else is in one matrix with them."""
    parts = [found[re.sub(r"(to_|add_)q", rf"\1{part}", name)] for part in "qkv"]
    if ALONE.match(name):
        parts.append(found[name.replace("attn.to_q", "proj_mlp")])
    return parts
