"""Editing by instruction: the denoiser reads the source, and further pictures, beside the noise.

Their latents are tokens behind those of the noise. A picture begins with pure noise and is painted
by the family's own text-to-image pipeline; two hooks on the denoiser add the tokens to what it gets
and cut them off what it answers. Hooks see the inputs in the order in which they were registered:
whoever needs the noise alone (ControlNets) has to register before `reading`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from pentimento.core.geometry import Size
from pentimento.engine.architectures.base import FamilyAdapter
from pentimento.imaging import decode, model_input, pixels
from pentimento.imaging.canvas import Canvas
from pentimento.models.tables.architectures import EDITS
from pentimento.schema.job import Reference
from pentimento.schema.task import PixelFile

RESIDUALS = ("controlnet_block_samples", "controlnet_single_block_samples")


@dataclass(frozen=True, slots=True)
class Pictures:
    """What an instruction speaks of: the source, and further pictures."""

    editing: str  # a name of EDITS
    canvas: Canvas
    references: Sequence[Reference]
    files: dict[str, PixelFile]

    def encoded(self) -> list[np.ndarray]:
        """`(h, w, 3)` float32 0..1 of each, at the size that the VAE reads it at."""
        way = EDITS[self.editing]
        at = (lambda _: self.canvas.generation) if way.aligned else way.encoded
        return self._at(at, way.encoded)

    def looked_at(self) -> list[np.ndarray]:
        """`(h, w, 3)` u8 of each, as the text encoder sees it; none where it reads words only."""
        way = EDITS[self.editing]
        seen = self._at(way.looked_at, way.looked_at) if way.looked_at else []
        return [pixels.to_depth(picture, np.uint8) for picture in seen]

    def _at(self, source: Callable[[Size], Size], others: Callable[[Size], Size]) -> list[Any]:
        first = self.canvas.seen(source(self.canvas.size))
        further = [decode.load(self.files[one.image.blob]) for one in self.references]
        sizes = [Size(picture.shape[1], picture.shape[0]) for picture in further]
        return [
            first,
            *(
                model_input.model_rgb(p, others(size))
                for p, size in zip(further, sizes, strict=True)
            ),
        ]


@contextmanager
def reference_latents_appended(
    denoiser: nn.Module, family: FamilyAdapter, pictures: Sequence[Tensor]
) -> Iterator[None]:
    """Appends the reference images' tokens to the denoiser's input, and drops them from its output,
    for the duration of the block."""
    if not pictures:
        yield
        return
    noise = 0  # tokens

    def add(_: nn.Module, positional: Any, named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        nonlocal noise
        noise = named["hidden_states"].shape[1]
        found = family.shown(named, pictures)
        more = found["hidden_states"].shape[1] - noise
        steered = {name: named[name] for name in RESIDUALS if named.get(name)}
        return positional, found | {name: _longer(values, more) for name, values in steered.items()}

    def cut(_: nn.Module, __: Any, answer: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return answer[0][:, :noise], *answer[1:]

    with (
        denoiser.register_forward_pre_hook(add, with_kwargs=True),
        denoiser.register_forward_hook(cut),
    ):
        yield


def _longer(residuals: Sequence[Tensor], more: int) -> list[Tensor]:
    """What ControlNets found for the noise, and nothing for the pictures behind it."""
    return [functional.pad(one, (0, 0, 0, more)) for one in residuals]
