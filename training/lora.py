"""Trains a style LoRA ("blueprint") on a finished denoiser.

    python -m training.cache MODEL STYLE.npz --size 128 --count 8000 --style blueprint
    python -m training.lora MODEL RUN STYLE.npz --minutes 8

RUN/ema/pytorch_lora_weights.safetensors is the LoRA, in diffusers' format.
"""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline
from diffusers.utils import convert_state_dict_to_diffusers
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict

from training.trainer import Batch, Float32Attention, Plan, Trainer, arguments, run

RANK = 8
TARGETS = ["to_q", "to_k", "to_v", "to_out.0", "conv1", "conv2", "time_emb_proj"]


class Style(Trainer):
    def __init__(self, start: Path, run: Path, plan: Plan) -> None:
        pipe = StableDiffusionPipeline.from_pretrained(start, dtype=torch.float32)
        self.unet = pipe.unet.requires_grad_(False).to(plan.device)
        self.text_encoder = pipe.text_encoder.requires_grad_(False).to(plan.device)
        torch.manual_seed(0)
        self.unet.set_attn_processor(Float32Attention())
        self.unet.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, target_modules=TARGETS))
        super().__init__(pipe, {"unet": self.unet}, run, plan)

    def loss(self, batch: Batch) -> torch.Tensor:
        """Mean squared error of the velocity."""
        noised = self.noised(batch["latents"])
        with self.half_precision():
            words = self.text_encoder(batch["tokens"])[0]
            v = self.unet(noised.latents, noised.timesteps, words).sample
        return (v.float() - noised.velocity).square().mean()

    def save_model(self, folder: Path) -> None:
        layers = convert_state_dict_to_diffusers(get_peft_model_state_dict(self.unet))
        StableDiffusionPipeline.save_lora_weights(folder, unet_lora_layers=layers)


if __name__ == "__main__":
    parser = arguments("Train the starter model's style LoRA.", 8, batch=16, lr=2e-3)
    run(Style, parser.parse_args())
