"""Trains the autoencoder on crops of scenes: pictures (h, w) <-> latents (4, h/4, w/4).

    python -m training.autoencoder OUT --minutes 15

Run it again with the same OUT to go on from the last checkpoint. No photograph is used.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderTiny
from diffusers.models.autoencoders.vae import AutoencoderTinyBlock

from training.checkpoint import load_checkpoint, one_thread, save_checkpoint
from training.scenes import make_scene

CROP, POOL_SIDE, POOL = 64, 192, 300
SAVE_EVERY = 120.0  # seconds


def new_autoencoder(channels: int = 32) -> AutoencoderTiny:
    """A 0.26 M parameter f4 autoencoder without norm layers, so that a picture's size and its
    tiles make no difference to a pixel."""
    model = AutoencoderTiny(
        encoder_block_out_channels=(channels,) * 3,
        decoder_block_out_channels=(channels,) * 3,
        num_encoder_blocks=(0, 1, 3),
        num_decoder_blocks=(3, 1, 0),
    )
    warm_start(model)
    return model


@torch.no_grad()
def warm_start(model: AutoencoderTiny) -> None:
    """Sets the weights to those of a box downsampler: latents 0..2 are luminance and two chroma
    planes. Training then learns the detail only (about 25 dB before the first step), and
    diffusion gets a latent whose first channels are colours.

    Blocks end in ReLU(conv + skip), which lets values >= 0 through unchanged.
    """
    planes = torch.tensor([[1.0, 1, 1], [1, -1, 0], [1, 1, -2]])
    planes = planes / planes.norm(dim=1, keepdim=True)
    gain = torch.tensor([1.8, 3.0, 3.0])
    for part in (model.encoder, model.decoder):
        layers = list(part.layers)
        for block in layers:
            if isinstance(block, AutoencoderTinyBlock):
                block.conv[-1].weight[:3] *= 0.01
                block.conv[-1].bias[:3] = 0
        first, *middle, last = [c for c in layers if isinstance(c, torch.nn.Conv2d)]
        for conv in middle:
            conv.weight[:3] = 0
            for k in range(3):
                if conv.stride[0] == 2:
                    conv.weight[k, k, 1:3, 1:3] = 0.25
                else:
                    conv.weight[k, k, 1, 1] = 1
            if conv.bias is not None:
                conv.bias[:3] = 0
        for conv in (first, last):
            conv.weight[:3] = 0
            conv.bias[:3] = 0
        diagonal = first if part is model.encoder else last
        for k in range(3):
            diagonal.weight[k, k, 1, 1] = 1
        if part is model.encoder:
            last.weight[:3, :3, 1, 1] = gain[:, None] * planes
            last.bias[:3] = -0.5 * (gain * planes.sum(1))
        else:
            first.weight[:3, :3, 1, 1] = planes.T / gain[None]
            first.bias[:3] = 0.5


def to_tensor(pictures: np.ndarray) -> torch.Tensor:
    """(n, h, w, 3) uint8 -> (n, 3, h, w) float -1..1."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2) / 127.5 - 1


class Crops:
    """Random crops of a pool of scenes that is renewed scene by scene."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.pool = [make_scene(rng, POOL_SIDE, POOL_SIDE)[0] for _ in range(POOL)]

    def batch(self, size: int) -> torch.Tensor:
        crops = []
        for _ in range(size):
            picture = self.pool[int(self.rng.integers(POOL))]
            x, y = self.rng.integers(0, POOL_SIDE - CROP + 1, 2)
            crops.append(picture[y : y + CROP, x : x + CROP])
        return to_tensor(np.stack(crops)).contiguous(memory_format=torch.channels_last)

    def renew_one(self) -> None:
        self.pool[int(self.rng.integers(POOL))] = make_scene(self.rng, POOL_SIDE, POOL_SIDE)[0]


def loss_of(model: AutoencoderTiny, x: torch.Tensor, halved: bool) -> torch.Tensor:
    """`halved` trains that a halved latent decodes to the halved picture."""
    z = model.encode(x).latents
    noisy, target = z + 0.07 * torch.randn_like(z), x
    if halved:
        noisy, target = F.avg_pool2d(noisy, 2), F.avg_pool2d(x, 2)
    d = model.decode(noisy).sample - target
    dx, dy = d[..., 1:] - d[..., :-1], d[..., 1:, :] - d[..., :-1, :]
    pixels = d.abs().mean() + 2 * (d * d).mean()
    edges = 0.5 * (dx.abs().mean() + dy.abs().mean())
    colours = 0.5 * F.avg_pool2d(d, 4).abs().mean()
    small = 2e-3 * (z * z).mean() + 0.02 * F.relu(z.abs() - 2.5).mean()
    return pixels + edges + colours + small


def train(out: Path, minutes: float, batch: int, peak_lr: float, seed: int) -> None:
    torch.manual_seed(seed)
    model = new_autoencoder().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), peak_lr, betas=(0.9, 0.99), weight_decay=1e-3)
    checkpoint = out / "checkpoint.pt"
    parts = {"model": model, "optimizer": optimizer}
    done = load_checkpoint(checkpoint, parts)
    step, spent = int(done.get("step", 0)), float(done.get("seconds", 0.0))
    rng = np.random.default_rng(seed + 3 + step)
    torch.manual_seed(seed + step)
    crops = Crops(rng)
    start = saved = time.time()
    while (seconds := spent + time.time() - start) < minutes * 60:
        progress = seconds / 60 / minutes
        lr = peak_lr * min(1, (step + 1) / 200) * (0.02 + 0.49 * (1 + math.cos(math.pi * progress)))
        for group in optimizer.param_groups:
            group["lr"] = lr
        if step % 2 == 0:
            crops.renew_one()
        loss = loss_of(model, crops.batch(batch), halved=rng.random() < 0.2)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        if step % 200 == 0:
            print(f"step {step}, {seconds:.0f} s, loss {float(loss.detach()):.4f}", flush=True)
        if time.time() - saved > SAVE_EVERY:
            saved = time.time()
            state = {"step": step, "seconds": spent + saved - start}
            save_checkpoint(checkpoint, parts, state)
    save_checkpoint(checkpoint, parts, {"step": step, "seconds": spent + time.time() - start})
    finish(model.eval(), out, rng)


@torch.no_grad()
def finish(model: AutoencoderTiny, out: Path, rng: np.random.Generator) -> None:
    """Sets the scaling factor, so that latents of scenes have unit variance, and saves."""
    scenes = np.stack([make_scene(rng, POOL_SIDE, POOL_SIDE)[0] for _ in range(64)])
    z = model.encode(to_tensor(scenes)).latents
    model.register_to_config(scaling_factor=round(float(1 / z.std()), 4))
    model.save_pretrained(out)
    print(f"saved {out}, scaling factor {model.config.scaling_factor}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train the starter autoencoder.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    one_thread()
    train(args.out, args.minutes, args.batch, args.lr, args.seed)
