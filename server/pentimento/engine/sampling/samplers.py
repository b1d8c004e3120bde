"""The samplers on our own noise levels.

Every sampler starts exactly at the level the strength asks for and steps through levels fixed in
advance, whatever its diffusers class would have chosen. "VP" is the scaling in which a noised
latent is `signal * z + noise * n` with signal^2 + noise^2 = 1; samplers of the Euler kind keep it
divided by `signal`. `sigma` is noise / signal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import torch
from diffusers import (
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    SchedulerMixin,
    UniPCMultistepScheduler,
)
from torch import Tensor

from pentimento.engine.sampling.two_calls import (
    Half,
    Heun,
    Method,
    Midpoint,
    Stochastic,
    noise_like,
)
from pentimento.imaging import noise_levels
from pentimento.imaging.noise_levels import Spacing
from pentimento.schema.vocabulary import Sampler

KARRAS_TOP = 15.0  # sigma; above it a zero-terminal-SNR schedule (sigma 4096) is only noise
# spacings of levels; ComfyUI calls the even one "simple"
EVEN, SGM_UNIFORM, KARRAS, EXPONENTIAL, BETA = "even", "sgm", "karras", "exponential", "beta"
BY_SHARE = {SGM_UNIFORM: noise_levels.even_shares, BETA: noise_levels.beta_shares}
BY_SIGMA = {KARRAS: noise_levels.karras_sigmas, EXPONENTIAL: noise_levels.exponential_sigmas}
LCM_GRID = 50  # timesteps that latent consistency models are distilled at
SMALLEST_ALPHA = 2.0**-24  # diffusers' stand-in for the 0 of zero-terminal-SNR
TRAINING_KEYS = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "prediction_type",
    "rescale_betas_zero_snr",
)


@dataclass(frozen=True, slots=True)
class Training:
    """The noise a model was trained with, from its scheduler_config.json."""

    options: dict[str, Any]
    alphas_cumprod: np.ndarray  # (timesteps,) float64, falling; never exactly 0

    @classmethod
    def of(cls, config: dict[str, Any]) -> Training:
        options = {key: config[key] for key in TRAINING_KEYS if key in config}
        options["steps_offset"] = 1  # of no effect on our levels; diffusers warns of anything else
        alphas = np.maximum(noise_levels.alphas_cumprod(options), SMALLEST_ALPHA)
        return cls(options, alphas)

    @property
    def sigmas(self) -> np.ndarray:
        return np.sqrt((1 - self.alphas_cumprod) / self.alphas_cumprod)


@dataclass(frozen=True, slots=True)
class Levels:
    """The steps of one picture: `timesteps` (n,) falling, `sigmas` (n + 1,) ending in 0."""

    timesteps: np.ndarray
    sigmas: np.ndarray

    def __len__(self) -> int:
        return len(self.timesteps)

    def only(self, step: int) -> Levels:
        """That level alone, as the last one of a picture."""
        return Levels(self.timesteps[step : step + 1], np.append(self.sigmas[step], 0.0))

    def signal(self, step: int) -> float:
        return float(1 / np.sqrt(1 + self.sigmas[step] ** 2))

    def noise(self, step: int) -> float:
        return float(self.sigmas[step] * self.signal(step))

    def local_strength(self, step: int) -> float:
        """Level `step` as a share of the first, 1 falling to 0: what a mask is compared with."""
        if step >= len(self):
            return 0.0
        return float((self.timesteps[step] + 1) / (self.timesteps[0] + 1))


@dataclass(frozen=True, slots=True)
class Solver:
    """One row of the table: a diffusers class, its options, and how it sees its levels."""

    scheduler: type[Any]
    options: dict[str, Any] = field(default_factory=dict)
    spacing: str = EVEN  # of the levels
    divided: bool = False  # works on latents divided by their signal share
    random: bool = False  # draws noise in its steps
    whole: bool = False  # indexes the training schedule, so timesteps must be integers
    grid: int | None = None  # of the models it was made for, where theirs is not known
    twice: Method | None = None  # asks the model twice in a step
    guided: bool = True  # False: the prompt alone, whatever the guidance
    remembers: bool = False  # for rectified flow: goes on as the last two answers changed


class Watch(Protocol):
    """Looks on while a picture is made; all in VP scaling, `(1, c, h, w)` float32."""

    def before(self, step: int) -> None: ...

    def after(self, step: int, estimate: Callable[[], Tensor], latents: Tensor) -> Tensor:
        """`estimate()` is the picture as predicted now; answers the latents to go on with."""
        ...


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One look of the model at the latents: in which step, and at the one level of `place`."""

    step: int
    place: Levels
    again: bool = False  # the second one of its step


