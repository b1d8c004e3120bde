"""One job, step by step: read, load, encode, denoise, decode, composite, save."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pentimento.core.geometry import Box, Size, Work
from pentimento.engine.cancel import StopFlag
from pentimento.engine.conditioning import controlnet, edit, inpaint_model, ip_adapter
from pentimento.engine.conditioning.controlnet import Steering
from pentimento.engine.conditioning.regions import Area
from pentimento.engine.job import observe, preprocess, preview, text
from pentimento.engine.job.autoencoding import Autoencoding, Loss, check_finite
from pentimento.engine.job.denoise import denoise
from pentimento.engine.job.observe import Observer
from pentimento.engine.job.recipe import Effort, Recipe
from pentimento.engine.job.stop_and_keep import Ending
from pentimento.engine.job.stopwatch import Stopwatch
from pentimento.engine.job.text import Reading
from pentimento.engine.loading.model import LoadedModel, Shared, suited
from pentimento.engine.sampling import latents, tiling
from pentimento.engine.sampling.inpaint import latent_mask
from pentimento.engine.sampling.samplers import SAMPLERS
from pentimento.engine_ipc.messages import EngineJob
from pentimento.imaging import canvas as pictures
from pentimento.imaging import masks, prefill, resize, saved_pictures
from pentimento.imaging.canvas import Canvas
from pentimento.imaging.context_box import second_box
from pentimento.imaging.noise_levels import strength_at
from pentimento.imaging.sizing import FILL_SNR, SECOND_SNR, own_size
from pentimento.imaging.tiles import Mosaic
from pentimento.models.tables.architectures import INPAINT, second_pass, work_in
from pentimento.schema.job import FROM_NOISE, NONE, Control, Mode, begins_with
from pentimento.schema.task import Emit, Loading, Preview, Result

OWN_VAE = "model"  # what the record calls the one that a model brings


class Generation:
    """The run of one job. `low_memory` decodes in tiles: less memory, faint edges between tiles."""

    def __init__(
        self, shared: Shared, job: EngineJob, emit: Emit, stop: StopFlag, *, low_memory: bool
    ) -> None:
        self._shared, self._job, self._emit, self._stop = shared, job, emit, stop
        assert job.model is not None, "only maps are drawn without a model"
        self._spec = job.model
        self._always_low_memory = low_memory
        self._request = job.task.request
        self._clock = Stopwatch()
        self._started = time.monotonic()
        self._ending = Ending(stop, self._request)
        self._loss: Loss | None = None
        self._readings: list[Reading] = []  # of the words of each picture
        self.size = Size(1, 1)  # of the result, px

    def run(self) -> dict[str, Any]:
        """Saves and emits every picture; answers the facts of the whole job."""
        self._emit(Loading("Preparing"))
        with self._clock.phase("read"):
            spec = self._spec
            mode, strength = self._request.mode, self._strength
            canvas = pictures.open_canvas(
                self._job.task,
                spec.native_size,
                lambda size: work_in(mode, strength, spec.editing, size, spec),
            )
            self.size = canvas.size
        with self._clock.phase("load"):
            self._shared = suited(self._shared, self._spec)
            model = LoadedModel(self._shared, self._spec, self._emit, self._stop, self._job.extras)
            model.read()
            if self._says_nothing(model) or not SAMPLERS[str(self._request.sampler)].guided:
                self._ask_once()
            coder = Autoencoding(self._shared, model, self._job.task, canvas, self._stop)
            coder.low_memory = self._always_low_memory or model.wants_tiles(canvas.work.tile)
            self._coder = coder
        with self._clock.phase("encode"):
            self._readings = self._read(model, canvas)
            begun = self._prefilled(canvas)
            plan = self._plan(model, begun or canvas, self._starts_at(model, begun))
            self._loss = None if begun else coder.loss(canvas, plan.source, plan.strength)
            coder.forget_seen()
        if canvas.mask is not None:
            directory = self._job.task.output_dir
            self._emit(
                saved_pictures.save_mask(directory, canvas.mask, int(self._request.seed or 0))
            )
        observer = self._observer(model, canvas, plan, begun) if self._request.observe else None
        for image in range(self._request.count):
            self._picture(model, canvas, plan, image, observer if image == 0 else None, begun)
            if self._ending.after(image + 1):
                break
        return {
            "model": self._spec.id,
            "model_fingerprint": model.fingerprint(),
            "dtype": str(model.dtype).removeprefix("torch."),
            "vae": self._request.vae or OWN_VAE,
            "loaded": list(self._shared.components.loads),
            "phases": self._clock.seconds,
            "tiled": coder.low_memory,
            "offloaded": self._shared.components.offloads,
            **self._ending.facts(),
            **text.as_facts(
                [
                    *model.file_notices,
                    *(one for read in self._readings for one in read.notices),
                ]
            ),
        }

    def _says_nothing(self, model: LoadedModel) -> bool:
        """Whether guidance leads from no words to no words: then it changes nothing, and the model
        need be asked once a step instead of twice. Other prompts and pictures are words as well,
        and models that take guidance as a number of their own see it."""
        request, task = self._request, self._job.task
        said = [
            words.prompt + words.negative_prompt
            for words in map(task.words_of, range(request.count))
        ]
        wordless = not any(one.strip() for one in said)
        other = bool(request.regions or request.references)
        guided = not model.family.flow and model.guided(float(request.guidance or 0))
        return wordless and not other and guided

    def _ask_once(self) -> None:
        self._request = self._request.model_copy(update={"guidance": 1.0})
        self._job = replace(self._job, task=replace(self._job.task, request=self._request))

    def _read(self, model: LoadedModel, canvas: Canvas) -> list[Reading]:
        if self._edits:
            model.look_at(self._instructed(canvas).looked_at())
        return text.of_pictures(model, self._job, canvas)

    def _plan(self, model: LoadedModel, canvas: Canvas, strength: float | None = None) -> Recipe:
        """Of all that is painted at once; of what is painted tile by tile, what tiles have in
        common. At the job's own strength if none is given."""
        apart = self._apart(model, canvas)
        steering = controlnet.steering(self._job, canvas, self._draw)
        return self._plan_of(
            model,
            canvas,
            steering if apart else self._read_by_nets(model, steering),
            self._readings[0].areas,
            self._strength if strength is None else strength,
            apart=apart,
        )

    def _apart(self, model: LoadedModel, canvas: Canvas) -> bool:
        """Whether tiles are painted one by one. A transformer knows by its position embeddings
        where in a picture it is, so it cannot be asked for parts of one."""
        return canvas.work.tiled and model.family.flow

    def _plan_of(
        self,
        model: LoadedModel,
        canvas: Canvas,
        steering: list[Steering],
        areas: list[Area],
        strength: float,
        *,
        apart: bool = False,
    ) -> Recipe:
        request = self._request
        sampler = SAMPLERS[str(request.sampler)]
        guidance = float(request.guidance or 0)
        mask = None if self._edits or apart else _latent_mask(canvas, model.factor)
        starts_from_it = strength < 1 or canvas.mask is not None or request.observe
        source = self._coder.source(canvas) if starts_from_it and not apart else None
        return Recipe(
            sampler=sampler,
            levels=model.levels(sampler, int(request.steps or 1), strength, canvas.work.tile),
            strength=strength,
            guidance=guidance,
            embeddings=self._readings[0].embeddings,
            source=source,
            mask=mask,
            work=canvas.work,
            controls=steering,
            areas=areas,
            references=[] if self._edits else self._references(model, canvas, guidance),
            shown=self._shown(canvas),
            viewer=model.viewer() if request.preview else None,
            images=request.count,
            beside=None if apart else self._beside(model, canvas),
            ending=self._ending,
            views=[] if apart else tiling.of(canvas.work, model.factor, mask),
        )

    def _read_by_nets(self, model: LoadedModel, found: list[Steering]) -> list[Steering]:
        """With what a transformer's ControlNets read in the maps."""
        its_nets = model.family.nets
        if its_nets is None or not found:
            return found
        with self._coder.vae() as vae:
            return controlnet.read_net(its_nets, found, vae)

    def _references(
        self, model: LoadedModel, canvas: Canvas, guidance: float
    ) -> list[ip_adapter.IPAdapterInput]:
        wanted, files, addons = self._request.references, self._job.task.inputs, self._job.addons
        shared, guided, note = self._shared, model.guided(guidance), model.note
        found = ip_adapter.shown(shared, wanted, files, addons, note, guided=guided)
        adapter, seen = self._request.surroundings, canvas.seen()
        if adapter and adapter != NONE and seen is not None:
            rgb = canvas.cropped(seen)
            around = ip_adapter.surroundings(shared, adapter, rgb, addons, note, guided=guided)
            found.append(around)
        return found

    @property
    def _strength(self) -> float:
        return 1.0 if self._request.mode in FROM_NOISE else float(self._request.strength or 0)

    @property
    def _edits(self) -> bool:
        return self._request.mode is Mode.EDIT

    def _shown(self, canvas: Canvas) -> list[Tensor]:
        """The pictures that an instruction speaks of, as the denoiser reads them."""
        pictures = self._instructed(canvas).encoded() if self._edits else []
        return [self._coder.encode(picture) for picture in pictures]

    def _instructed(self, canvas: Canvas) -> edit.Pictures:
        inputs, references = self._job.task.inputs, self._request.references
        return edit.Pictures(self._spec.editing, canvas, references, inputs)

    def _draw(self, control: Control, seen: np.ndarray) -> np.ndarray:
        return preprocess.draw(self._shared, self._job.addons, control, seen, self._stop)

    def _prefilled(self, canvas: Canvas) -> Canvas | None:
        """With the surroundings' colours under the selection, for a job that says what it is for;
        None where it begins as its strength says."""
        request = self._request
        way = begins_with(request.mode, self._strength, request.intent, request.prompt)
        if way is None or canvas.mask is None:
            return None
        seen = canvas.seen()
        if seen is None:
            return None
        mask = resize.resize(canvas.mask, canvas.work.size)
        return canvas.of(prefill.under(seen, mask, way, canvas.opaque_at_work()))

    def _starts_at(self, model: LoadedModel, prefilled: Canvas | None) -> float:
        """The strength of the first pass: with something under the selection that is to be seen, a
        little below noise alone. Fixed by the noise, which a strength means in no two families."""
        if prefilled is None:
            return self._strength
        return self._strength_at(FILL_SNR, model, prefilled)

    def _observer(
        self, model: LoadedModel, canvas: Canvas, plan: Recipe, prefilled: Canvas | None
    ) -> Observer:
        """Of the first picture; the stages before its first step are told already."""
        draw = observe.drawer(
            self._shared, model, canvas.work, self._stop, low_memory=self._coder.low_memory
        )
        observer = Observer(self._job, canvas, plan, draw, self._emit, self._started)
        with self._clock.phase("observe"):
            observer.prepared(prefilled)
        return observer

    def _beside(self, model: LoadedModel, canvas: Canvas) -> Tensor | None:
        """What an inpainting model sees besides its latents."""
        if self._spec.variant != INPAINT:
            return None
        hole = inpaint_model.binary_mask(canvas)
        cut = self._coder.encode(inpaint_model.masked_image(canvas, hole), canvas.work)
        return model.family.beside(cut, hole, model.factor)

    def _picture(
        self,
        model: LoadedModel,
        canvas: Canvas,
        plan: Recipe,
        image: int,
        observer: Observer | None,
        prefilled: Canvas | None,
    ) -> None:
        started = time.monotonic()
        seed = int(self._request.seed or 0) + image
        read = self._readings[image]
        model.use_loras(read.loras)
        plan = replace(plan, embeddings=read.embeddings, areas=read.areas)
        second = self._second_canvas(canvas)
        if second:
            levels = self._second_levels(model, second)[1]
            plan = replace(plan, after=Effort.of_pass(second, levels, self._apart(model, second)))
        first = prefilled or canvas
        made, corrections = self._made(model, first, plan, image, seed, self._loss, observer)
        picture, passes = list(made.values())[-1], [_pass_facts(canvas, plan)]
        finished = canvas
        if second and not self._ending.reached:
            finished = replace(canvas, work=Work.whole(canvas.size))
            picture, told = self._in_full(model, canvas, second, picture, read, plan, image, seed)
            passes.append(told)
        with self._clock.phase("save"):
            result, matched = finished.finish(picture, blend=self._request.composite)
            corrections |= matched
        if observer:
            with self._clock.phase("observe"):
                observer.decoded(made)
                observer.finished(finished, picture, matched="color_match" in corrections)
        with self._clock.phase("save"):
            file = saved_pictures.save(self._job.task.output_dir, image, canvas, result)
            size = plan.work.content
            facts = {
                "strength": self._strength,
                "steps_run": len(plan.levels),
                "start_noise": plan.levels.noise(0),
                "start_timestep": float(plan.levels.timesteps[0]),
                "generation": {"width": size.width, "height": size.height},
                "tiles": len(canvas.work.tiles),
                "passes": passes,
                "seconds": round(time.monotonic() - started, 3),
                **self._ending.step,
                **corrections,
                **read.facts,
                **text.as_facts(read.notices),
            }
            self._emit(Result(image, file, seed, facts))

    def _second_canvas(self, canvas: Canvas) -> Canvas | None:
        """What of new content is painted over again at full size, still without a source; None
        where the first pass is enough, or somebody waits for each picture."""
        request, spec = self._request, self._spec
        if not request.second_pass:
            return None
        if not second_pass(request.mode, self._strength, canvas.size, canvas.work):
            return None
        whole = Box(0, 0, canvas.size.width, canvas.size.height)
        new = whole if canvas.mask is None else masks.bounds(canvas.mask)
        if new is None:
            return None
        box = second_box(new, whole, spec)
        return canvas.part(box, own_size(box.size, spec))

    def _second_levels(self, model: LoadedModel, second: Canvas) -> tuple[float, int]:
        """The strength of the second pass, which is fixed by its noise, and its steps."""
        strength = self._strength_at(SECOND_SNR, model, second)
        sampler, steps = SAMPLERS[str(self._request.sampler)], int(self._request.steps or 1)
        return strength, len(model.levels(sampler, steps, strength, second.work.tile))

    def _strength_at(self, snr: float, model: LoadedModel, canvas: Canvas) -> float:
        """The strength whose first step has so much signal over noise, in squares."""
        sampler, steps = SAMPLERS[str(self._request.sampler)], int(self._request.steps or 1)

        def start(strength: float) -> float:
            levels = model.levels(sampler, steps, strength, canvas.work.tile)
            if not len(levels):
                return math.inf
            return (levels.signal(0) / levels.noise(0)) ** 2

        return strength_at(snr, start)

    def _in_full(
        self,
        model: LoadedModel,
        canvas: Canvas,
        second: Canvas,
        first: np.ndarray,
        read: Reading,
        plan: Recipe,
        image: int,
        seed: int,
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """The picture at the canvas's size: the first pass enlarged, and over it a second one of
        what is new, from the first in its surroundings; and facts of that."""
        picture = canvas.enlarged(first)
        box = second.window_in(canvas)
        rows, columns = slice(box.y, box.bottom), slice(box.x, box.right)
        second = second.over(picture[rows, columns], canvas.surroundings(box))
        with self._clock.phase("encode"):
            strength = self._second_levels(model, second)[0]
            plan = replace(
                self._plan(model, second, strength),
                embeddings=read.embeddings,
                before=plan.before
                + Effort.of_pass(canvas, len(plan.levels), self._apart(model, canvas)),
                areas=text.areas_of(model, self._job, image, second),
            )
            loss = self._coder.loss(second, plan.source, plan.strength)
        made, _ = self._made(model, second, plan, image, seed, loss, None)
        picture[rows, columns] = second.enlarged(list(made.values())[-1])
        return picture, _pass_facts(second, plan)

    def _made(
        self,
        model: LoadedModel,
        canvas: Canvas,
        plan: Recipe,
        image: int,
        seed: int,
        loss: Loss | None,
        observer: Observer | None,
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """The picture of one pass, at once or tile by tile."""
        if self._apart(model, canvas):
            return self._tile_by_tile(model, canvas, plan, image, seed)
        return self._painted(model, canvas, plan, image, seed, loss, observer)

    def _painted(
        self,
        model: LoadedModel,
        canvas: Canvas,
        plan: Recipe,
        image: int,
        seed: int,
        loss: Loss | None,
        observer: Observer | None = None,
        noise: Tensor | None = None,
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """The picture at the generation size, as the autoencoder gives it and, by their codes, as
        it is corrected then; and facts."""
        with self._clock.phase("denoise"):
            found = denoise(model, plan, image, seed, self._emit, self._stop, observer, noise)
        check_finite(model, found)
        with self._clock.phase("decode"):
            raw = self._coder.decode(found, canvas.work)
        if loss is None:
            return {"decode": raw}, {}
        with self._clock.phase("correct"):
            made, share = loss.restored(raw, plan.strength, stages=observer is not None)
        facts: dict[str, Any] = {}
        if loss.drift is not None:
            error = float(np.abs(loss.drift).mean())
            facts["drift_corrected"] = round(error * (1 - plan.strength), 5)
        if loss.detail is not None:
            facts["detail_given_back"] = round(share, 5)
        return made, facts

    def _tile_by_tile(
        self, model: LoadedModel, canvas: Canvas, plan: Recipe, image: int, seed: int
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """A picture whose tiles are painted one after another, all of them from their parts of one
        noise, and laid over one another softly. Where nothing is selected the source stays."""
        work, factor = canvas.work, model.factor
        size = Size(work.size.width // factor, work.size.height // factor)
        generator = torch.Generator("cpu").manual_seed(seed)
        noise = latents.pure_noise((1, model.channels, size.height, size.width), generator)
        mosaic = Mosaic(work.tiles, work.size)
        parts = [canvas.tile(box) for box in work.tiles]
        painted = canvas.painted_tiles()
        facts: dict[str, float] = {}
        growing = preview.Growing(canvas, work) if self._request.preview else None
        for number, (box, part) in enumerate(zip(work.tiles, parts, strict=True)):
            seen = part.seen() if self._ending.reached or number not in painted else None
            if seen is not None:
                mosaic.add(number, seen)
                continue
            at, each = painted.index(number), (part.work, len(plan.levels))
            before = plan.before + Effort.of(*each, at)
            after = Effort.of(*each, len(painted) - 1 - at) + plan.after
            where = tiling.Tile(latents.scaled_down(box, factor), torch.ones(1))
            with self._clock.phase("encode"):
                cut = [replace(one, hint=where.cut(one.hint, size)) for one in plan.controls]
                areas = [replace(one, share=where.cut(one.share, size)) for one in plan.areas]
                nets_read = self._read_by_nets(model, cut)
                own = self._plan_of(model, part, nets_read, areas, plan.strength)
                own = replace(own, embeddings=plan.embeddings, viewer=None)
                own = replace(own, before=before, after=after)
                loss = self._coder.loss(part, own.source, own.strength)
            made, corrections = self._painted(
                model, part, own, image, seed, loss, noise=where.cut(noise, size)
            )
            picture = list(made.values())[-1]
            mosaic.add(number, picture)
            for name, value in corrections.items():
                facts[name] = facts.get(name, 0.0) + value / len(painted)
            if growing:
                step = before.steps + len(plan.levels)
                self._emit(Preview(growing.with_tile(box, picture), step, image))
        facts = {name: round(value, 5) for name, value in facts.items()}
        return {"decode": mosaic.picture}, facts


def _pass_facts(canvas: Canvas, plan: Recipe) -> dict[str, Any]:
    size = canvas.work.content
    return {
        "width": size.width,
        "height": size.height,
        "steps": len(plan.levels),
        "tiles": len(canvas.work.tiles),
        "strength": round(plan.strength, 4),
    }


def _latent_mask(canvas: Canvas, factor: int) -> Tensor | None:
    mask = canvas.mask_at_work()
    if mask is None:
        return None
    size = Size(canvas.generation.width // factor, canvas.generation.height // factor)
    return latent_mask(mask, size)
