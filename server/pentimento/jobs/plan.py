"""What a job will do before it is sent: defaults, the box, the size, the steps, in words. No numpy.

- `make_plan(request, registry, timings=None) -> Plan` answers `POST /v1/plan`
- `resolve(request, registry, source_size) -> JobRequest` fills in every default at admission
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, TypeVar

from pentimento.errors import BadInput, TooLarge
from pentimento.imaging import flow, schedules, sizing
from pentimento.imaging.geometry import Box, Size
from pentimento.imaging.schedules import Spacing
from pentimento.jobs import addons, editing, prompt_loras, wording
from pentimento.jobs.record import (
    FROM_NOISE,
    Alpha,
    JobRequest,
    Mode,
    Notice,
    Plan,
    PlanRequest,
    Rect,
    Reference,
    SizeOut,
)
from pentimento.models import ModelInfo, Registry
from pentimento.models.families import FAMILIES, limits_in

T = TypeVar("T")

Timings = Callable[[str, Size, int], float | None]  # model id, generation size, steps -> seconds

DEFAULT_STRENGTH = {Mode.TXT2IMG: 1.0, Mode.IMG2IMG: 0.6, Mode.INPAINT: 1.0, Mode.EDIT: 1.0}
SELECTED = (Mode.INPAINT, Mode.EDIT)  # modes that a selection bounds
MAX_PIXELS = 100_000_000  # of a result
SEED_RANGE = 2**32  # random seeds stay short enough to be read and typed
ENGINE_MB = 500  # torch, diffusers and transformers in a process, before any model
WEIGHTS_IN_MEMORY = 2  # float16 on disk, float32 on a processor
ACTIVATION_BYTES = 375  # for each latent and channel; measured: 128 to 384 px, 32 channels


def resolve(request: JobRequest, registry: Registry, source_size: Size | None) -> JobRequest:
    """The request with nothing left to chance: strength, steps, guidance, seed, model, sampler and
    size are set. `source_size` is the source picture's, None for txt2img.

    Raises BadInput for what no engine here can do, NotFound for an unknown model. A damaged model
    is not refused here: its job fails with the reason.
    """
    if request.mode is Mode.PREPROCESS:
        return _resolve_map(request, registry, source_size)
    refuse_mode(request.mode)
    model = editing.model_of(request, registry)
    size = source_size or Size(
        request.width or model.native_size, request.height or model.native_size
    )
    refuse_huge(size)
    _refuse_sampler(model, request.sampler)
    request = prompt_loras.taken_out(request, model, registry)
    addons.check_loras(request, model, registry)
    addons.check_vae(request, model, registry)
    defaults = registry.defaults(model, request.loras)
    strength = strength_of(request)
    chosen: dict[str, Any] = {
        "model": model.id,
        "strength": strength,
        "steps": _or(request.steps, defaults.steps),
        "guidance": _or(request.guidance, defaults.guidance),
        "sampler": _or(request.sampler, defaults.sampler),
        "seed": _or(request.seed, secrets.randbelow(SEED_RANGE)),
        "controls": addons.chosen_controls(request, model, registry),
        "references": references_of(request, model, registry),
    }
    if request.mode is Mode.TXT2IMG:
        chosen |= {"width": size.width, "height": size.height}
    else:
        chosen |= appearance(request, strength)
    return request.model_copy(update=chosen)


def _resolve_map(request: JobRequest, registry: Registry, size: Size | None) -> JobRequest:
    """Nothing is generated: maps are always drawn on this machine, without a model."""
    if size:
        refuse_huge(size)
    control = request.controls[0].model_copy(update={"model": None})
    registry.annotators.require(control.type, "controls.0")
    return request.model_copy(update={"backend": None, "model": None, "controls": [control]})


def make_plan(request: PlanRequest, registry: Registry, timings: Timings | None = None) -> Plan:
    """Geometry in, plan out. Raises BadInput when a rectangle that the mode needs is missing or
    the selection lies outside everything, NotFound for an unknown model."""
    refuse_mode(request.mode)
    model = editing.model_of(request, registry)
    request = prompt_loras.taken_out(request, model, registry)
    box = box_of(request, model)
    refuse_huge(box.size)
    limits = limits_in(request.mode, model.editing, model)
    generation = sizing.generation_size(box.size, limits)
    addons.check_loras(request, model, registry)
    defaults = registry.defaults(model, request.loras)
    strength = strength_of(request)
    steps = _or(request.steps, defaults.steps)
    levels, start_noise = _levels(model, generation, steps, strength, defaults.spacing)
    timed_as = editing.timed_as(model.id, request.mode)
    seconds = timings(timed_as, generation, levels) if timings and levels else None
    notices = _notices(request, model, box, generation, strength, levels)
    return Plan(
        mode=request.mode,
        sentence=wording.sentence(request.mode, strength, generation, levels, steps, request.count),
        box=Rect(x=box.x, y=box.y, width=box.width, height=box.height),
        generation=SizeOut(width=generation.width, height=generation.height),
        model=model.id,
        sampler=_or(request.sampler, defaults.sampler),
        strength=strength,
        steps=steps,
        steps_run=levels,
        guidance=_or(request.guidance, defaults.guidance),
        start_noise=start_noise,
        seconds=None if seconds is None else seconds * request.count,
        memory_mb=_memory_mb(model, generation, request.mode) if levels else 0,
        loras=request.loras,
        warnings=[notice.message for notice in notices],
        notices=notices,
    )


def strength_of(request: JobRequest | PlanRequest) -> float:
    """As asked or the mode's default; what begins with pure noise has 1 always."""
    if request.mode in FROM_NOISE:
        return 1.0
    return _or(request.strength, DEFAULT_STRENGTH[request.mode])


