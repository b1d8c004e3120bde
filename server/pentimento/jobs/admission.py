"""Whether a job is taken: defaults filled in, prompts' templates drawn for each picture's seed,
pictures there and of fitting sizes, room on disk. No numpy."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from pentimento.core import files
from pentimento.core.errors import BadInput, field_error
from pentimento.core.geometry import Size
from pentimento.jobs import plan, remote_plan, resolve
from pentimento.jobs.blobs import Blobs
from pentimento.jobs.styles import Styles, applied
from pentimento.models.library.parts.annotator import BY_ARITHMETIC
from pentimento.models.library.registry import Registry
from pentimento.prompts import syntax, templates
from pentimento.prompts.templates import Lines, Template
from pentimento.schema.job import GRABCUT, OF_A_SOURCE_ALONE, JobRequest, Mode, PixelFormat
from pentimento.schema.task import PixelFile, Words
from pentimento.services.terms import Remotes

KEY_LENGTH = 128
LAYERS = 3  # that a job of the mode harmonize makes
MOST_STAGES = 24  # pictures that observing adds to a job, besides the steps that are asked for


@dataclass(frozen=True, slots=True)
class Admitted:
    """`request` has nothing left to choose; `inputs` maps blob id to file."""

    request: JobRequest
    inputs: dict[str, PixelFile]
    style: str | None = None  # that the request was filled in from

    @property
    def changes_nothing(self) -> bool:
        return self.request.source is not None and self.request.strength == 0

    @property
    def needs_engine(self) -> bool:
        """Whether more than the front is needed for it."""
        if self.request.mode is Mode.PREPROCESS:
            return self.request.controls[0].type not in BY_ARITHMETIC
        if self.request.mode is Mode.SELECT:
            return self.request.model != GRABCUT
        if self.request.mode is Mode.HARMONIZE:
            return False
        return not self.changes_nothing


class Admission:
    def __init__(
        self, registry: Registry, blobs: Blobs, remotes: Remotes, data_dir: Path, reserve: int
    ) -> None:
        self._registry = registry
        self._remotes = remotes
        self._blobs = blobs
        self._data_dir = data_dir
        self._reserve = reserve
        self.styles = Styles(data_dir)

    def at_once(self, service: str) -> int:
        """How many jobs may run at a service beside each other."""
        return self._remotes.terms(service).at_once

    async def admit(self, request: JobRequest) -> Admitted:
        """Raises BadInput, TooLarge, NotFound or disk_full for a job that is not taken, and
        a service's problem where it may not be used."""
        inputs = await self.inputs(request)
        settled = await asyncio.to_thread(settle, request, inputs, self.styles, self._resolve)
        await self.words(settled.request)
        await asyncio.to_thread(check_space, settled, self._data_dir, self._reserve)
        return settled

    async def inputs(self, request: JobRequest) -> dict[str, PixelFile]:
        """The pictures of a request; their blobs live on from now."""
        wanted = {picture.blob for picture in request.pictures()}
        return {blob_id: self._blobs.file(await self._blobs.get(blob_id)) for blob_id in wanted}

    async def words(self, request: JobRequest) -> tuple[Words, ...]:
        """Of each picture of a resolved request. Raises as `words.of_pictures`."""
        return await asyncio.to_thread(words_of_pictures, request, self._registry)

    def _resolve(self, request: JobRequest, size: Size | None) -> JobRequest:
        if request.backend and request.mode not in (*OF_A_SOURCE_ALONE, Mode.UPSCALE):
            return remote_plan.resolve(request, self._remotes, size)
        return plan.resolve(request, self._registry, size)


def settle(
    request: JobRequest,
    inputs: dict[str, PixelFile],
    styles: Styles,
    resolve: Callable[[JobRequest, Size | None], JobRequest],
) -> Admitted:
    """A job with its style applied and every default filled in by `resolve`, which gets the size of
    the source: the one way in, for the server's jobs and for those of the shell without it."""
    size = check_inputs(request, inputs)
    return Admitted(resolve(applied(request, styles), size), inputs, request.style)


def check_space(admitted: Admitted, folder: Path, reserve: int) -> None:
    """Raises disk_full where the job's results would leave less than `reserve` bytes free."""
    request = admitted.request
    source = admitted.inputs[request.source.blob] if request.source else None
    width = source.width if source else request.width or 1
    height = source.height if source else request.height or 1
    format = (source.format if source else None) or PixelFormat.RGBA_U8
    width, height = (round(side * (request.scale or 1)) for side in (width, height))
    if request.expand:
        width += request.expand.left + request.expand.right
        height += request.expand.top + request.expand.bottom
    shown = len(request.observe_steps) + MOST_STAGES if request.observe else 0
    made = LAYERS if request.mode is Mode.HARMONIZE else request.count
    need = width * height * format.bytes_per_pixel * (made + shown)
    files.require_space(folder, need, reserve)


