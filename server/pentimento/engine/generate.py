"""One job, step by step: read, load, encode, denoise, decode, composite, save."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pentimento.backends.base import Emit, Loading, Result
from pentimento.engine import (
    controls,
    drawing,
    editing,
    failures,
    holes,
    latents,
    nets,
    observe,
    pictures,
    reading,
    references,
)
from pentimento.engine.cancel import stoppable
from pentimento.engine.controls import Steering
from pentimento.engine.denoise import Plan, denoise
from pentimento.engine.inpaint import latent_mask
from pentimento.engine.messages import EngineJob
from pentimento.engine.model import LoadedModel, Shared
from pentimento.engine.observe import Observer
from pentimento.engine.pictures import Canvas
from pentimento.engine.reading import Reading
from pentimento.engine.sampling import SAMPLERS
from pentimento.engine.stop import StopFlag
from pentimento.errors import JobFailed
from pentimento.imaging import drift
from pentimento.imaging.geometry import Size
from pentimento.imaging.sizing import generation_size
from pentimento.jobs.record import FROM_NOISE, Control, Mode
from pentimento.models.families import INPAINT, limits_in

OWN_VAE = "model"  # what the record calls the one that a model brings


@dataclass(slots=True)
class Stopwatch:
    """Seconds by phase, for the job record."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            spent = time.monotonic() - started
            self.seconds[name] = round(self.seconds.get(name, 0.0) + spent, 3)


