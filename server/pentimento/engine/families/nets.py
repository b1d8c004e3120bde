"""How ControlNets steer transformers. A net reads what the transformer is called with, and a map;
what it finds is added to what the transformer's blocks find.

What differs between families is one small class each, in `*_nets.py` beside the family's adapter.
The pipeline is the family's own for text to image, so nets work in every mode.
"""

from __future__ import annotations

import functools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pentimento.engine import latents

Call = dict[str, Any]  # a transformer's inputs by name


@dataclass(frozen=True, slots=True)
class Seen:
    """A net at work in one step. `hint` is what `Nets.hint` made of its map, `kind` the map's."""

    net: Any
    hint: Tensor
    kind: str
    weight: float


class Nets(ABC):
    """Of one family."""

    latents: str  # the name of the latents among the inputs
    positional: tuple[str, ...] = ()  # names of the inputs that the pipeline gives without one
    once = False  # what a net found for the prompt counts for the negative prompt too

    def hint(self, config: Mapping[str, Any], vae: Any, picture: np.ndarray) -> Tensor:
        """What a net of this config reads of an `(h, w, 3)` float32 0..1 map, found once for a job:
        its latents `(1, c, h / f, w / f)`."""
        return latents.encode(vae, picture)

    @abstractmethod
    def added(self, transformer: Any, seen: Sequence[Seen], call: Call, guidance: float) -> Call:
        """More inputs for this call of the transformer."""

    def bound(self, net: Any, transformer: Any) -> AbstractContextManager[None]:
        """While inside, the net has what it shares with the transformer."""
        return nullcontext()


Place = Callable[[int, int, int], int]  # block, blocks, residuals -> which residual it gets


def by_ceiling(block: int, blocks: int, residuals: int) -> int:
    return block // math.ceil(blocks / residuals)


def by_share(block: int, blocks: int, residuals: int) -> int:
    return int(block / (blocks / residuals))


def in_turn(block: int, blocks: int, residuals: int) -> int:
    return block % residuals


@dataclass(frozen=True, slots=True)
class Residuals:
    """What one net adds, from the first layer to the last."""

    found: Sequence[Tensor]
    place: Place


def summed(several: Sequence[Residuals], blocks: int) -> list[Tensor] | None:
    """One for each block of the transformer, so that nets of different depth add up. Blocks that
    get the same share it. None where there is nothing."""
    counting = [one for one in several if one.found]
    if not counting or not blocks:
        return None
    made: dict[tuple[int, ...], Tensor] = {}
    for block in range(blocks):
        key = _places(counting, block, blocks)
        if key not in made:
            parts = [one.found[place] for one, place in zip(counting, key, strict=True)]
            made[key] = functools.reduce(torch.add, parts)
    return [made[_places(counting, block, blocks)] for block in range(blocks)]


def _places(several: Sequence[Residuals], block: int, blocks: int) -> tuple[int, ...]:
    return tuple(one.place(block, blocks, len(one.found)) for one in several)


def for_all(hint: Tensor, sample: Tensor) -> Tensor:
    """The hint for every picture of a batch, guidance included, where and as `sample` is."""
    return hint.to(sample).expand(len(sample), *hint.shape[1:])


def lend(part: nn.Module | nn.Parameter, device: torch.device) -> None:
    """Parts of a transformer that works from RAM are on the device only while it computes; a net
    needs some before. The transformer itself takes them back afterwards."""
    held = [*part.parameters(), *part.buffers()] if isinstance(part, nn.Module) else [part]
    for weight in held:
        if weight.device != device:
            weight.data = weight.data.to(device)
