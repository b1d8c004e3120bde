"""Everything that is installed, as GET /v1/models answers it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Protocol, TypeVar

from pentimento.models.library.model import ModelInfo
from pentimento.models.library.registry import Registry
from pentimento.schema.answers import Models

T = TypeVar("T", covariant=True)
E = TypeVar("E")


class Listed(Protocol[T]):
    """What can be added to models."""

    def answer(self, models: Sequence[ModelInfo]) -> T: ...


def everything(registry: Registry) -> Models:
    """One snapshot. What did not change since the last call is not made anew: read-only."""
    registry = registry.snapshot(whole=True)
    found, addons = tuple(registry.list()), registry.addons

    def entries(name: str, parts: Sequence[Listed[E]]) -> list[E]:
        made = partial(_entries, parts, found)
        return registry.derived(("entries", name), (found, tuple(parts)), made)

    return Models.model_construct(
        models=[info.answer() for info in found],
        controlnets=entries("controlnets", addons.of("controlnet")),
        loras=entries("loras", addons.of("lora")),
        embeddings=entries("embeddings", registry.embeddings.list()),
        upscalers=entries("upscalers", registry.upscalers.list()),
        ip_adapters=entries("ip_adapters", registry.ip_adapters.list()),
        vaes=entries("vaes", registry.vaes.list()),
        wildcards=registry.wildcards.names(),
    )


def _entries(parts: Sequence[Listed[E]], models: Sequence[ModelInfo]) -> list[E]:
    return [part.answer(models) for part in parts]
