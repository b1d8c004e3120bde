"""ControlNets and LoRAs with random weights for the tiny models."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any


def write_controlnet(model: Path, folder: Path) -> Path:
    """For the UNet of a model's folder. As they are made they do nothing (Zhang et al. 2023, zero
    convolutions), so every weight is drawn at random."""
    import torch
    from diffusers import ControlNetModel, UNet2DConditionModel

    torch.manual_seed(0)
    control = ControlNetModel.from_unet(UNet2DConditionModel.from_pretrained(model / "unet"))
    return _randomised(control, folder)


def write_union(model: Path, folder: Path, kinds: int = 8) -> Path:
    """A ControlNet of several kinds for the UNet of an SDXL model's folder."""
    import torch
    from diffusers import ControlNetUnionModel, UNet2DConditionModel

    torch.manual_seed(0)
    config = UNet2DConditionModel.load_config(model / "unet")
    taken = inspect.signature(ControlNetUnionModel.__init__).parameters
    same = {name: value for name, value in config.items() if name in taken}
    width = config["block_out_channels"][0]
    union = ControlNetUnionModel(
        **same,
        conditioning_embedding_out_channels=(16, 32, 96, 256),
        num_control_type=kinds,
        num_trans_channel=width,
        num_proj_channel=width,
        num_trans_head=4,
    )
    return _randomised(union, folder)


def write_t2i_adapter(folder: Path) -> Path:
    """For the tiny UNets, whose features are as those of the XL kind."""
    import torch
    from diffusers import T2IAdapter

    torch.manual_seed(0)
    adapter = T2IAdapter(3, [32, 64], 1, 16, "full_adapter_xl")
    return _randomised(adapter, folder)


def _randomised(net: Any, folder: Path) -> Path:
    import torch

    with torch.no_grad():
        for weight in net.parameters():
            weight.copy_(torch.randn_like(weight) * 0.1)
    net.save_pretrained(folder)
    return folder


def write_lora(model: Path, file: Path, seed: int) -> Path:
    """On the attention of a model's UNet, rank 2."""
    import torch
    from diffusers import StableDiffusionPipeline, UNet2DConditionModel
    from diffusers.utils import convert_state_dict_to_diffusers
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    torch.manual_seed(seed)
    unet = UNet2DConditionModel.from_pretrained(model / "unet")
    unet.add_adapter(LoraConfig(r=2, init_lora_weights=False, target_modules=["to_k", "to_v"]))
    layers = convert_state_dict_to_diffusers(get_peft_model_state_dict(unet))
    file.parent.mkdir(parents=True, exist_ok=True)
    StableDiffusionPipeline.save_lora_weights(
        file.parent, unet_lora_layers=layers, weight_name=file.name
    )
    return file


def write_transformer_lora(model: Path, file: Path, seed: int) -> Path:
    """On the attention of a model's transformer, rank 2."""
    import diffusers
    import torch
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    torch.manual_seed(seed)
    index = diffusers.DiffusionPipeline.load_config(model)
    kind = getattr(diffusers, index["transformer"][1])
    transformer = kind.from_pretrained(model / "transformer")
    layers = ["to_q", "to_k", "to_v"]
    transformer.add_adapter(
        LoraConfig(r=2, lora_alpha=8, init_lora_weights=False, target_modules=layers)
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    pipeline = getattr(diffusers, index["_class_name"])
    if not hasattr(pipeline, "save_lora_weights"):  # of one that diffusers reads no LoRAs for
        pipeline = diffusers.FluxPipeline
    pipeline.save_lora_weights(
        file.parent,
        transformer_lora_layers=get_peft_model_state_dict(transformer),
        weight_name=file.name,
    )
    return file


def write_ip_adapter(model: Path, folder: Path, *, plus: bool = False) -> Path:
    """For the UNet of a model's folder, in the layout of its authors, with an image encoder.
    `plus`: one that reads CLIP's tokens instead of its one vector."""
    import torch
    from diffusers import UNet2DConditionModel
    from safetensors.torch import save_file
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(3)
    unet = UNet2DConditionModel.from_pretrained(model / "unet")
    width, pooled, hidden = unet.config.cross_attention_dim, 16, 16
    state = {}
    crossing = (name for name in unet.attn_processors if name.endswith("attn2.processor"))
    for number, name in enumerate(crossing):
        attention = unet.get_submodule(name.removesuffix(".processor"))
        for kind in ("to_k_ip", "to_v_ip"):
            key = f"ip_adapter.{2 * number + 1}.{kind}.weight"
            state[key] = torch.randn(attention.to_k.weight.shape)
    state |= (
        _plus(hidden, width)
        if plus
        else {
            "image_proj.proj.weight": torch.randn(4 * width, pooled),
            "image_proj.proj.bias": torch.randn(4 * width),
            "image_proj.norm.weight": torch.ones(width),
            "image_proj.norm.bias": torch.zeros(width),
        }
    )
    folder.mkdir(parents=True)
    save_file(state, folder / "ip-adapter.safetensors")
    config = CLIPVisionConfig(
        hidden_size=hidden,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
        projection_dim=pooled,
    )
    CLIPVisionModelWithProjection(config).save_pretrained(folder / "image_encoder")
    return folder


def _plus(hidden: int, width: int) -> dict[str, Any]:
    """The resampler of IP-Adapter Plus: 2 of its learned questions, 64 numbers a head."""
    import torch

    inner = 64
    layer = {
        **{
            f"0.{norm}.{part}": (inner,)
            for norm in ("norm1", "norm2")
            for part in ("weight", "bias")
        },
        "0.to_q.weight": (inner, inner),
        "0.to_kv.weight": (2 * inner, inner),
        "0.to_out.weight": (inner, inner),
        "1.0.weight": (inner,),
        "1.0.bias": (inner,),
        "1.1.weight": (4 * inner, inner),
        "1.3.weight": (inner, 4 * inner),
    }
    shapes = {
        "latents": (1, 2, inner),
        "proj_in.weight": (inner, hidden),
        "proj_in.bias": (inner,),
        "proj_out.weight": (width, inner),
        "proj_out.bias": (width,),
        "norm_out.weight": (width,),
        "norm_out.bias": (width,),
        **{f"layers.{n}.{name}": shape for n in range(4) for name, shape in layer.items()},
    }
    return {f"image_proj.{name}": torch.randn(shape) / 4 for name, shape in shapes.items()}
