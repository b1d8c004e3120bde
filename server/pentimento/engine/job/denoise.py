"""From noise to clean latents: one picture through the family's text-to-image pipeline."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from pentimento.engine.architectures.base import Embeddings
from pentimento.engine.cancel import StopFlag, stoppable
from pentimento.engine.conditioning import controlnet, edit, inpaint_model, ip_adapter
from pentimento.engine.conditioning.conditioner import Conditioner, Kind, Steps, attached
from pentimento.engine.conditioning.controlnet import Steering
from pentimento.engine.conditioning.regions import Mixture
from pentimento.engine.job.observe import Observer
from pentimento.engine.job.preview import PreviewPace
from pentimento.engine.job.recipe import Recipe
from pentimento.engine.job.stop_and_keep import Enough
from pentimento.engine.loading.model import LoadedModel
from pentimento.engine.memory import offload
from pentimento.engine.sampling import flow, latents, samplers, tiling
from pentimento.engine.sampling.inpaint import Differential
from pentimento.engine.sampling.samplers import Evaluation, Levels, Watch
from pentimento.imaging.preview_jpeg import jpeg
from pentimento.schema.task import Emit, Preview, Step


class Onlooker:
    """Follows the steps of one picture: stops it, holds the masked places, reports."""

    def __init__(
        self,
        plan: Recipe,
        image: int,
        differential: Differential | None,
        emit: Emit,
        stop: StopFlag,
        observer: Observer | None,
    ) -> None:
        self._plan, self._image, self._differential = plan, image, differential
        self._emit, self._stop, self._observer = emit, stop, observer
        self._done = plan.before.steps
        self._pace = PreviewPace()
        self._looks = 0  # tiles that were seen in this step

    def before(self, step: int) -> None:
        self._stop.check()

    def looked(self, _: int, tiles: int) -> None:
        """One more tile was seen, for one of the prompts."""
        self._stop.check()
        self._looks += 1
        plan = self._plan
        looks = tiles * (1 + len(plan.areas)) * (2 if plan.sampler.twice else 1)
        self._tell(min(self._looks / looks, 1.0))

    def after(self, step: int, estimate: Callable[[], Tensor], found: Tensor) -> Tensor:
        self._looks, self._done = 0, self._plan.before.steps + step + 1
        steps, done = self._plan.steps, self._done
        if self._differential:
            found = self._differential.apply(step, found)
        self._tell()
        if self._plan.viewer and self._pace.due(done, steps):
            picture, size = self._small(self._shown(step, estimate)), self._plan.work.content
            self._emit(Preview(jpeg(picture, size.width, size.height), done, self._image))
            self._pace.made()
        if self._observer and self._observer.wants(step):
            self._observer.estimates(step, self._shown(step, estimate))
        self._stop.check()
        ending = self._plan.ending
        if ending and ending.is_due(done, steps, self._image) and not self._is_last(step):
            raise Enough(self._shown(step, estimate))
        return found

    def _tell(self, share: float = 0.0) -> None:
        """The steps that are done, and so much of the next one."""
        plan, done = self._plan, self._done
        worked = plan.worked(done - plan.before.steps + share)
        self._emit(Step(done, plan.steps, self._image, plan.images, share, worked))

    def _is_last(self, step: int) -> bool:
        """Of this pass, after which there is no estimate better than what was found."""
        return step + 1 == len(self._plan.levels)

    def _small(self, estimate: Tensor) -> np.ndarray:
        """A preview without what was added at the borders."""
        assert self._plan.viewer is not None
        picture, work = self._plan.viewer.picture(estimate), self._plan.work
        height = picture.shape[0] * work.content.height / work.size.height
        width = picture.shape[1] * work.content.width / work.size.width
        return picture[: max(round(height), 1), : max(round(width), 1)]

    def _shown(self, step: int, estimate: Callable[[], Tensor]) -> Tensor:
        found = estimate()
        return self._differential.shown(step, found) if self._differential else found


@torch.inference_mode()
def denoise(
    model: LoadedModel,
    plan: Recipe,
    image: int,
    seed: int,
    emit: Emit,
    stop: StopFlag,
    observer: Observer | None = None,
    noise: Tensor | None = None,
) -> Tensor:
    """Clean latents `(1, c, h, w)` of picture `image`; the same seed gives the same bits, whether
    somebody observes or not.

    Text to image, image to image and inpainting differ only in where they start and in the mask; in
    an edit the denoiser reads pictures beside the noise. `noise` is this part's of a larger
    picture's.
    """
    generator = torch.Generator("cpu").manual_seed(seed)
    denoiser = model.denoiser()
    shape = (1, model.channels, plan.size.height // model.factor, plan.size.width // model.factor)
    if noise is None:
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
    if isinstance(scheduler, samplers.Planned):
        first = first * scheduler.scale(0)
    if plan.areas:
        scheduler.mix = Mixture(plan.areas, _Predictor(model, plan, onlooker))
    step = Steps(lambda: scheduler.current, len(plan.levels))
    with attached(_conditioners(model, plan, onlooker, stop), denoiser, step):
        try:
            found = _run(model, plan, scheduler, plan.controls, plan.embeddings, first, generator)
        except Enough as enough:
            return enough.estimate.float().cpu()
    if isinstance(scheduler, flow.FlowScheduler):
        found = scheduler.found
    return found.float().cpu()


def _conditioners(
    model: LoadedModel, plan: Recipe, onlooker: Onlooker, stop: StopFlag
) -> list[Conditioner]:
    """All that is at work while a picture is computed."""
    family = model.family
    networks = model.controlnets([one.net for one in plan.controls])
    steering = [(one, networks[one.net]) for one in plan.controls]
    adapters = [(one, net) for one, net in steering if controlnet.is_adapter(net)]
    return [
        Conditioner(
            Kind.IP_ADAPTER,
            lambda denoiser, step: ip_adapter.ip_adapters_attached(
                denoiser, family.name, plan.references, step.current, step.count
            ),
        ),
        Conditioner(
            Kind.SLICED_ATTENTION,
            lambda denoiser, _: offload.sliced_attention(denoiser, wanted=model.low_memory),
        ),
        Conditioner(
            Kind.T2I_ADAPTER,
            lambda denoiser, step: controlnet.t2i_adapters_attached(
                denoiser, adapters, step.current, step.count
            ),
        ),
        Conditioner(
            Kind.CONTROLNET,
            lambda denoiser, step: controlnet.controlnets_attached(
                family.nets, denoiser, steering, step.current, step.count, plan.guidance
            ),
        ),
        Conditioner(
            Kind.REFERENCE_LATENTS,
            lambda denoiser, _: edit.reference_latents_appended(denoiser, family, plan.shown),
        ),
        Conditioner(
            Kind.MASK_LATENTS,
            lambda denoiser, _: inpaint_model.mask_latents_appended(denoiser, plan.beside),
        ),
        Conditioner(
            Kind.TILES,
            lambda denoiser, _: tiling.seen_in(
                denoiser,
                plan.views,
                onlooker.looked,
                [net for _, net in steering if controlnet.is_in_pipeline(net)],
                1 + len(plan.areas),
            ),
        ),
        Conditioner(
            Kind.STOP,
            lambda denoiser, _: stoppable([denoiser, *networks.values()], stop),
        ),
    ]


Scheduler = flow.FlowScheduler | samplers.Planned


def _scheduler(
    model: LoadedModel, plan: Recipe, levels: Levels, watch: Watch, start: Tensor, *, masked: bool
) -> Scheduler:
    training = model.training
    if isinstance(training, flow.FlowTraining):
        return flow.scheduler(training.config, plan.sampler, model.family, levels, watch, start)
    return samplers.scheduler(training, plan.sampler, levels, watch, model.dtype, masked=masked)


def _run(
    model: LoadedModel,
    plan: Recipe,
    scheduler: Scheduler,
    steering: list[Steering],
    embeddings: Embeddings,
    latents: Tensor,
    generator: torch.Generator | None,
) -> Tensor:
    """What the family's pipeline answers for all levels of the scheduler."""
    family, denoiser = model.family, model.denoiser()
    networks = model.controlnets([one.net for one in steering])
    at_work = [
        (one, net) for one in steering if controlnet.is_in_pipeline(net := networks[one.net])
    ]
    pipe = (
        family.controlled(
            denoiser,
            scheduler,
            model.factor,
            [controlnet.ready(net, one.kind) for one, net in at_work],
        )
        if at_work
        else family.pipeline(denoiser, scheduler, model.factor)
    )
    if plan.views and at_work:
        tiling.in_views(pipe.controlnet)
    found: Tensor = pipe(
        **family.arguments(embeddings, plan.guidance),
        **controlnet.arguments(
            [one for one, _ in at_work], [call.step for call in scheduler.calls]
        ),
        **ip_adapter.arguments(plan.references),
        **(family.sees(plan.work.tile) if plan.views else {}),
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

    def __init__(self, model: LoadedModel, plan: Recipe, watch: Watch) -> None:
        self._model, self._plan, self._watch = model, plan, watch

    def __call__(self, call: Evaluation, latents: Tensor, embeddings: Embeddings) -> Tensor:
        steps = len(self._plan.levels)
        steering = controlnet.at_step(self._plan.controls, call.step, steps)
        probe = _scheduler(self._model, self._plan, call.place, self._watch, latents, masked=False)
        probe.asked_only = True
        _run(self._model, self._plan, probe, steering, embeddings, latents, None)
        return probe.predicted
