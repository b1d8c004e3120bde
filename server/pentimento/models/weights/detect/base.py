"""What the rows of the table are given, and what they answer."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass

from pentimento.models.weights.header import Shape, TensorEntry
from pentimento.schema.vocabulary import ModelRole

CONTEXT_FAMILIES = {768: "sd15", 1024: "sd2", 2048: "sdxl"}  # UNets, by their prompts' width
FOUR_CHANNELS = ("sd15", "sd2", "sdxl")  # families whose VAEs have the same shapes
SIXTEEN_CHANNELS = ("sd3", "flux", "z-image", "chroma")


@dataclass(frozen=True, slots=True)
class Found:
    """What a row says; the fields are those of `recognise.Recognised`."""

    role: ModelRole
    families: tuple[str, ...] = ()
    variant: str = ""
    layout: str = ""
    parts: tuple[str, ...] = ()
    context_dim: int | None = None
    width: int | None = None
    in_channels: int | None = None
    latent_channels: int | None = None
    not_computed: tuple[str, ...] = ()
    token_width: int | None = None


class Weights:
    """Names and shapes of a file, or of a part of it without the part's prefix."""

    def __init__(
        self, tensors: Mapping[str, TensorEntry], prefix: str = "", names: list[str] | None = None
    ) -> None:
        self._tensors = tensors
        self._sorted = sorted(tensors) if names is None else names
        self.prefix = prefix

    def __contains__(self, name: str) -> bool:
        return self.prefix + name in self._tensors

    def __len__(self) -> int:
        return len(self._tensors)

    def shape(self, name: str) -> Shape:
        """`()` where there is no such weight."""
        entry = self._tensors.get(self.prefix + name)
        return entry.shape if entry else ()

    def side(self, name: str, place: int) -> int | None:
        shape = self.shape(name)
        return shape[place] if len(shape) > place else None

    def has(self, *names: str) -> bool:
        return all(name in self for name in names)

    def starts(self, start: str) -> bool:
        """Whether the name of any weight of this part begins so."""
        start = self.prefix + start
        place = bisect_left(self._sorted, start)
        return place < len(self._sorted) and self._sorted[place].startswith(start)

    def ending(self, end: str) -> Shape:
        """Shape of the first weight whose name ends so and lies in this part."""
        for name, entry in self._tensors.items():
            if name.endswith(end) and name.startswith(self.prefix):
                return entry.shape
        return ()

    def under(self, prefixes: tuple[str, ...]) -> list[Weights]:
        """The file itself and each of the parts that it has."""
        there = [prefix for prefix in prefixes if self.starts(prefix)]
        return [self, *(Weights(self._tensors, prefix, self._sorted) for prefix in there)]

    def only(self) -> tuple[str, Shape] | None:
        """The one weight of a file that has no other."""
        if len(self._tensors) != 1:
            return None
        name, entry = next(iter(self._tensors.items()))
        return name, entry.shape
