"""What a job will do before it is sent: defaults, the box, the size, the steps, in words. No numpy.

- `make_plan(request, registry, timings=None) -> Plan` answers `POST /v1/plan`
- `resolve(request, registry, source_size) -> JobRequest` fills in every default at admission
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

from pentimento.core.errors import BadInput, field_error
from pentimento.core.geometry import Box, Size, Work
from pentimento.imaging import context_box, noise_levels, sizing
from pentimento.imaging.expansion import Sides
from pentimento.imaging.noise_levels import Spacing
from pentimento.jobs import upscaling
from pentimento.jobs.intents import (
    DEFAULT_STRENGTH,
    button_of,
    filled_by_of,
    intent_of,
    recorded_intent,
    rect_box,
    strength_of,
)
from pentimento.jobs.maps import resolve_harmony, resolve_map, resolve_selection
from pentimento.jobs.resolve import (
    chosen_controls,
    chosen_loras,
    chosen_vae,
    edit_model,
    edit_references,
    seed_of,
    taken_out,
    timed_as,
)
from pentimento.models.library import made_with, vocabulary
from pentimento.models.library.model import ModelInfo
from pentimento.models.library.registry import Registry
from pentimento.models.tables.architectures import FAMILIES, second_pass, work_in
from pentimento.schema import wording
from pentimento.schema.job import (
    AUTOMATIC,
    OF_A_SOURCE_ALONE,
    Alpha,
    Context,
    FilledBy,
    Intent,
    JobRequest,
    Mode,
    Rect,
    Reference,
    begins_with,
)
from pentimento.schema.plan import Notice, Pass, Plan, PlanRequest, SizeOut
from pentimento.schema.vocabulary import calls_of

T = TypeVar("T")

Timings = Callable[[str, int, int], float | None]  # model id, px seen in a step, steps -> seconds

COPIED_SECONDS, COPIED_BYTES = 2e-5, 220  # for each pixel that is filled, and that is sent
SELECTED = (Mode.INPAINT, Mode.EDIT)  # modes that a selection bounds
CONTEXT_SHARES = {Context.TIGHT: context_box.TIGHT, Context.WIDE: context_box.WIDE}
ENGINE_MB = 500  # torch, diffusers and transformers in a process, before any model
WEIGHTS_IN_MEMORY = 2  # float16 on disk, float32 on a processor
PICTURE_BYTES = 32  # for each pixel: what it was and what it becomes, as numbers
SENT_BYTES = 12  # for each pixel that is sent: read and made (tests/imaging/test_picture_memory.py)
MASK_BYTES = 12  # more, where a mask is sent: the mask, and the band around it that is compared
ACTIVATION_BYTES = 375  # for each latent and channel; measured: 128 to 384 px, 32 channels


def resolve(request: JobRequest, registry: Registry, source_size: Size | None) -> JobRequest:
    """The request with nothing left to chance: strength, steps, guidance, seed, model, sampler and
    size are set. `source_size` is the source picture's, None for txt2img.

    Raises BadInput for what no engine here can do, NotFound for an unknown model. A damaged model
    is not refused here: its job fails with the reason.
    """
    registry = registry.snapshot(whole=True)
    if request.mode is Mode.PREPROCESS:
        return resolve_map(request, registry, source_size)
    if request.mode is Mode.SELECT:
        return resolve_selection(request, registry, source_size)
    if request.mode is Mode.HARMONIZE:
        return resolve_harmony(request, source_size)
    if request.mode is Mode.UPSCALE:
        request = upscaling.resolve(request, registry, source_size)
        if not request.detail:
            return request
    refuse_mode(request.mode)
    request = made_with.present(request, registry)
    model = edit_model(request, registry)
    if request.mode is Mode.UPSCALE:
        request = upscaling.guided(request, model, registry)
    size = source_size or Size(
        request.width or model.native_size, request.height or model.native_size
    )
    sizing.refuse_huge(size)
    if request.expand:
        sizing.refuse_huge(Sides.of(request.expand).around(size))
    _refuse_sampler(model, request.sampler)
    request = taken_out(request, model, registry)
    request = request.model_copy(
        update={
            "loras": chosen_loras(request, model, registry),
            "vae": chosen_vae(request, model, registry),
        }
    )
    defaults = registry.defaults(model, request.loras)
    strength = strength_of(request)
    intent = recorded_intent(request)
    filled_by = filled_by_of(request, intent, model)
    paints = filled_by is not FilledBy.SURROUNDINGS
    fills = paints and begins_with(request.mode, strength, intent, request.prompt) is not None
    chosen: dict[str, Any] = {
        "intent": intent,
        "filled_by": filled_by,
        "model": model.id,
        "strength": strength,
        "steps": _or(request.steps, defaults.steps),
        "guidance": _or(request.guidance, defaults.guidance),
        "sampler": _or(request.sampler, defaults.sampler),
        "seed": seed_of(request),
        "controls": chosen_controls(request, model, registry, fills=fills),
        "references": references_of(request, model, registry),
        "surroundings": registry.ip_adapters.of_surroundings(request, model, fills=fills),
    }
    if request.mode is Mode.TXT2IMG:
        chosen |= {"width": size.width, "height": size.height}
    else:
        chosen |= appearance(request, strength)
    request = request.model_copy(update=chosen)
    made_with.check_embeddings(request, registry)
    return request.model_copy(update={"made_with": made_with.recorded(request, registry)})


def make_plan(request: PlanRequest, registry: Registry, timings: Timings | None = None) -> Plan:
    """Geometry in, plan out. Raises BadInput when a rectangle that the mode needs is missing or
    the selection lies outside everything, NotFound for an unknown model."""
    if request.mode is Mode.UPSCALE:
        return _enlargement(request, registry, timings)
    refuse_mode(request.mode)
    registry = registry.snapshot()
    model = edit_model(request, registry)
    request = taken_out(request, model, registry)
    if request.intent == AUTOMATIC:
        request = request.model_copy(update={"intent": intent_of(request)})
    box = box_of(request, model)
    sizing.refuse_huge(box.size)
    loras = chosen_loras(request, model, registry)
    request = request.model_copy(update={"loras": loras})
    defaults = registry.defaults(model, request.loras)
    strength = strength_of(request)
    if filled_by_of(request, request.intent, model) is FilledBy.SURROUNDINGS:
        return _copied(request, model, box)
    work = work_in(request.mode, strength, model.editing, box.size, model)
    steps = _or(request.steps, defaults.steps)
    starts_at = strength
    if begins_with(request.mode, strength, request.intent, request.prompt):
        starts_at = _strength_at(sizing.FILL_SNR, model, work.tile, steps, defaults.spacing)
    levels, start_noise = _levels(model, work.tile, steps, starts_at, defaults.spacing)
    known_as = timed_as(model.id, request.mode)
    passes = [(work, levels)] if levels else []
    if request.second_pass and second_pass(request.mode, strength, box.size, work):
        passes.append(_second(request, model, box, steps, defaults.spacing))
    seconds = None
    if timings and passes:
        calls = calls_of(_or(request.sampler, defaults.sampler))
        each = [timings(known_as, one.seen, run * calls) for one, run in passes]
        seconds = sum(spent for spent in each if spent is not None) if None not in each else None
    notices = _notices(request, model, box, passes, strength)
    return Plan(
        mode=request.mode,
        sentence=wording.sentence(
            request.mode, strength, model.strengths, passes, steps, request.count
        ),
        box=Rect(x=box.x, y=box.y, width=box.width, height=box.height),
        generation=SizeOut(width=work.content.width, height=work.content.height),
        passes=[_pass(*one) for one in passes],
        reach=reach_of(request, model.native_size) if request.mode in SELECTED else 0,
        intent=intent_of(request),
        filled_by=filled_by_of(request, request.intent, model),
        button=button_of(request),
        model=model.id,
        sampler=_or(request.sampler, defaults.sampler),
        strength=strength,
        steps=steps,
        steps_run=levels,
        guidance=_or(request.guidance, defaults.guidance),
        start_noise=start_noise,
        seconds=None if seconds is None else seconds * request.count,
        memory_mb=max(
            (_memory_mb(model, one, request.mode, box.size) for one, _ in passes), default=0
        ),
        loras=request.loras,
        warnings=[notice.message for notice in notices],
        notices=notices,
    )


def _copied(request: PlanRequest, model: ModelInfo, box: Box) -> Plan:
    """Of a selection that is filled with pixels of its surroundings."""
    notices = [wording.notice("filled_from_surroundings"), *place_notices(request, box)]
    selection = rect_box(request.selection)
    hole = selection.pad(reach_of(request, model.native_size)).size if selection else box.size
    return Plan(
        mode=request.mode,
        sentence=wording.copied(request.count),
        box=Rect(x=box.x, y=box.y, width=box.width, height=box.height),
        generation=SizeOut(width=box.width, height=box.height),
        reach=reach_of(request, model.native_size),
        intent=intent_of(request),
        filled_by=FilledBy.SURROUNDINGS,
        button=button_of(request),
        model=model.id,
        sampler=_or(request.sampler, model.default_sampler),
        strength=1.0,
        steps=0,
        steps_run=0,
        guidance=0.0,
        start_noise=0.0,
        seconds=(1 + hole.pixels * COPIED_SECONDS) * request.count,
        memory_mb=ENGINE_MB + round(box.size.pixels * COPIED_BYTES / 2**20),
        warnings=[notice.message for notice in notices],
        notices=notices,
    )


def _enlargement(request: PlanRequest, registry: Registry, timings: Timings | None) -> Plan:
    """Of an enlarged picture, and of the detail that is painted over it."""
    enlarged = upscaling.make_plan(request, registry)
    if not request.detail:
        return enlarged
    size = enlarged.generation
    whole = Rect(width=size.width, height=size.height)
    painted = make_plan(
        request.model_copy(
            update={
                "mode": Mode.IMG2IMG,
                "canvas": whole,
                "source": whole,
                "strength": upscaling.strength_of(request.detail),
                "detail": 0.0,
            }
        ),
        registry,
        timings,
    )
    return painted.model_copy(
        update={
            "mode": Mode.UPSCALE,
            "box": enlarged.box,
            "generation": size,
            "sentence": f"{enlarged.sentence}, then {painted.sentence}",
            "passes": [*enlarged.passes, *painted.passes],
            "button": enlarged.button,
        }
    )


def _second(
    request: PlanRequest, model: ModelInfo, box: Box, steps: int, spacing: Spacing
) -> tuple[Work, int]:
    """How the second pass works on what is new, and in how many steps."""
    selection, whole = rect_box(request.selection), Box(0, 0, box.width, box.height)
    new = whole
    if request.mode is Mode.INPAINT and selection:
        reached = selection.pad(reach_of(request, model.native_size)).intersect(box)
        new = reached.to_inner(box) if reached else whole
    work = sizing.own_size(context_box.second_box(new, whole, model).size, model)

    strength = _strength_at(sizing.SECOND_SNR, model, work.tile, steps, spacing)
    return work, _levels(model, work.tile, steps, strength, spacing)[0]


def _strength_at(snr: float, model: ModelInfo, size: Size, steps: int, spacing: Spacing) -> float:
    """The strength whose first step has so much signal over noise, in squares."""

    def start(strength: float) -> float:
        levels, noise = _levels(model, size, steps, strength, spacing)
        if not levels:
            return math.inf
        family = FAMILIES.get(model.family)
        signal = (1 - noise) ** 2 if family and family.flow else 1 - noise**2
        return signal / noise**2

    return noise_levels.strength_at(snr, start)


def reach_of(request: PlanRequest, native: int) -> int:
    """px beyond the selection that a result can change."""
    options, selection = request.mask_options, rect_box(request.selection)
    if options.auto and selection:
        behind = intent_of(request) is Intent.REPLACE_BACKGROUND
        strength = strength_of(request)
        edge = context_box.automatic_edge(selection.size, strength, native, behind=behind)
        return edge.reach
    return max(options.grow, 0) + options.feather + options.blend


def _pass(work: Work, steps: int) -> Pass:
    size = work.content
    return Pass(width=size.width, height=size.height, steps=steps, tiles=len(work.tiles))


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


def box_of(request: PlanRequest, model: sizing.SizeLimits) -> Box:
    """What is read from the image, in canvas px."""
    if request.mode is Mode.TXT2IMG:
        width = request.width or model.native_size
        return Box(0, 0, width, request.height or model.native_size)
    source = rect_box(request.source or request.canvas)
    if source is None:
        raise _missing("source", "the rectangle of the source in the canvas")
    selection = rect_box(request.selection)
    if request.mode is Mode.IMG2IMG or (request.mode is Mode.EDIT and selection is None):
        return source
    if selection is None:
        raise _missing("selection", "the bounds of the selection in the canvas")
    return _inpaint_box(request, selection, source, model)


def _inpaint_box(
    request: PlanRequest, selection: Box, source: Box, model: sizing.SizeLimits
) -> Box:
    """The selection as far as its mask options reach, with context, where there is picture."""
    bounds: Box | None = source.union(selection)
    canvas = rect_box(request.canvas)
    if bounds and canvas:
        bounds = bounds.intersect(canvas)
    inside = selection.intersect(bounds) if bounds else None
    if bounds is None or inside is None:
        raise BadInput(
            "bad_request",
            "The selection lies outside the image.",
            "Select an area on the canvas.",
            details=field_error("selection", "lies outside the canvas"),
        )
    changed = inside.pad(reach_of(request, model.native_size))
    context = request.context
    if isinstance(context, Rect):
        asked = rect_box(context)
        reached = changed.intersect(bounds)
        wanted = asked.union(reached) if asked and reached else bounds
        return wanted.intersect(bounds) or bounds
    if context is Context.WHOLE:
        return bounds
    share = CONTEXT_SHARES.get(context)
    return context_box.context_box(changed, bounds, model, strength_of(request), share)


def _levels(
    model: ModelInfo, generation: Size, steps: int, strength: float, spacing: Spacing
) -> tuple[int, float]:
    """How many steps run and the noise share at the first one."""
    family = FAMILIES.get(model.family)
    if family and family.flow:
        times = noise_levels.times(steps, strength, spacing)
        tokens = generation.pixels // (2 * model.latent_scale) ** 2
        config = noise_levels.respaced(model.scheduler, spacing)
        sigmas = noise_levels.sigmas(config, times, steps, tokens, family.shift)
        return len(sigmas), sigmas[0] if sigmas else 0.0
    alphas = noise_levels.alphas_cumprod(model.scheduler)
    timesteps = noise_levels.timesteps(alphas, steps, strength, spacing)
    return len(timesteps), noise_levels.start_noise(alphas, timesteps[0]) if timesteps else 0.0


def _memory_mb(model: ModelInfo, work: Work, mode: Mode, sent: Size) -> int:
    """A rough estimate of the engine's peak for a picture of `sent` px. In an edit the source is
    read beside the noise."""
    weights = model.bytes * WEIGHTS_IN_MEMORY
    read = work.tile.pixels * (2 if mode is Mode.EDIT else 1)
    latents = read / model.latent_scale**2
    activations = latents * model.unet_width * ACTIVATION_BYTES
    each = SENT_BYTES + (MASK_BYTES if mode in SELECTED else 0)
    pictures = max(work.size.pixels * PICTURE_BYTES, sent.pixels * each)
    return ENGINE_MB + round((weights + activations + pictures) / 2**20)


def _notices(
    request: PlanRequest,
    model: ModelInfo,
    box: Box,
    passes: list[tuple[Work, int]],
    strength: float,
) -> list[Notice]:
    found: list[Notice] = []
    if not model.ok:
        found.append(wording.notice("model_damaged", title=model.title, problem=model.problem))
    if strength > 0 and not vocabulary.understands(model, request.prompt):
        found.append(wording.notice("prompt_language"))
    behind = request.intent is Intent.REPLACE_BACKGROUND  # nothing is selected by the person
    if begins_with(request.mode, strength, request.intent, request.prompt) and not behind:
        found.append(wording.notice("begins_with_surroundings"))
    if strength == 0:
        found.append(wording.notice("nothing_changes"))
    elif strength < 1 and passes[0][1] < wording.FEW_STEPS:
        found.append(wording.few_steps(passes[0][1]))
    if len(passes) == 1 and passes[0][0].size.pixels < box.size.pixels:
        found.append(wording.reduced(box.size, passes[0][0].size))
    return found + place_notices(request, box)


def place_notices(request: PlanRequest, box: Box) -> list[Notice]:
    """About where the area lies."""
    found: list[Notice] = []
    source, canvas = rect_box(request.source), rect_box(request.canvas)
    selection = rect_box(request.selection) if request.mode in SELECTED else None
    if selection and canvas and not canvas.contains(selection):
        found.append(wording.notice("selection_cut"))
    if request.mode in SELECTED and source and not source.contains(box):
        found.append(wording.notice("beyond_source"))
    return found


def references_of(request: JobRequest, model: ModelInfo, registry: Registry) -> list[Reference]:
    """The pictures that are read with the prompt, with what reads them."""
    if request.mode is Mode.EDIT:
        return edit_references(request, model)
    return registry.ip_adapters.chosen(request, model)


def refuse_mode(mode: Mode) -> None:
    if mode in OF_A_SOURCE_ALONE:
        raise BadInput(
            "unsupported_mode",
            "There is nothing to plan for a map or a mask: it has its source's size.",
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
            details=field_error("sampler", "does not suit the model"),
        )


def _missing(field: str, what: str) -> BadInput:
    return BadInput(
        "bad_request",
        f"This mode needs “{field}”: {what}.",
        details=field_error(field, "is missing"),
    )


def _or(value: T | None, default: T) -> T:
    return default if value is None else value