Mix = Callable[[Evaluation, Tensor, Tensor], Tensor]  # latents, prediction -> another prediction


class Planned(SchedulerMixin):
    """Mixed into a diffusers scheduler: fixed levels, float32 latents, a watch on every step."""

    init_noise_sigma = 1.0  # the latents handed to the pipeline are already noised

    levels: Levels
    sampler: Solver
    watch: Watch
    model_dtype: torch.dtype
    config: Any
    current = 0  # step
    mix: Mix | None = None
    asked_only = False  # True: the prediction is kept and nothing is done with it
    predicted: Tensor

    @property
    def calls(self) -> list[Evaluation]:
        """All looks of the model, in order."""
        return [Evaluation(step, self.levels.only(step)) for step in range(len(self.levels))]

    def set_timesteps(self, num_inference_steps: int | None = None, device: Any = None) -> None:
        """What the pipeline calls; the number of steps is known from `levels`."""
        kind = torch.int64 if self.sampler.whole else torch.float32
        self.timesteps = torch.from_numpy(self.levels.timesteps).to(device=device, dtype=kind)
        self.sigmas = torch.from_numpy(self.levels.sigmas).float()
        self.num_inference_steps = len(self.levels)
        self._step_index = None
        self._begin_index = 0

    def scale_model_input(self, sample: Tensor, timestep: Any = None) -> Tensor:
        """Half precision only inside the model: at sigma 4096 it would lose the picture."""
        scaled: Tensor = super().scale_model_input(sample, timestep)  # type: ignore[misc]
        return scaled.to(self.model_dtype)

    def step(
        self,
        model_output: Tensor,
        timestep: Any,
        sample: Tensor,
        generator: torch.Generator | None = None,
        return_dict: bool = False,
    ) -> tuple[Tensor]:
        at = self.current
        self.watch.before(at)
        output = model_output.float()
        if self.asked_only:
            self.predicted = output
            return (sample,)
        if self.mix:
            output = self.mix(Evaluation(at, self.levels.only(at)), sample, output)
        chance = {"generator": generator} if self.sampler.random else {}
        previous = super().step(  # type: ignore[misc]
            output, timestep, sample, return_dict=False, **chance
        )[0]
        self.current += 1
        scale = self.scale(at + 1)
        place = self.levels.only(at)
        latents = self.watch.after(
            at, lambda: self._estimate(place, output, sample / self.scale(at)), previous / scale
        )
        return (latents * scale,)

    def scale(self, step: int) -> float:
        """What this sampler's latents are multiplied with, compared to VP."""
        return 1 / self.levels.signal(step) if self.sampler.divided else 1.0

    def _estimate(self, place: Levels, output: Tensor, latents: Tensor) -> Tensor:
        """The clean latents the model's output stands for (Salimans and Ho 2022, appendix D)."""
        signal, noise = place.signal(0), place.noise(0)
        prediction = self.config.prediction_type
        if prediction == "v_prediction":
            return signal * latents - noise * output
        if prediction == "sample":
            return output
        return (latents - noise * output) / signal


class _Euler(Planned, EulerDiscreteScheduler):
    pass


class _EulerAncestral(Planned, EulerAncestralDiscreteScheduler):
    pass


class _DPMSolver(Planned, DPMSolverMultistepScheduler):
    pass


class _UniPC(Planned, UniPCMultistepScheduler):
    pass


class _LCM(Planned, LCMScheduler):
    pass


