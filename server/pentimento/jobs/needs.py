"""Which installed files the jobs that wait or run are to be painted with."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from pentimento.core.errors import PentimentoError
from pentimento.jobs.admission import words_of_pictures
from pentimento.models.library.registry import Registry
from pentimento.schema.job import OF_A_SOURCE_ALONE, JobRequest, Mode


def needed(requests: Iterable[JobRequest], registry: Registry) -> set[Path]:
    """Models with their bases, LoRAs and embeddings (also those of prompts), ControlNets,
    IP-Adapters, VAEs, annotators. What a job names and is gone already needs no keeping."""
    return {path for request in requests for path in _of_one(request, registry)}


def _of_one(request: JobRequest, registry: Registry) -> Iterable[Path]:
    alone = request.mode in OF_A_SOURCE_ALONE
    if alone or not request.backend:  # a service draws its maps itself, or gets them finished
        with suppress(PentimentoError):
            yield from registry.annotators.places(request).values()
    if request.mode is Mode.UPSCALE:
        with suppress(PentimentoError):
            yield from registry.upscalers.places(request).values()
    if alone or request.backend or request.model is None:
        return
    with suppress(PentimentoError):
        model = registry.get(str(request.model))
        yield model.path
        if model.base:
            yield model.base
        yield from (file for _, file in model.parts)
    with suppress(PentimentoError):
        yield from registry.ip_adapters.places(request).values()
    with suppress(PentimentoError):
        yield from registry.addons.places(request).values()
    if request.vae:
        with suppress(PentimentoError):
            yield registry.vaes.get(request.vae).path
    with suppress(PentimentoError):
        pictures = words_of_pictures(request, registry)
        loras = {name for words in pictures for name, _ in words.loras}
        for name in loras:
            yield registry.addons.get("lora", name).path
        prompts = [prompt for words in pictures for prompt in words.prompts]
        model = registry.get(str(request.model))
        for embedding in registry.embeddings_named(prompts, model, loras):
            yield embedding.item.place.path