class Generation:
    """The run of one job. `thrifty` decodes in tiles: less memory, faint edges between tiles."""

    def __init__(
        self, shared: Shared, job: EngineJob, emit: Emit, stop: StopFlag, *, thrifty: bool
    ) -> None:
        self._shared, self._job, self._emit, self._stop = shared, job, emit, stop
        assert job.model is not None, "only maps are drawn without a model"
        self._spec = job.model
        self._thrifty = thrifty
        self._request = job.task.request
        self._clock = Stopwatch()
        self._started = time.monotonic()
        self._drift: np.ndarray | None = None
        self._readings: list[Reading] = []  # of the words of each picture
        self.size = Size(1, 1)  # of the result, px

    def run(self) -> dict[str, Any]:
        """Saves and emits every picture; answers the facts of the whole job."""
        self._emit(Loading("Preparing"))
        with self._clock.phase("read"):
            spec = self._spec
            limits = limits_in(self._request.mode, spec.editing, spec)
            canvas = pictures.open_canvas(
                self._job.task, spec.native_size, lambda size: generation_size(size, limits)
            )
            self.size = canvas.size
        with self._clock.phase("load"):
            model = LoadedModel(self._shared, self._spec, self._emit, self._stop, self._job.extras)
            model.read()
            self._thrifty = self._thrifty or model.wants_tiles(canvas.generation)
        with self._clock.phase("encode"):
            self._readings = self._read(model, canvas)
            plan = self._plan(model, canvas)
            self._drift = self._measured_drift(model, canvas, plan)
        if canvas.mask is not None:
            directory = self._job.task.output_dir
            self._emit(pictures.save_mask(directory, canvas.mask, int(self._request.seed or 0)))
        observer = self._observer(model, canvas, plan) if self._request.observe else None
        for image in range(self._request.count):
            self._picture(model, canvas, plan, image, observer if image == 0 else None)
        return {
            "model": self._spec.id,
            "model_fingerprint": model.fingerprint(),
            "vae": self._request.vae or OWN_VAE,
            "loaded": list(self._shared.components.loads),
            "phases": self._clock.seconds,
            "tiled": self._thrifty,
            "offloaded": self._shared.components.offloads,
            **reading.as_facts([one for read in self._readings for one in read.notices]),
        }

    def _read(self, model: LoadedModel, canvas: Canvas) -> list[Reading]:
        size, factor = canvas.generation, model.factor
        if self._edits:
            model.look_at(self._instructed(canvas).looked_at())
        return reading.of_pictures(
            model, self._job, Size(size.width // factor, size.height // factor)
        )

    def _plan(self, model: LoadedModel, canvas: Canvas) -> Plan:
        request = self._request
        sampler = SAMPLERS[str(request.sampler)]
        strength = 1.0 if request.mode in FROM_NOISE else float(request.strength or 0)
        guidance = float(request.guidance or 0)
        return Plan(
            sampler=sampler,
            levels=model.levels(sampler, int(request.steps or 1), strength, canvas.generation),
            strength=strength,
            guidance=guidance,
            embeddings=self._readings[0].embeddings,
            source=self._source(model, canvas),
            mask=None if self._edits else _latent_mask(canvas, model.factor),
            size=canvas.generation,
            controls=self._steering(model, canvas),
            areas=self._readings[0].areas,
            references=[] if self._edits else self._references(guided=model.guided(guidance)),
            shown=self._shown(model, canvas),
            viewer=model.viewer() if request.preview else None,
            images=request.count,
            beside=self._beside(model, canvas),
        )

    def _steering(self, model: LoadedModel, canvas: Canvas) -> list[Steering]:
        found, its_nets = controls.steering(self._job, canvas, self._draw), model.family.nets
        if its_nets is None or not found:
            return found
        with self._vae(model) as vae:
            return nets.read(its_nets, found, vae)

    def _references(self, *, guided: bool) -> list[references.Shown]:
        wanted, files = self._request.references, self._job.task.inputs
        return references.shown(self._shared, wanted, files, self._job.addons, guided=guided)

    @property
    def _edits(self) -> bool:
        return self._request.mode is Mode.EDIT

    def _shown(self, model: LoadedModel, canvas: Canvas) -> list[Tensor]:
        """The pictures that an instruction speaks of, as the denoiser reads them."""
        pictures = self._instructed(canvas).encoded() if self._edits else []
        return [self._encode(model, picture) for picture in pictures]

    def _instructed(self, canvas: Canvas) -> editing.Pictures:
        inputs, references = self._job.task.inputs, self._request.references
        return editing.Pictures(self._spec.editing, canvas, references, inputs)

    def _draw(self, control: Control, seen: np.ndarray) -> np.ndarray:
        return drawing.draw(self._shared, self._job.addons, control, seen, self._stop)

    def _observer(self, model: LoadedModel, canvas: Canvas, plan: Plan) -> Observer:
        """Of the first picture; the stages before its first step are told already."""
        draw = observe.drawer(self._shared, model, self._stop, thrifty=self._thrifty)
        observer = Observer(self._job, canvas, plan, draw, self._emit, self._started)
        with self._clock.phase("observe"):
            observer.prepared()
        return observer

    def _measured_drift(self, model: LoadedModel, canvas: Canvas, plan: Plan) -> np.ndarray | None:
        """The autoencoder's error of colours on the source; None where nothing of it remains."""
        seen = canvas.seen()
        if seen is None or plan.source is None or plan.strength >= 1:
            return None
        if not self._request.drift_correction:
            return None
        return drift.measure(seen, self._decode(model, plan.source))

    def _source(self, model: LoadedModel, canvas: Canvas) -> Tensor | None:
        """Latents of the source. An edit begins without them; they are looked at only."""
        picture = canvas.seen()
        if picture is None or (self._edits and not self._request.observe):
            return None
        return self._encode(model, picture)

    def _beside(self, model: LoadedModel, canvas: Canvas) -> Tensor | None:
        """What an inpainting model sees besides its latents."""
        if self._spec.variant != INPAINT:
            return None
        hole = holes.of(canvas)
        cut = self._encode(model, holes.cut(canvas, hole))
        return model.family.beside(cut, hole, model.factor)

    def _encode(self, model: LoadedModel, picture: np.ndarray) -> Tensor:
        with self._vae(model) as vae:
            return latents.encode(vae, picture)

    @contextmanager
    def _vae(self, model: LoadedModel) -> Iterator[Any]:
        """At work: it can be stopped, and works in tiles where memory is short."""
        vae = model.vae()
        with stoppable([vae], self._stop), latents.tiled(vae, wanted=self._thrifty):
            yield vae

    def _picture(
        self,
        model: LoadedModel,
        canvas: Canvas,
        plan: Plan,
        image: int,
        observer: Observer | None,
    ) -> None:
        started = time.monotonic()
        seed = int(self._request.seed or 0) + image
        read = self._readings[image]
        model.use_loras(read.loras)
        plan = replace(plan, embeddings=read.embeddings, areas=read.areas)
        with self._clock.phase("denoise"):
            found = denoise(model, plan, image, seed, self._emit, self._stop, observer)
        if not torch.isfinite(found).all():
            raise self._no_picture(model, "denoising")
        with self._clock.phase("decode"):
            raw = picture = self._decode(model, found)
            if self._drift is not None:
                picture = drift.undo(picture, self._drift, 1 - plan.strength)
        with self._clock.phase("save"):
            result, corrections = canvas.finish(picture, blend=self._request.composite)
        if observer:
            with self._clock.phase("observe"):
                observer.decoded(raw, None if self._drift is None else picture)
                observer.finished(picture, matched="color_match" in corrections)
        with self._clock.phase("save"):
            if self._drift is not None:
                error = float(np.abs(self._drift).mean())
                corrections["drift_corrected"] = round(error * (1 - plan.strength), 5)
            file = pictures.save(self._job.task.output_dir, image, canvas, result)
            facts = {
                "strength": plan.strength,
                "steps_run": len(plan.levels),
                "start_noise": plan.levels.noise(0),
                "start_timestep": float(plan.levels.timesteps[0]),
                "generation": {"width": plan.size.width, "height": plan.size.height},
                "seconds": round(time.monotonic() - started, 3),
                **corrections,
                **read.facts,
                **reading.as_facts(read.notices),
            }
            self._emit(Result(image, file, seed, facts))

    def _decode(self, model: LoadedModel, found: Tensor) -> np.ndarray:
        try:
            picture = self._decoded(model, found)
        except Exception as error:
            if self._thrifty or not failures.is_out_of_memory(error):
                raise
            self._thrifty = True
        else:
            return picture
        # Out of the except block, whose trace held the tensors: the steps need not run again.
        self._shared.components.drop_unused()
        return self._decoded(model, found)

    def _decoded(self, model: LoadedModel, found: Tensor) -> np.ndarray:
        with self._vae(model) as vae:
            picture = latents.decode(vae, found)
        if not np.isfinite(picture).all():
            raise self._no_picture(model, "decoding")
        return picture

    def _no_picture(self, model: LoadedModel, stage: str) -> JobFailed:
        broken = model.broken_part()
        if broken:
            return failures.model_damaged(broken, f"{broken.name} holds values that are no numbers")
        return failures.no_picture(stage)


def _latent_mask(canvas: Canvas, factor: int) -> Tensor | None:
    if canvas.mask is None:
        return None
    size = Size(canvas.generation.width // factor, canvas.generation.height // factor)
    return latent_mask(canvas.mask, size)
