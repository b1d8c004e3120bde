"""Draws scenes and encodes them once: latents and token ids for training the denoiser.

python -m training.cache MODEL OUT.npz --size 64 --count 80000 --simple 0.75
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderTiny
from transformers import CLIPTokenizer

from training.autoencoder import to_tensor
from training.checkpoint import one_thread
from training.scenes import make_scene

BATCH = 64


@torch.no_grad()
def fill(model: Path, out: Path, size: int, count: int, simple: float, seed: int) -> None:
    """Writes `latents` (n, 4, size/4, size/4) float16, scaled, and `tokens` (n, 48) int16.

    `simple` is the share of "objects first" scenes, 0..1.
    """
    vae = AutoencoderTiny.from_pretrained(model / "vae").eval()
    vae = vae.to(memory_format=torch.channels_last)
    tokenizer = CLIPTokenizer.from_pretrained(model / "tokenizer")
    latents = np.empty((count, 4, size // 4, size // 4), np.float16)
    captions: list[str] = []
    rng = np.random.default_rng(seed)
    start = time.time()
    for first in range(0, count, BATCH):
        pictures = []
        for _ in range(min(BATCH, count - first)):
            picture, caption, _ = make_scene(rng, size, size, simple=rng.random() < simple)
            pictures.append(picture)
            captions.append(caption)
        x = to_tensor(np.stack(pictures)).contiguous(memory_format=torch.channels_last)
        z = vae.encode(x).latents * vae.config.scaling_factor
        latents[first : first + len(pictures)] = z.half().numpy()
        if first // BATCH % 100 == 0:
            print(f"{first}: {(first + BATCH) / (time.time() - start):.0f}/s", flush=True)
    length = tokenizer.model_max_length
    ids = tokenizer(captions, padding="max_length", max_length=length, truncation=True).input_ids
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_suffix(".tmp.npz")
    np.savez(temporary, latents=latents, tokens=np.array(ids, np.int16))
    os.replace(temporary, out)
    print(f"{count} scenes, {count / (time.time() - start):.0f}/s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Encode scenes for training the denoiser.")
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--count", type=int, default=80000)
    parser.add_argument("--simple", type=float, default=0.75)
    parser.add_argument("--seed", type=int, default=21)
    args = parser.parse_args()
    one_thread()
    fill(args.model, args.out, args.size, args.count, args.simple, args.seed)