def check_inputs(request: JobRequest, inputs: dict[str, PixelFile]) -> Size | None:
    """The source's size, if there is one. Raises BadInput where pictures do not lie on it."""
    source = inputs[request.source.blob] if request.source else None
    size = Size(source.width, source.height) if source else None
    if request.mask and size:
        _check_mask(inputs[request.mask.blob], size)
    _check_sizes(request, inputs, size)
    return size


def check_key(key: str | None) -> str | None:
    """An idempotency key that can be kept; None for none."""
    if key is None or (0 < len(key) <= KEY_LENGTH and key.isascii() and key.isprintable()):
        return key
    message = f"must be 1 to {KEY_LENGTH} printable ASCII characters"
    raise BadInput(
        "bad_request",
        f"The Idempotency-Key {message}.",
        details=field_error("Idempotency-Key", message),
    )


def body_hash(request: JobRequest) -> str:
    """Equal for requests that mean the same, however they were written."""
    canonical = json.dumps(request.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _check_mask(mask: PixelFile, size: Size) -> None:
    if (mask.width, mask.height) != (size.width, size.height):
        raise BadInput(
            "size_mismatch",
            f"The mask is {mask.width} × {mask.height} px, its source {size}.",
            "Send a mask of the same size as the source.",
        )


def _check_sizes(request: JobRequest, inputs: dict[str, PixelFile], size: Size | None) -> None:
    """Pictures for controls and regions lie over the whole source, or over the whole result."""
    if size is None and request.width and request.height:
        size = Size(request.width, request.height)
    pictures = [(control.image, "A control picture") for control in request.controls]
    pictures += [(region.mask, "A region's mask") for region in request.regions]
    pictures += [(request.target, "The target")]
    for picture, what in pictures:
        if picture is None or size is None:
            continue
        file = inputs[picture.blob]
        if (file.width, file.height) != (size.width, size.height):
            raise BadInput(
                "size_mismatch",
                f"{what} is {file.width} × {file.height} px, the job {size}.",
                "Send one of the same size.",
            )


def words_of_pictures(request: JobRequest, registry: Registry) -> tuple[Words, ...]:
    """One for each picture, in their order; none for a job that only draws a map.

    The same seed gives the same words, as long as the files it draws from stay the same. Raises
    NotFound for unknown wildcards and LoRAs, BadInput and TooLarge for what cannot be drawn.
    """
    if request.mode in OF_A_SOURCE_ALONE or (request.model is None and request.backend is None):
        return ()
    registry = registry.snapshot(whole=True)
    lines = cache(registry.wildcards.lines)
    drawn = _Drawn(request, lines)
    pictures = [drawn.for_seed(int(request.seed or 0) + n) for n in range(request.count)]
    found = tuple(_with_loras(words, request, registry) for words in pictures)
    if request.backend is None:
        prompts = [prompt for words in found for prompt in words.prompts]
        loras = dict.fromkeys(name for words in found for name, _ in words.loras)
        registry.embeddings_named(prompts, registry.get(str(request.model)), loras)
    return found


class _Drawn:
    """The templates of a request; what they draw from is there, or NotFound is raised."""

    def __init__(self, request: JobRequest, lines: Lines) -> None:
        self._lines = lines
        self._listed = tuple((lora.id, lora.set_weight) for lora in request.loras)
        self._prompt = self._parsed(request.prompt)
        self._negative = self._parsed(request.negative_prompt)
        self._regions = [self._parsed(region.prompt) for region in request.regions]

    def for_seed(self, seed: int) -> Words:
        """Each prompt draws from random numbers of its own, so that none changes another's."""
        return Words(
            self._expanded(self._prompt, f"{seed} prompt"),
            self._expanded(self._negative, f"{seed} negative prompt"),
            tuple(
                self._expanded(region, f"{seed} region {number}")
                for number, region in enumerate(self._regions)
            ),
            self._listed,
        )

    def _parsed(self, prompt: str) -> Template:
        found = templates.parse(prompt)
        for name in sorted(found.names):
            self._lines(name)
        return found

    def _expanded(self, template: Template, stream: str) -> str:
        """`random.random` of a text gives the same numbers on every machine."""
        return templates.expand(template, random.Random(stream).random, self._lines)


def _with_loras(words: Words, request: JobRequest, registry: Registry) -> Words:
    """The LoRAs that were drawn, taken out of the words."""
    prompt, tags = syntax.cut_lora_tags(words.prompt)
    regions = [syntax.cut_lora_tags(region) for region in words.regions]
    tags += [tag for _, found in regions for tag in found]
    if not tags:
        return words
    if request.backend:
        raise BadInput(
            "unsupported",
            "LoRAs of this machine cannot be used at a service, and the prompt draws one.",
            "Leave it out, or run the job on this machine.",
        )
    model = registry.get(str(request.model))
    loras = resolve.with_tags(request.loras, tags, model, registry)
    loras = resolve.chosen_loras(request.model_copy(update={"loras": loras}), model, registry)
    told = tuple((lora.id, lora.set_weight) for lora in loras)
    return replace(words, prompt=prompt, regions=tuple(text for text, _ in regions), loras=told)