class _TwoCalls(Planned, DPMSolverMultistepScheduler):
    """Only the configuration is diffusers', whose schedulers of this kind choose their own levels.
    The last step asks once, and so does one from almost pure noise: whatever the model takes that
    for, the slope would be taken too far along by it."""

    _half: Half | None = None
    alphas_cumprod: Tensor

    @property
    def calls(self) -> list[Evaluation]:
        assert self.sampler.twice is not None, "a row of the table that asks twice"
        found = []
        for call in super().calls:
            found.append(call)
            sigma, following = (float(one) for one in self.levels.sigmas[call.step :][:2])
            if following > 0 and sigma <= KARRAS_TOP:
                place = self._at_sigma(self.sampler.twice.by_way_of(sigma, following))
                found.append(Evaluation(call.step, place, again=True))
        return found

    def _at_sigma(self, sigma: float) -> Levels:
        known = ((1 - self.alphas_cumprod) / self.alphas_cumprod).sqrt().double().numpy()
        timestep = np.interp(np.log(sigma), np.log(known), np.arange(len(known)))
        return Levels(np.array([timestep]), np.array([sigma, 0.0]))

    def set_timesteps(self, num_inference_steps: int | None = None, device: Any = None) -> None:
        super().set_timesteps(num_inference_steps, device)
        self._queue = self.calls
        timesteps = np.concatenate([call.place.timesteps for call in self._queue])
        self.timesteps = torch.from_numpy(timesteps).to(device=device, dtype=torch.float32)

    def step(
        self,
        model_output: Tensor,
        timestep: Any,
        sample: Tensor,
        generator: torch.Generator | None = None,
        return_dict: bool = False,
    ) -> tuple[Tensor]:
        call = self._queue.pop(0)
        self.watch.before(call.step)
        output = model_output.float()
        if self.asked_only:
            self.predicted = output
            return (sample,)
        if self.mix:
            output = self.mix(call, sample, output)
        clean = self._estimate(call.place, output, sample)
        following = float(self.levels.sigmas[call.step + 1])

        def draw() -> Tensor:
            return noise_like(sample, generator)

        way = self.sampler.twice
        assert way is not None
        if self._queue and self._queue[0].step == call.step:
            y, sigma = sample / call.place.signal(0), float(call.place.sigmas[0])
            between = self._queue[0].place
            self._half = way.half(y, clean, sigma, float(between.sigmas[0]), draw)
            return (self._half.y * between.signal(0),)
        if call.again:
            assert self._half is not None, "the first call of the step came before"
            y = way.whole(self._half, clean, following, draw)
            found = y / float(np.sqrt(1 + following**2))
        else:  # the same as a step of DDIM
            found = _once(sample, clean, self.levels, call.step)
        self.current += 1
        return (self.watch.after(call.step, lambda: clean, found),)


def _once(latents: Tensor, clean: Tensor, levels: Levels, step: int) -> Tensor:
    """Song et al. 2021, "Denoising Diffusion Implicit Models", equation 12 with sigma 0."""
    share = levels.noise(step + 1) / levels.noise(step)
    signal = levels.signal(step + 1) - share * levels.signal(step)
    return share * latents + signal * clean


# Lu et al. 2022, "DPM-Solver++", appendix E: the same with noise in each step.
SDE = {"solver_order": 2, "algorithm_type": "sde-dpmsolver++"}