def appearance(request: JobRequest, strength: float) -> dict[str, Any]:
    """How a result fits to its source, as asked or by default."""
    return {
        "color_match": _or(request.color_match, request.mode is Mode.INPAINT),
        "alpha": _or(request.alpha, _alpha(request.mode, strength)),
    }


def _alpha(mode: Mode, strength: float) -> Alpha:
    """Whose transparency a result has if nothing is said: its source's, but a selection that is
    filled anew becomes opaque, or an empty area would stay empty."""
    return "opaque" if mode is Mode.INPAINT and strength >= 1 else "source"


def box_of(request: PlanRequest, model: sizing.Limits) -> Box:
    """What is read from the image, in canvas px."""
    if request.mode is Mode.TXT2IMG:
        width = request.width or model.native_size
        return Box(0, 0, width, request.height or model.native_size)
    source = _rect(request.source or request.canvas)
    if source is None:
        raise _missing("source", "the rectangle of the source in the canvas")
    selection = _rect(request.selection)
    if request.mode is Mode.IMG2IMG or (request.mode is Mode.EDIT and selection is None):
        return source
    if selection is None:
        raise _missing("selection", "the bounds of the selection in the canvas")
    return _inpaint_box(request, selection, source, model)


def _inpaint_box(request: PlanRequest, selection: Box, source: Box, model: sizing.Limits) -> Box:
    """The selection as far as its mask options reach, with context, where there is picture."""
    options = request.mask_options
    bounds: Box | None = source.union(selection)
    canvas = _rect(request.canvas)
    if bounds and canvas:
        bounds = bounds.intersect(canvas)
    inside = selection.intersect(bounds) if bounds else None
    if bounds is None or inside is None:
        raise BadInput(
            "bad_request",
            "The selection lies outside the image.",
            "Select an area on the canvas.",
            details={"fields": [{"field": "selection", "message": "lies outside the canvas"}]},
        )
    reach = max(options.grow, 0) + options.feather + options.blend
    return sizing.context_box(inside.pad(reach), bounds, model)


