"""What is put on a denoiser for the steps of one picture, as a list: each conditioner is attached
and detached here and nowhere else, in the order of `Kind`.

- `Conditioner(kind, hold)`: `attach(denoiser, step)` and `detach()`
- `attached(conditioners, denoiser, step)`: all of them, whatever the order they are given in

Hooks see a denoiser's input in the order in which they were attached, so that the order decides who
sees what; it was a matter of nested blocks, and one of its faults a known defect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class Kind(IntEnum):
    """In the order in which they are attached. The comments say what the place is for."""

    IP_ADAPTER = 1  # replaces attentions: all that follows finds its own there
    SLICED_ATTENTION = 2  # only what is left of the ordinary attentions
    T2I_ADAPTER = 3  # reads its map; adds to what the UNet is given
    CONTROLNET = 4  # reads the noise alone: before tokens or channels are added to it
    REFERENCE_LATENTS = 5  # tokens behind the noise, and room for them in what ControlNets found
    MASK_LATENTS = 6  # channels of an inpainting model, which nothing before it may see
    TILES = 7  # replaces the call itself: each tile passes by what is inside of it
    STOP = 8  # looks at the flag before each block, also those that others brought


@dataclass(frozen=True, slots=True)
class Steps:
    """Which step is being computed, of how many."""

    current: Callable[[], int]
    count: int


Hold = Callable[[Any, Steps], AbstractContextManager[None]]


class Conditioner:
    """`hold` puts it on a denoiser and gives what takes it off again."""

    def __init__(self, kind: Kind, hold: Hold) -> None:
        self.kind = kind
        self._hold = hold
        self._held: ExitStack | None = None

    def attach(self, denoiser: Any, step: Steps) -> None:
        """Nothing stays of it where this fails."""
        if self._held is not None:
            raise RuntimeError(f"{self.kind.name} is attached already")
        with ExitStack() as stack:
            stack.enter_context(self._hold(denoiser, step))
            self._held = stack.pop_all()

    def detach(self) -> None:
        """The denoiser is as it was before. Nothing happens where it was not attached."""
        held, self._held = self._held, None
        if held is not None:
            held.close()


@contextmanager
def attached(conditioners: Sequence[Conditioner], denoiser: Any, step: Steps) -> Iterator[None]:
    """While inside, all of them are at work. Raises ValueError for two of one kind."""
    ordered = sorted(conditioners, key=lambda one: one.kind)
    if len({one.kind for one in ordered}) < len(ordered):
        raise ValueError("two conditioners of one kind")
    with ExitStack() as stack:
        for one in ordered:
            stack.callback(one.detach)
            one.attach(denoiser, step)
        yield
