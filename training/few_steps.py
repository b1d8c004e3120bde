"""Trains a LoRA with which a finished model takes few steps, without guidance, for what it takes
many for with guidance (Meng et al. 2023, "On Distillation of Guided Diffusion Models").

    python -m training.trajectories MODEL SCENES.npz WAYS.npz
    python -m training.few_steps MODEL RUN WAYS.npz --minutes 15

RUN/ema/pytorch_lora_weights.safetensors is the LoRA, in diffusers' format.
"""

from __future__ import annotations

import torch

from training.lora import Style
from training.trainer import Batch, arguments, run


class FewSteps(Style):
    no_caption = 0.0  # there is no guidance that would need it

    def loss(self, batch: Batch) -> torch.Tensor:
        """Mean squared error of the velocity. A step's error grows with the sine of its `turn`, so
        long steps count more."""
        with self.half_precision():
            words = self.text_encoder(batch["tokens"])[0]
            v = self.unet(batch["latents"], batch["timesteps"].long(), words).sample
        error = (v.float() - batch["velocity"].float()).square().mean((1, 2, 3))
        weight = batch["turn"].sin()
        return (error * weight).sum() / weight.sum()


if __name__ == "__main__":
    parser = arguments("Train the starter model's LoRA for few steps.", 15, batch=16, lr=1e-3)
    run(FewSteps, parser.parse_args())