def _levels(
    model: ModelInfo, generation: Size, steps: int, strength: float, spacing: Spacing
) -> tuple[int, float]:
    """How many steps run and the noise share at the first one."""
    family = FAMILIES.get(model.family)
    if family and family.flow:
        times = flow.times(steps, strength)
        tokens = generation.pixels // (2 * model.latent_scale) ** 2
        config = flow.respaced(model.scheduler, spacing)
        sigmas = flow.sigmas(config, times, steps, tokens, family.shift)
        return len(sigmas), sigmas[0] if sigmas else 0.0
    alphas = schedules.alphas_cumprod(model.scheduler)
    timesteps = schedules.timesteps(alphas, steps, strength)
    return len(timesteps), schedules.start_noise(alphas, timesteps[0]) if timesteps else 0.0


def _memory_mb(model: ModelInfo, generation: Size, mode: Mode) -> int:
    """A rough estimate of the engine's peak. In an edit the source is read beside the noise."""
    weights = model.bytes * WEIGHTS_IN_MEMORY
    read = generation.pixels * (2 if mode is Mode.EDIT else 1)
    latents = read / model.latent_scale**2
    activations = latents * model.unet_width * ACTIVATION_BYTES
    return ENGINE_MB + round((weights + activations) / 2**20)


def _notices(
    request: PlanRequest,
    model: ModelInfo,
    box: Box,
    generation: Size,
    strength: float,
    levels: int,
) -> list[Notice]:
    found: list[Notice] = []
    if not model.ok:
        found.append(wording.notice("model_damaged", title=model.title, problem=model.problem))
    if strength == 0:
        found.append(wording.notice("nothing_changes"))
    elif levels < wording.FEW_STEPS and strength < 1:
        found.append(wording.few_steps(levels))
    if levels and generation.pixels < box.size.pixels:
        found.append(wording.reduced(box.size, generation))
    return found + place_notices(request, box)


def place_notices(request: PlanRequest, box: Box) -> list[Notice]:
    """About where the area lies."""
    found: list[Notice] = []
    source, canvas = _rect(request.source), _rect(request.canvas)
    selection = _rect(request.selection) if request.mode in SELECTED else None
    if selection and canvas and not canvas.contains(selection):
        found.append(wording.notice("selection_cut"))
    if request.mode in SELECTED and source and not source.contains(box):
        found.append(wording.notice("beyond_source"))
    return found


def references_of(request: JobRequest, model: ModelInfo, registry: Registry) -> list[Reference]:
    """The pictures that are read with the prompt, with what reads them."""
    if request.mode is Mode.EDIT:
        return editing.references(request, model)
    return registry.ip_adapters.chosen(request, model)


def refuse_mode(mode: Mode) -> None:
    if mode is Mode.PREPROCESS:
        raise BadInput(
            "unsupported_mode",
            "There is nothing to plan for a map: it has its source's size.",
            "Send the job.",
        )
    if mode not in DEFAULT_STRENGTH:
        raise BadInput(
            "unsupported_mode",
            f"The mode {mode} is reserved and does not work yet.",
            f"Use one of {', '.join(DEFAULT_STRENGTH)}.",
        )


def _refuse_sampler(model: ModelInfo, sampler: str | None) -> None:
    family = FAMILIES.get(model.family)
    if sampler and family and sampler not in family.samplers:
        raise BadInput(
            "unsupported",
            f"{model.title} cannot be used with the sampler {sampler}.",
            f"Use {' or '.join(family.samplers)}, or leave the sampler to the model.",
            details={"fields": [{"field": "sampler", "message": "does not suit the model"}]},
        )


def refuse_huge(size: Size) -> None:
    if size.pixels > MAX_PIXELS:
        raise TooLarge(
            "too_many_pixels",
            f"{size} px are more than the {MAX_PIXELS // 10**6} megapixels of one job.",
            "Select a smaller area.",
        )


def _missing(field: str, what: str) -> BadInput:
    return BadInput(
        "bad_request",
        f"This mode needs “{field}”: {what}.",
        details={"fields": [{"field": field, "message": "is missing"}]},
    )


def _rect(rect: Rect | None) -> Box | None:
    return Box(rect.x, rect.y, rect.width, rect.height) if rect else None


def _or(value: T | None, default: T) -> T:
    return default if value is None else value
