"""Draws scenes and encodes them once: latents, token ids and where the objects are.

python -m training.cache MODEL OUT.npz --size 64 --count 80000 --objects 0.5 --simple 0.3
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
from training.scenes import Facts, make_scene, make_study

BATCH = 64


def draw(
    rng: np.random.Generator, size: int, objects: float, simple: float
) -> tuple[np.ndarray, str, Facts]:
    """A scene of the curriculum: `objects` and `simple` are the shares of single objects on a
    plain ground and of simple landscapes, 0..1; the rest is the full mix."""
    kind = rng.random()
    if kind < objects:
        return make_study(rng, size, size)
    return make_scene(rng, size, size, simple=kind < objects + simple)


def object_map(facts: Facts, size: int) -> np.ndarray:
    """(size/4, size/4) bool: the latents that hold a named object. Empty where an object fills
    nearly everything: there is nothing to tell apart then."""
    side = size // 4
    found = np.zeros((side, side), bool)
    for thing in facts.everything:
        left, top, right, bottom = (round(edge / 4) for edge in thing.box)
        found[max(0, top) : max(0, bottom + 1), max(0, left) : max(0, right + 1)] = True
    return found if found.mean() < 0.8 else np.zeros_like(found)


@torch.no_grad()
def fill(
    model: Path, out: Path, size: int, count: int, objects: float, simple: float, seed: int
) -> None:
    """Writes `latents` (n, 4, size/4, size/4) float16, scaled, `tokens` (n, 48) int16 and
    `objects` (n, size/4, size/4) bool."""
    vae = AutoencoderTiny.from_pretrained(model / "vae").eval()
    vae = vae.to(memory_format=torch.channels_last)
    tokenizer = CLIPTokenizer.from_pretrained(model / "tokenizer")
    latents = np.empty((count, 4, size // 4, size // 4), np.float16)
    maps = np.empty((count, size // 4, size // 4), bool)
    captions: list[str] = []
    rng = np.random.default_rng(seed)
    start = time.time()
    for first in range(0, count, BATCH):
        pictures = []
        for _ in range(min(BATCH, count - first)):
            picture, caption, facts = draw(rng, size, objects, simple)
            maps[len(captions)] = object_map(facts, size)
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
    np.savez(temporary, latents=latents, tokens=np.array(ids, np.int16), objects=maps)
    os.replace(temporary, out)
    print(f"{count} scenes, {count / (time.time() - start):.0f}/s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Encode scenes for training the denoiser.")
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--count", type=int, default=80000)
    parser.add_argument("--objects", type=float, default=0.5, help="share of single objects")
    parser.add_argument("--simple", type=float, default=0.3, help="share of simple landscapes")
    parser.add_argument("--seed", type=int, default=21)
    args = parser.parse_args()
    one_thread()
    shares = args.objects, args.simple
    fill(args.model, args.out, args.size, args.count, *shares, args.seed)