SAMPLERS: dict[str, Solver] = {
    Sampler.EULER: Solver(_Euler, divided=True),
    Sampler.EULER_A: Solver(_EulerAncestral, divided=True, random=True),
    Sampler.DPM_2M_KARRAS: Solver(_DPMSolver, {"solver_order": 2}, spacing=KARRAS),
    # DDIMScheduler takes no list of timesteps; the first-order DPM solver is the same formula
    # (Lu et al. 2022, section 4.1), checked against it in tests/engine/test_sampling.py.
    Sampler.DDIM: Solver(_DPMSolver, {"solver_order": 1}),
    Sampler.UNIPC: Solver(_UniPC, {"solver_order": 2}),
    Sampler.LCM: Solver(_LCM, random=True, whole=True, grid=LCM_GRID),
    Sampler.EULER_KARRAS: Solver(_Euler, divided=True, spacing=KARRAS),
    Sampler.EULER_BETA: Solver(_Euler, divided=True, spacing=BETA),
    Sampler.DPM_2M_SIMPLE: Solver(_DPMSolver, {"solver_order": 2}, remembers=True),
    Sampler.DPM_2M_EXPONENTIAL: Solver(_DPMSolver, {"solver_order": 2}, spacing=EXPONENTIAL),
    Sampler.DPM_2M_BETA: Solver(_DPMSolver, {"solver_order": 2}, spacing=BETA, remembers=True),
    Sampler.DPM_2M_SDE_KARRAS: Solver(_DPMSolver, SDE, spacing=KARRAS, random=True),
    Sampler.DPM_2M_SDE_EXPONENTIAL: Solver(_DPMSolver, SDE, spacing=EXPONENTIAL, random=True),
    Sampler.EULER_SGM_UNIFORM: Solver(_Euler, divided=True, spacing=SGM_UNIFORM),
    Sampler.EULER_EXPONENTIAL: Solver(_Euler, divided=True, spacing=EXPONENTIAL),
    Sampler.EULER_CFG_FREE: Solver(_Euler, divided=True, guided=False),
    Sampler.DPM_2M_SGM_UNIFORM: Solver(_DPMSolver, {"solver_order": 2}, spacing=SGM_UNIFORM),
    Sampler.DPM_2M_SDE_SIMPLE: Solver(_DPMSolver, SDE, random=True),
    Sampler.DPM_SDE: Solver(_TwoCalls, twice=Stochastic(), random=True),
    Sampler.DPM_SDE_KARRAS: Solver(_TwoCalls, twice=Stochastic(), random=True, spacing=KARRAS),
    Sampler.HEUN: Solver(_TwoCalls, twice=Heun()),
    Sampler.HEUN_KARRAS: Solver(_TwoCalls, twice=Heun(), spacing=KARRAS),
    Sampler.DPM2: Solver(_TwoCalls, twice=Midpoint()),
    Sampler.DPM2_KARRAS: Solver(_TwoCalls, twice=Midpoint(), spacing=KARRAS),
}


def levels(
    training: Training,
    sampler: Solver,
    steps: int,
    strength: float,
    spacing: Spacing = noise_levels.EVEN,
) -> Levels:
    """The steps that run at this strength, starting exactly at its noise level."""
    spacing = replace(spacing, grid=spacing.grid or sampler.grid)
    planned = noise_levels.timesteps(training.alphas_cumprod.tolist(), steps, strength, spacing)
    timesteps = np.array(planned, dtype=np.float64)
    known = training.sigmas
    sigmas = np.interp(timesteps, np.arange(len(known)), known)
    if sampler.spacing in BY_SIGMA and len(sigmas) > 1:
        spaced = BY_SIGMA[sampler.spacing]
        sigmas = _spaced(spaced, float(sigmas[0]), float(known[0]), len(sigmas))
        inner = np.interp(np.log(sigmas[1:]), np.log(known), np.arange(len(known)))
        timesteps = np.concatenate([timesteps[:1], inner])
    elif sampler.spacing in BY_SHARE:
        shares = np.array(BY_SHARE[sampler.spacing](len(timesteps)))
        end = 0 if sampler.spacing == SGM_UNIFORM else -1
        timesteps = (timesteps[0] - end) * shares + end
        sigmas = np.interp(timesteps, np.arange(len(known)), known)
    return Levels(timesteps, np.append(sigmas, 0.0))


def _spaced(
    spaced: Callable[[float, float, int], list[float]], first: float, last: float, count: int
) -> np.ndarray:
    """`count` sigmas from `first` to `last`; a first one of almost pure noise is one step alone."""
    if first > KARRAS_TOP and count > 1:
        return np.append(first, spaced(KARRAS_TOP, last, count - 1))
    return np.array(spaced(first, last, count))


def scheduler(
    training: Training,
    sampler: Solver,
    levels: Levels,
    watch: Watch,
    model_dtype: torch.dtype,
    *,
    masked: bool,
) -> Planned:
    """A fresh scheduler for one picture: they carry state from step to step."""
    options = dict(sampler.options)
    if masked and issubclass(sampler.scheduler, UniPCMultistepScheduler):
        # The corrector goes back to before the mask was applied and would undo it.
        options["disable_corrector"] = list(range(len(levels)))
    planned: Planned = sampler.scheduler(**training.options, **options)
    planned.levels, planned.sampler, planned.watch = levels, sampler, watch
    planned.model_dtype = model_dtype
    return planned
