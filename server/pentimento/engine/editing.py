"""Editing by instruction: the denoiser reads the source, and further pictures, beside the noise.

Their latents are tokens behind those of the noise. A picture begins with pure noise and is painted
by the family's own text-to-image pipeline; two hooks on the denoiser add the tokens to what it gets
and cut them off what it answers. Hooks see the inputs in the order in which they were registered:
whoever needs the noise alone (ControlNets) has to register before `reading`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from torch import Tensor, nn

from pentimento.backends.base import PixelFile
from pentimento.engine.families.base import Family
from pentimento.engine.pictures import Canvas
from pentimento.imaging import pixels
from pentimento.imaging.geometry import Size
from pentimento.jobs.record import Reference
from pentimento.models.families import Editing

Encode = Callable[[np.ndarray], Tensor]  # (h, w, 3) float32 0..1 -> (1, c, h, w) latents


def shown(
    editing: Editing,
    canvas: Canvas,
    references: Sequence[Reference],
    files: dict[str, PixelFile],
    encode: Encode,
) -> list[Tensor]:
    """Latents of the source and of every reference, each at the size that the model reads it at."""
    size = canvas.generation if editing.aligned else editing.encoded(canvas.size)
    source = canvas.seen(size)
    assert source is not None, "an edit has a source"
    pictures = [pixels.load(files[reference.image.blob]) for reference in references]
    return [encode(source), *(encode(_at_its_size(editing, picture)) for picture in pictures)]


def _at_its_size(editing: Editing, picture: np.ndarray) -> np.ndarray:
    own = Size(picture.shape[1], picture.shape[0])
    return pixels.model_rgb(picture, editing.encoded(own))


@contextmanager
def reading(denoiser: nn.Module, family: Family, pictures: Sequence[Tensor]) -> Iterator[None]:
    """While inside, the denoiser reads these pictures' latents beside whatever it is given."""
    if not pictures:
        yield
        return
    noise = 0  # tokens

    def add(_: nn.Module, positional: Any, named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        nonlocal noise
        noise = named["hidden_states"].shape[1]
        return positional, family.shown(named, pictures)

    def cut(_: nn.Module, __: Any, answer: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return answer[0][:, :noise], *answer[1:]

    hooks = [
        denoiser.register_forward_pre_hook(add, with_kwargs=True),
        denoiser.register_forward_hook(cut),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
