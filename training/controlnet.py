"""Trains a ControlNet for Canny edges on a finished denoiser, which stays as it is.

    python -m training.cache MODEL EDGES.npz --size 128 --count 20000 --edges
    python -m training.controlnet MODEL RUN EDGES.npz --minutes 25

RUN/ema is the ControlNet's folder.
"""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import ControlNetModel, StableDiffusionPipeline

from training.trainer import Batch, Float32Attention, Plan, Trainer, arguments, run

HINT_CHANNELS = (16, 32, 64)  # two halvings, as the f4 autoencoder has; diffusers' default is f8


class Control(Trainer):
    no_caption = 0.3  # edges have to say something even where words do not

    def __init__(self, start: Path, run: Path, plan: Plan) -> None:
        pipe = StableDiffusionPipeline.from_pretrained(start, dtype=torch.float32)
        self.unet = pipe.unet.requires_grad_(False).to(plan.device)
        self.text_encoder = pipe.text_encoder.requires_grad_(False).to(plan.device)
        torch.manual_seed(0)  # the hint's layers start at random, alike in all processes
        self.control = ControlNetModel.from_unet(
            pipe.unet, conditioning_embedding_out_channels=HINT_CHANNELS
        )
        self.control.requires_grad_(True).train().to(plan.device)
        for part in (self.unet, self.control):
            part.set_attn_processor(Float32Attention())
        super().__init__(pipe, {"controlnet": self.control}, run, plan)

    def loss(self, batch: Batch) -> torch.Tensor:
        """Mean squared error of the velocity; `edges` is (n, h, w/8) uint8, packed bits."""
        noised = self.noised(batch["latents"])
        edges = unpacked(batch["edges"])
        with self.half_precision():
            words = self.text_encoder(batch["tokens"])[0]
            state = {"timestep": noised.timesteps, "encoder_hidden_states": words}
            down, middle = self.control(
                noised.latents, controlnet_cond=edges, return_dict=False, **state
            )
            v = self.unet(
                noised.latents,
                down_block_additional_residuals=down,
                mid_block_additional_residual=middle,
                **state,
            ).sample
        return (v.float() - noised.velocity).square().mean()

    def save_model(self, folder: Path) -> None:
        self.control.save_pretrained(folder)


def unpacked(edges: torch.Tensor) -> torch.Tensor:
    """(n, h, w/8) uint8, highest bit first -> (n, 3, h, w) float 0 or 1."""
    bits = edges[..., None] >> torch.arange(7, -1, -1, dtype=torch.uint8, device=edges.device) & 1
    return bits.flatten(2)[:, None].expand(-1, 3, -1, -1).float()


if __name__ == "__main__":
    parser = arguments("Train the starter model's ControlNet.", 25, batch=16, lr=1e-3)
    run(Control, parser.parse_args())
