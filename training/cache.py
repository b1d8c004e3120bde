"""Draws scenes and encodes them once: latents, token ids and where the objects are.

python -m training.cache MODEL OUT.npz --size 64 --count 80000 --objects 0.5 --simple 0.3
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import AutoencoderTiny
from transformers import CLIPTokenizer

from training.autoencoder import to_tensor
from training.checkpoint import one_thread
from training.scenes import Facts, make_closeup, make_scene, make_study
from training.scenes.styles import apply_style

BATCH = 64


def draw(
    rng: np.random.Generator, size: int, objects: float, closeups: float, simple: float
) -> tuple[np.ndarray, str, Facts]:
    """A scene of the curriculum: the shares, 0..1, of single objects on a plain ground, of things
    seen close in a landscape and of simple landscapes; the rest is the full mix."""
    kind = rng.random()
    if kind < objects:
        return make_study(rng, size, size)
    if kind < objects + closeups:
        return make_closeup(rng, size, size)
    return make_scene(rng, size, size, simple=kind < objects + closeups + simple)


def object_map(facts: Facts, size: int) -> np.ndarray:
    """(size/4, size/4) bool: the latents that hold a named object. Empty where an object fills
    nearly everything: there is nothing to tell apart then."""
    side = size // 4
    found = np.zeros((side, side), bool)
    for thing in facts.everything:
        left, top, right, bottom = (round(edge / 4) for edge in thing.box)
        found[max(0, top) : max(0, bottom + 1), max(0, left) : max(0, right + 1)] = True
    return found if found.mean() < 0.8 else np.zeros_like(found)


def edges_of(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """(h, w/8) uint8: Canny edges as packed bits, at thresholds as different as users choose."""
    low = rng.uniform(40, 140)
    edges = cv2.Canny(picture, low, low * rng.uniform(1.6, 2.4))
    return np.packbits(edges > 0, axis=-1)


@dataclass(frozen=True)
class Recipe:
    """What a cache is made of. `style` is drawn over every picture and named in its caption."""

    size: int
    count: int
    objects: float
    closeups: float
    simple: float
    seed: int
    style: str = ""
    edges: bool = False

    def pictures(self) -> Iterator[tuple[np.ndarray, str, Facts]]:
        rng = np.random.default_rng(self.seed)
        for _ in range(self.count):
            picture, caption, facts = draw(rng, self.size, self.objects, self.closeups, self.simple)
            if self.style:
                styled = apply_style(np.float32(picture) / 255, self.style, rng)
                picture = np.uint8(np.clip(styled * 255 + 0.5, 0, 255))
                caption = f"{caption}, {self.style}"
            yield picture, caption, facts


@torch.no_grad()
def fill(model: Path, out: Path, recipe: Recipe) -> None:
    """Writes `latents` (n, 4, size/4, size/4) float16, scaled, `tokens` (n, 48) int16, `objects`
    (n, size/4, size/4) bool and, if asked for, `edges` (n, size, size/8) uint8."""
    vae = AutoencoderTiny.from_pretrained(model / "vae").eval()
    vae = vae.to(memory_format=torch.channels_last)
    tokenizer = CLIPTokenizer.from_pretrained(model / "tokenizer")
    rng = np.random.default_rng(recipe.seed + 1_000_000)
    latents, maps, edges, captions = [], [], [], []
    start = time.time()
    pending = recipe.pictures()
    while chunk := list(itertools.islice(pending, BATCH)):
        pictures = np.stack([picture for picture, _, _ in chunk])
        captions += [caption for _, caption, _ in chunk]
        maps += [object_map(facts, recipe.size) for _, _, facts in chunk]
        if recipe.edges:
            edges += [edges_of(rng, picture) for picture in pictures]
        x = to_tensor(pictures).contiguous(memory_format=torch.channels_last)
        latents.append((vae.encode(x).latents * vae.config.scaling_factor).half().numpy())
        if len(latents) % 100 == 1:
            print(f"{len(captions)}: {len(captions) / (time.time() - start):.0f}/s", flush=True)
    length = tokenizer.model_max_length
    ids = tokenizer(captions, padding="max_length", max_length=length, truncation=True).input_ids
    parts = {"latents": np.concatenate(latents), "tokens": np.array(ids, np.int16)}
    parts["objects"] = np.stack(maps)
    if recipe.edges:
        parts["edges"] = np.stack(edges)
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_suffix(".tmp.npz")
    np.savez(temporary, **parts)
    os.replace(temporary, out)
    print(f"{recipe.count} scenes, {recipe.count / (time.time() - start):.0f}/s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Encode scenes for training the denoiser.")
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--count", type=int, default=80000)
    parser.add_argument("--objects", type=float, default=0.5, help="share of single objects")
    parser.add_argument("--closeups", type=float, default=0.0, help="share of things seen close")
    parser.add_argument("--simple", type=float, default=0.3, help="share of simple landscapes")
    parser.add_argument("--seed", type=int, default=21)
    parser.add_argument("--style", default="", help="drawn over every picture, for a LoRA")
    parser.add_argument("--edges", action="store_true", help="keep Canny edges, for a ControlNet")
    args = parser.parse_args()
    one_thread()
    given = {name: value for name, value in vars(args).items() if name not in ("model", "out")}
    fill(args.model, args.out, Recipe(**given))
