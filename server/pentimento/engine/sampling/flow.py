"""Rectified-flow models on our own noise levels: Euler steps, float32 latents whatever the pipeline
hands around.

A noised latent is `(1 - sigma) * z + sigma * n`; the model's output is the velocity `n - z`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from torch import Tensor

from pentimento.engine.architectures.base import FamilyAdapter
from pentimento.engine.sampling.schedulers import Levels, Mix, Watch
from pentimento.imaging import noise_levels
from pentimento.imaging.noise_levels import EVEN, Spacing

TRAINED_STEPS = 1000  # what sigma 1 is called as a timestep


@dataclass(frozen=True, slots=True)
class FlowLevels(Levels):
    """`times` (n + 1,) are those before any shift, ending in 0."""

    times: np.ndarray

    def only(self, step: int) -> FlowLevels:
        slim = super(FlowLevels, self).only(step)
        return FlowLevels(slim.timesteps, slim.sigmas, self.times[step : step + 2])

    def signal(self, step: int) -> float:
        return 1 - self.noise(step)

    def noise(self, step: int) -> float:
        return float(self.sigmas[step])

    def local_strength(self, step: int) -> float:
        return float(self.times[step] / self.times[0])


@dataclass(frozen=True, slots=True)
class FlowTraining:
    """How a model's times become noise, from its scheduler_config.json."""

    config: dict[str, Any]
    rule: str  # of the family

    def levels(
        self, steps: int, strength: float, tokens: int, spacing: Spacing = EVEN
    ) -> FlowLevels:
        """The steps that run at this strength for a picture of so many tokens."""
        times = noise_levels.times(steps, strength, spacing)
        config = noise_levels.respaced(self.config, spacing)
        sigmas = np.array(noise_levels.sigmas(config, times, steps, tokens, self.rule))
        return FlowLevels(sigmas * TRAINED_STEPS, np.append(sigmas, 0.0), np.append(times, 0.0))


class FlowScheduler(FlowMatchEulerDiscreteScheduler):
    """Fixed levels and a watch on every step. `found` is where it stands: `(1, c, h, w)` float32 on
    the model's device. The pipeline's own copy may be in half precision and in tokens."""

    levels: Levels
    watch: Watch
    family: FamilyAdapter
    found: Tensor
    current = 0
    mix: Mix | None = None
    asked_only = False  # True: the prediction is kept and nothing is done with it
    predicted: Tensor

    def set_timesteps(  # what pipelines pass is known already, and better, from `levels`
        self,
        num_inference_steps: int | None = None,
        device: Any = None,
        sigmas: Any = None,
        mu: float | None = None,
        timesteps: Any = None,
    ) -> None:
        self.timesteps = torch.from_numpy(self.levels.timesteps).to(device, torch.float32)
        self.sigmas = torch.from_numpy(self.levels.sigmas).float()
        self.num_inference_steps = len(self.levels)

    def step(
        self, model_output: Tensor, timestep: Any, sample: Tensor, **unused: Any
    ) -> tuple[Tensor]:
        at = self.current
        self.watch.before(at)
        height, width = self.found.shape[2:]
        velocity = self.family.unpack(model_output.float(), height, width)
        latents = self.found.to(velocity.device)
        if self.asked_only:
            self.predicted = velocity
            return (sample,)
        if self.mix:
            velocity = self.mix(at, latents, velocity)
        now, then = self.levels.noise(at), self.levels.noise(at + 1)
        self.current += 1
        self.found = self.watch.after(
            at, lambda: latents - now * velocity, latents + (then - now) * velocity
        )
        return (self.family.pack(self.found).to(sample),)


def scheduler(
    config: dict[str, Any], family: FamilyAdapter, levels: Levels, watch: Watch, start: Tensor
) -> FlowScheduler:
    """For one picture that begins at `start`."""
    shifts = ("base_image_seq_len", "max_image_seq_len", "base_shift", "max_shift")
    made = FlowScheduler(**{name: config[name] for name in shifts if name in config})
    made.levels, made.watch, made.family, made.found = levels, watch, family, start
    return made
