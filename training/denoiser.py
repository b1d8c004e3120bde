"""Trains UNet and text encoder together on cached scenes (v-prediction, zero terminal SNR).

    python -m training.denoiser START RUN CACHE.npz [CACHE.npz ...] --minutes 36

RUN/ema is the averaged model so far, a pipeline folder.
"""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline

from training.trainer import Batch, Float32Attention, Plan, Trainer, arguments, run

OBJECT_WEIGHT = 4.0  # of the error where a named object is; grounds and skies learn by themselves


class Denoiser(Trainer):
    def __init__(self, start: Path, run: Path, plan: Plan) -> None:
        pipe = StableDiffusionPipeline.from_pretrained(start, dtype=torch.float32)
        self.unet = pipe.unet.train().to(plan.device)
        self.text_encoder = pipe.text_encoder.train().to(plan.device)
        self.unet.set_attn_processor(Float32Attention())
        trained = {"unet": self.unet, "text_encoder": self.text_encoder}
        super().__init__(pipe, trained, run, plan)

    def loss(self, batch: Batch) -> torch.Tensor:
        """Mean squared error of the velocity, weighted within each picture by `objects`,
        (n, h, w) bool."""
        noised = self.noised(batch["latents"])
        with self.half_precision():
            words = self.text_encoder(batch["tokens"])[0]
            v = self.unet(noised.latents, noised.timesteps, words).sample
        error = (v.float() - noised.velocity).square().mean(1)
        weight = 1 + (OBJECT_WEIGHT - 1) * batch["objects"]
        return (error * weight / weight.mean((1, 2), keepdim=True)).mean()

    def save_model(self, folder: Path) -> None:
        self.pipe.save_pretrained(folder)


if __name__ == "__main__":
    parser = arguments("Train the starter denoiser and text encoder.", 36, batch=32, lr=1.2e-3)
    run(Denoiser, parser.parse_args())
