"""The words of each picture of a job: what its prompts' templates draw for its seed. No numpy.

- `of_pictures(request, registry) -> tuple[Words, ...]` of a resolved request
"""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache

from pentimento.backends.base import Words
from pentimento.errors import BadInput
from pentimento.jobs import addons, prompt_loras
from pentimento.jobs.record import JobRequest, Mode
from pentimento.models import Registry
from pentimento.prompting import lora_tags, templates
from pentimento.prompting.templates import Lines, Template


def of_pictures(request: JobRequest, registry: Registry) -> tuple[Words, ...]:
    """One for each picture, in their order; none for a job that only draws a map.

    The same seed gives the same words, as long as the files it draws from stay the same. Raises
    NotFound for unknown wildcards and LoRAs, BadInput and TooLarge for what cannot be drawn.
    """
    if request.mode is Mode.PREPROCESS:
        return ()
    lines = cache(registry.wildcards.lines)
    drawn = _Drawn(request, lines)
    pictures = [drawn.for_seed(int(request.seed or 0) + n) for n in range(request.count)]
    found = tuple(_with_loras(words, request, registry) for words in pictures)
    if request.backend is None:
        prompts = [prompt for words in found for prompt in words.prompts]
        registry.embeddings.named(prompts, registry.get(str(request.model)))
    return found


class _Drawn:
    """The templates of a request; what they draw from is there, or NotFound is raised."""

    def __init__(self, request: JobRequest, lines: Lines) -> None:
        self._lines = lines
        self._listed = tuple((lora.id, lora.weight) for lora in request.loras)
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
    prompt, tags = lora_tags.cut(words.prompt)
    regions = [lora_tags.cut(region) for region in words.regions]
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
    loras = prompt_loras.with_tags(request.loras, tags, model, registry)
    addons.check_loras(request.model_copy(update={"loras": loras}), model, registry)
    told = tuple((lora.id, lora.weight) for lora in loras)
    return replace(words, prompt=prompt, regions=tuple(text for text, _ in regions), loras=told)
