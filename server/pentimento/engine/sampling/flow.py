"""Rectified-flow models on our own noise levels, with float32 latents whatever the pipeline hands
around.

A noised latent is `(1 - sigma) * z + sigma * n`; the model's output is the velocity `n - z`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from torch import Tensor

from pentimento.engine.architectures.base import FamilyAdapter
from pentimento.engine.sampling.samplers import BETA, Evaluation, Levels, Mix, Solver, Watch
from pentimento.engine.sampling.two_calls import Half, noise_like
from pentimento.imaging import noise_levels
from pentimento.imaging.noise_levels import EVEN, Spacing

TRAINED_STEPS = 1000  # what sigma 1 is called as a timestep


@dataclass(frozen=True, slots=True)
class FlowLevels(Levels):
    """`times` (n + 1,) are those before any shift, ending in 0."""

    times: np.ndarray

    def only(self, step: int) -> FlowLevels:
        return FlowLevels.at(float(self.sigmas[step]), float(self.times[step]))

    @classmethod
    def at(cls, sigma: float, time: float) -> FlowLevels:
        """One level alone, as the last one of a picture."""
        ends = np.array([sigma, 0.0])
        return cls(ends[:1] * TRAINED_STEPS, ends, np.array([time, 0.0]))

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
        self,
        steps: int,
        strength: float,
        tokens: int,
        spacing: Spacing = EVEN,
        spaced: str | None = None,
    ) -> FlowLevels:
        """The steps that run at this strength for a picture of so many tokens. `spaced` is the
        sampler's own; all but "beta" are even here, a shift comes on top of both."""
        times = noise_levels.times(steps, strength, spacing)
        if spaced == BETA:
            times = [times[0] * share for share in noise_levels.beta_shares(len(times))]
        config = noise_levels.respaced(self.config, spacing)
        sigmas = np.array(noise_levels.sigmas(config, times, steps, tokens, self.rule))
        return FlowLevels(sigmas * TRAINED_STEPS, np.append(sigmas, 0.0), np.append(times, 0.0))


class Moved(NamedTuple):
    """As diffusers' schedulers answer: some pipelines ask by place, some by name."""

    prev_sample: Tensor


class FlowScheduler(FlowMatchEulerDiscreteScheduler):
    """Fixed levels and a watch on every step. `found` is where it stands: `(1, c, h, w)` float32 on
    the model's device. The pipeline's own copy may be in half precision and in tokens."""

    levels: FlowLevels
    sampler: Solver
    watch: Watch
    family: FamilyAdapter
    found: Tensor
    current = 0  # step
    mix: Mix | None = None
    asked_only = False  # True: the prediction is kept and nothing is done with it
    predicted: Tensor

    _half: Half | None = None
    _before: tuple[Tensor, float] | None = None  # the estimate of the step before, and its sigma

    @property
    def calls(self) -> list[Evaluation]:
        """All looks of the model, in order."""
        found = []
        for step in range(len(self.levels)):
            found.append(Evaluation(step, self.levels.only(step)))
            sigma, following = self.levels.noise(step), self.levels.noise(step + 1)
            if self.sampler.twice and following > 0:
                between = self.sampler.twice.by_way_of(sigma, following)
                place = FlowLevels.at(between, float(self.levels.times[step + 1]))
                found.append(Evaluation(step, place, again=True))
        return found

    def set_timesteps(  # what pipelines pass is known already, and better, from `levels`
        self,
        num_inference_steps: int | None = None,
        device: Any = None,
        sigmas: Any = None,
        mu: float | None = None,
        timesteps: Any = None,
    ) -> None:
        self._queue = self.calls
        steps = np.concatenate([call.place.timesteps for call in self._queue])
        self.timesteps = torch.from_numpy(steps).to(device, torch.float32)
        self.sigmas = torch.from_numpy(self.levels.sigmas).float()
        self.num_inference_steps = len(self._queue)

    def step(self, model_output: Tensor, timestep: Any, sample: Tensor, **unused: Any) -> Moved:
        call = self._queue.pop(0)
        self.watch.before(call.step)
        height, width = self.found.shape[2:]
        velocity = self.family.unpack(model_output.float(), height, width)
        latents = self.found.to(velocity.device)
        if self.asked_only:
            self.predicted = velocity
            return Moved(sample)
        if self.mix:
            velocity = self.mix(call, latents, velocity)
        self.found = self._moved(call, latents, velocity)
        return Moved(self.family.pack(self.found).to(sample))

    def _moved(self, call: Evaluation, latents: Tensor, velocity: Tensor) -> Tensor:
        """The latents that the next call looks at."""
        now, then = call.place.noise(0), self.levels.noise(call.step + 1)
        way = self.sampler.twice

        def draw() -> Tensor:
            return noise_like(latents, None)

        if way and self._queue and self._queue[0].step == call.step:
            between = self._queue[0].place.noise(0)
            self._half = way.half(latents, latents - now * velocity, now, between, draw)
            return self._half.y
        if way and call.again:
            assert self._half is not None, "the first call of the step came before"
            found = way.whole(self._half, latents - now * velocity, then, draw)
        elif self.sampler.remembers:
            found = self._remembering(latents, latents - now * velocity, now, then)
        else:
            found = latents + (then - now) * velocity
        self.current += 1
        return self.watch.after(call.step, lambda: latents - now * velocity, found)

    def _remembering(self, latents: Tensor, clean: Tensor, now: float, then: float) -> Tensor:
        """DPM-Solver++ (Lu et al. 2022, "DPM-Solver++", algorithm 2): along the line through this
        estimate and the one before, in the logarithm of signal over noise. The first step knows
        none, and the last one goes to the clean picture as it is."""
        before, self._before = self._before, (clean, now)
        if before and then > 0:
            came, goes = _rise(before[1], now), _rise(now, then)
            clean = clean + (clean - before[0]) * (goes / (2 * came))
        return latents * (then / now) + clean * (1 - then / now)


def _rise(sigma: float, following: float) -> float:
    """How much the logarithm of signal over noise rises; infinite from noise alone."""
    if sigma >= 1:
        return math.inf
    return math.log((1 - following) / following) - math.log((1 - sigma) / sigma)


def scheduler(
    config: dict[str, Any],
    sampler: Solver,
    family: FamilyAdapter,
    levels: Levels,
    watch: Watch,
    start: Tensor,
) -> FlowScheduler:
    """For one picture that begins at `start`."""
    shifts = ("base_image_seq_len", "max_image_seq_len", "base_shift", "max_shift")
    made = FlowScheduler(**{name: config[name] for name in shifts if name in config})
    assert isinstance(levels, FlowLevels), "those of FlowTraining"
    made.levels, made.sampler, made.watch = levels, sampler, watch
    made.family, made.found = family, start
    return made
