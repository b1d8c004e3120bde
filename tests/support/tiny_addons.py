"""ControlNets and LoRAs with random weights for the tiny models."""

from __future__ import annotations

from pathlib import Path


def write_controlnet(model: Path, folder: Path) -> Path:
    """For the UNet of a model's folder. As they are made they do nothing (Zhang et al. 2023, zero
    convolutions), so every weight is drawn at random."""
    import torch
    from diffusers import ControlNetModel, UNet2DConditionModel

    torch.manual_seed(0)
    control = ControlNetModel.from_unet(UNet2DConditionModel.from_pretrained(model / "unet"))
    with torch.no_grad():
        for weight in control.parameters():
            weight.copy_(torch.randn_like(weight) * 0.1)
    control.save_pretrained(folder)
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
    import torch
    from diffusers import DiffusionPipeline
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    torch.manual_seed(seed)
    pipe = DiffusionPipeline.from_pretrained(model)
    layers = ["to_q", "to_k", "to_v"]
    config = LoraConfig(r=2, lora_alpha=8, init_lora_weights=False, target_modules=layers)
    pipe.transformer.add_adapter(config)
    weights = get_peft_model_state_dict(pipe.transformer)
    file.parent.mkdir(parents=True, exist_ok=True)
    type(pipe).save_lora_weights(
        file.parent, transformer_lora_layers=weights, weight_name=file.name
    )
    return file
