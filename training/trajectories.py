"""The ways that a finished model takes from noised pictures to clean ones, with its guidance: what
a LoRA for few steps is trained on.

    python -m training.trajectories MODEL SCENES.npz OUT.npz --count 1200

Each way begins, as image to image does, at a noised picture; half of the pictures get the words of
another one. Of each of its points this keeps where a single long step has to lead from there.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline

from training.checkpoint import one_thread
from training.trainer import Float32Attention

BATCH = 16
OWN_WORDS = 0.5  # share of pictures that keep their caption
LOW_STARTS = 0.6  # share of ways that begin between the next two strengths
LOWEST, LOW = 0.12, 0.45
TEACHER_STEPS = 20  # of the whole process
CLEAN = -1  # the timestep of a clean picture


def end_of_step(t: int, steps: int, share: float) -> float:
    """Where, of 1000, the long step from t ends that is one of `steps` for the whole process. Other
    strengths than 1 have longer or shorter ones: `share` of its length. What is left of one and a
    half steps is one."""
    length = 1000 / steps
    return 0.0 if t + 1 <= 1.5 * length else t + 1 - length * share


class Teacher:
    def __init__(self, model: Path, guidance: float) -> None:
        self.pipe = StableDiffusionPipeline.from_pretrained(model, dtype=torch.float32)
        self.unet = self.pipe.unet.eval().requires_grad_(False)
        self.unet.set_attn_processor(Float32Attention())
        self.guidance = guidance
        tokenizer = self.pipe.tokenizer
        length = tokenizer.model_max_length
        self.nothing = torch.tensor(
            tokenizer("", padding="max_length", max_length=length).input_ids
        )
        self.angles = torch.acos(self.pipe.scheduler.alphas_cumprod.sqrt().double()).float()

    def angle(self, t: int) -> torch.Tensor:
        """Signal is its cosine and noise its sine (Salimans & Ho 2022, arXiv 2202.00512, appendix
        D)."""
        return self.angles[t] if t >= 0 else torch.zeros(())

    def way(
        self, clean: torch.Tensor, tokens: torch.Tensor, noise: torch.Tensor, times: list[int]
    ) -> list[torch.Tensor]:
        """The latents (n, 4, h, w) at each of the falling `times`, the last of which is CLEAN: DDIM
        with classifier-free guidance (Ho & Salimans 2022)."""
        x = self.angle(times[0]).cos() * clean + self.angle(times[0]).sin() * noise
        found = [x]
        both = torch.cat([tokens, self.nothing.expand_as(tokens)])
        with torch.autocast("cpu", torch.bfloat16):
            words = self.pipe.text_encoder(both)[0]
        for t, after in itertools.pairwise(times):
            with torch.autocast("cpu", torch.bfloat16):
                v = self.unet(torch.cat([x, x]), torch.tensor(t), words).sample.float()
            with_words, without = v.chunk(2)
            v = without + self.guidance * (with_words - without)
            turn = self.angle(t) - self.angle(after)
            x = turn.cos() * x - turn.sin() * v
            found.append(x)
        return found


def times_from(start: int) -> list[int]:
    """Trailing timesteps from strength start/1000 down to the clean picture."""
    count = max(2, round(start / 1000 * TEACHER_STEPS))
    return [*(round(start * (count - i) / count) - 1 for i in range(count)), CLEAN]


def draw_start(rng: np.random.Generator) -> int:
    if rng.random() < LOW_STARTS:
        return round(1000 * rng.uniform(LOWEST, LOW))
    return round(1000 * rng.uniform(LOW, 1.0))


@torch.no_grad()
def fill(teacher: Teacher, scenes: Path, out: Path, count: int, steps: int, seed: int) -> None:
    """Writes, for each point of each way, `latents` (n, 4, h, w) float16, `timesteps` (n,) int16,
    `tokens` (n, 48) int16, `velocity` (n, 4, h, w) float16: what to say there so that one step
    leads to the place on the way where it should, and `turn` (n,) float32, that step's angle."""
    rng = np.random.default_rng(seed)
    with np.load(scenes) as cache:
        latents, tokens = cache["latents"], cache["tokens"]
    torch.manual_seed(seed)
    kept: dict[str, list] = {
        name: [] for name in ("latents", "timesteps", "tokens", "velocity", "turn")
    }
    begun = time.time()
    for first in range(0, count, BATCH):
        chosen = rng.integers(0, len(latents), BATCH)
        words = np.where(
            rng.random(BATCH) < OWN_WORDS, chosen, rng.integers(0, len(latents), BATCH)
        )
        clean = torch.from_numpy(latents[chosen]).float()
        ids = torch.from_numpy(tokens[words]).long()
        times = times_from(draw_start(rng))
        way = teacher.way(clean, ids, torch.randn_like(clean), times)
        ends = [max(t + 1, 0) for t in times]
        for at, t in enumerate(times[:-1]):
            wanted = end_of_step(t, steps, rng.uniform(0.75, 1.2))
            to = min(range(at + 1, len(times)), key=lambda i: abs(ends[i] - wanted))
            turn = teacher.angle(t) - teacher.angle(times[to])
            kept["latents"].append(way[at].half().numpy())
            kept["velocity"].append(((turn.cos() * way[at] - way[to]) / turn.sin()).half().numpy())
            kept["timesteps"].append(np.full(BATCH, t, np.int16))
            kept["turn"].append(np.full(BATCH, float(turn), np.float32))
            kept["tokens"].append(ids.numpy().astype(np.int16))
        if first // BATCH % 5 == 4:
            done = first + BATCH
            print(f"{done} ways, {done / (time.time() - begun):.2f}/s", flush=True)
    temporary = out.with_suffix(".tmp.npz")
    np.savez(temporary, **{name: np.concatenate(parts) for name, parts in kept.items()})
    os.replace(temporary, out)
    print(f"{sum(map(len, kept['turn']))} points, {time.time() - begun:.0f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Record the ways of a finished model.")
    parser.add_argument("model", type=Path)
    parser.add_argument("scenes", type=Path, help="a cache of training.cache")
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=1200, help="ways")
    parser.add_argument("--steps", type=int, default=4, help="that the student takes in all")
    parser.add_argument("--guidance", type=float, default=3.5)
    parser.add_argument("--seed", type=int, default=511)
    args = parser.parse_args()
    one_thread()
    teacher = Teacher(args.model, args.guidance)
    fill(teacher, args.scenes, args.out, args.count, args.steps, args.seed)
