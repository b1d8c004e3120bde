"""From noise to clean latents: one picture through the family's text-to-image pipeline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pentimento.backends.base import Emit, Preview, Step
from pentimento.engine import (
    controls,
    editing,
    flow,
    holes,
    latents,
    nets,
    preview,
    references,
    sampling,
    thrift,
)
from pentimento.engine.cancel import stoppable
from pentimento.engine.controls import Steering
from pentimento.engine.families.base import Embeddings
from pentimento.engine.inpaint import Differential
from pentimento.engine.model import LoadedModel
from pentimento.engine.observe import Observer
from pentimento.engine.preview import Pace, Viewer
from pentimento.engine.references import Shown
from pentimento.engine.regions import Area, Mixture
from pentimento.engine.sampling import Levels, Sampler, Watch
from pentimento.engine.stop import StopFlag
from pentimento.imaging.geometry import Size


@dataclass(frozen=True, slots=True)
class Plan:
    """What all pictures of a job have in common; latents are on the CPU."""

    sampler: Sampler
    levels: Levels
    strength: float
    guidance: float
    embeddings: Embeddings
    source: Tensor | None
    mask: Tensor | None
    controls: list[Steering]
    areas: list[Area]  # with prompts of their own
    references: list[Shown]
    shown: list[Tensor]  # latents of the pictures that an edit's instruction speaks of
    size: Size  # px at which the model works
    viewer: Viewer | None  # None: no previews wanted
    images: int
    beside: Tensor | None = None  # what an inpainting model sees besides its latents


class Onlooker:
    """Follows the steps of one picture: stops it, holds the masked places, reports."""

    def __init__(
        self,
        plan: Plan,
        image: int,
        differential: Differential | None,
        emit: Emit,
        stop: StopFlag,
        observer: Observer | None,
    ) -> None:
        self._plan, self._image, self._differential = plan, image, differential
        self._emit, self._stop, self._observer = emit, stop, observer
        self._pace = Pace()

    def before(self, step: int) -> None:
        self._stop.check()

    def after(self, step: int, estimate: Callable[[], Tensor], found: Tensor) -> Tensor:
        steps, done = len(self._plan.levels), step + 1
        if self._differential:
            found = self._differential.apply(step, found)
        self._emit(Step(done, steps, self._image, self._plan.images))
        if self._plan.viewer and self._pace.due(done, steps):
            size = self._plan.size
            picture = self._plan.viewer.picture(self._shown(step, estimate))
            self._emit(Preview(preview.jpeg(picture, size.width, size.height), done, self._image))
            self._pace.made()
        if self._observer and self._observer.wants(step):
            self._observer.estimates(step, self._shown(step, estimate))
        self._stop.check()
        return found

    def _shown(self, step: int, estimate: Callable[[], Tensor]) -> Tensor:
        found = estimate()
        return self._differential.shown(step, found) if self._differential else found


@torch.inference_mode()
def denoise(
    model: LoadedModel,
    plan: Plan,
    image: int,
    seed: int,
    emit: Emit,
    stop: StopFlag,
    observer: Observer | None = None,
) -> Tensor:
    """Clean latents `(1, c, h, w)` of picture `image`; the same seed gives the same bits, whether
    somebody observes or not.

    Text to image, image to image and inpainting differ only in where they start and in the mask; in
    an edit the denoiser reads pictures beside the noise.
    """
    generator = torch.Generator("cpu").manual_seed(seed)
    denoiser = model.denoiser()
    shape = (1, model.channels, plan.size.height // model.factor, plan.size.width // model.factor)
    noise = latents.pure_noise(shape, generator)
    first = latents.start(plan.source, noise, plan.levels, plan.strength)
    if observer:
        observer.begins(first)
    differential = None
    if plan.mask is not None and plan.source is not None:
        differential = Differential(plan.source, noise, plan.mask, plan.levels)
    onlooker = Onlooker(plan, image, differential, emit, stop, observer)
    scheduler = _scheduler(
        model, plan, plan.levels, onlooker, first, masked=differential is not None
    )
    if isinstance(scheduler, sampling.Planned):
        first = first * scheduler.scale(0)
    if plan.areas:
        scheduler.mix = Mixture(plan.areas, _Predictor(model, plan, onlooker))
    networks = model.controlnets([one.net for one in plan.controls])
    steering = [(one, networks[one.net]) for one in plan.controls]
    adapters = [(one, net) for one, net in steering if nets.is_adapter(net)]
    steps = len(plan.levels)
    with (
        thrift.sliced_attention(denoiser, wanted=model.thrifty),
        references.worn(
            denoiser, model.family.name, plan.references, lambda: scheduler.current, steps
        ),
        nets.adapted(denoiser, adapters, lambda: scheduler.current, steps),
        nets.steered(
            model.family.nets,
            *(denoiser, steering, lambda: scheduler.current, steps, plan.guidance),
        ),
        editing.reading(denoiser, model.family, plan.shown),  # after what steers the noise
        holes.seen(denoiser, plan.beside),
        stoppable([denoiser, *networks.values()], stop),
    ):
        found = _run(model, plan, scheduler, plan.controls, plan.embeddings, first, generator)
    if isinstance(scheduler, flow.FlowScheduler):
        found = scheduler.found
    return found.float().cpu()


Scheduler = flow.FlowScheduler | sampling.Planned


def _scheduler(
    model: LoadedModel, plan: Plan, levels: Levels, watch: Watch, start: Tensor, *, masked: bool
) -> Scheduler:
    training = model.training
    if isinstance(training, flow.FlowTraining):
        return flow.scheduler(training.config, model.family, levels, watch, start)
    return sampling.scheduler(training, plan.sampler, levels, watch, model.dtype, masked=masked)


def _run(
    model: LoadedModel,
    plan: Plan,
    scheduler: Scheduler,
    steering: list[Steering],
    embeddings: Embeddings,
    latents: Tensor,
    generator: torch.Generator | None,
) -> Tensor:
    """What the family's pipeline answers for all levels of the scheduler."""
    family, denoiser = model.family, model.denoiser()
    networks = model.controlnets([one.net for one in steering])
    at_work = [(one, net) for one in steering if nets.is_in_pipeline(net := networks[one.net])]
    pipe = (
        family.controlled(
            denoiser, scheduler, model.factor, [nets.ready(net, one.kind) for one, net in at_work]
        )
        if at_work
        else family.pipeline(denoiser, scheduler, model.factor)
    )
    found: Tensor = pipe(
        **family.arguments(embeddings, plan.guidance),
        **controls.arguments([one for one, _ in at_work]),
        **references.arguments(plan.references),
        latents=family.start(latents),
        num_inference_steps=len(scheduler.levels),
        generator=generator,
        width=plan.size.width,
        height=plan.size.height,
        output_type="latent",
    ).images
    return found


class _Predictor:
    """What the model predicts for another prompt: a run of the pipeline for a single step."""

    def __init__(self, model: LoadedModel, plan: Plan, watch: Watch) -> None:
        self._model, self._plan, self._watch = model, plan, watch

    def __call__(self, step: int, latents: Tensor, embeddings: Embeddings) -> Tensor:
        levels = self._plan.levels
        steering = controls.at_step(self._plan.controls, step, len(levels))
        probe = _scheduler(
            self._model, self._plan, levels.only(step), self._watch, latents, masked=False
        )
        probe.asked_only = True
        _run(self._model, self._plan, probe, steering, embeddings, latents, None)
        return probe.predicted
