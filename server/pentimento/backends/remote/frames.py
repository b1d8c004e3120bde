"""How a picture fits into the sizes that a service takes, and where it is in what comes back. No
numpy.

A service's size seldom has the picture's aspect. The picture is scaled to lie whole within it, the
rest is padding: that is sent, and cut away from the answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pentimento.backends.remote.services import Sizes
from pentimento.imaging.geometry import Box, Size
from pentimento.imaging.sizing import generation_size


@dataclass(frozen=True, slots=True)
class Frame:
    """`size` is sent and asked for, `inner` the picture's part of it; both px of the service."""

    size: Size
    inner: Box

    @property
    def padded(self) -> bool:
        return self.inner.size != self.size


def frame(picture: Size, sizes: Sizes) -> Frame:
    """For a picture of that size."""
    if sizes.choices:
        chosen = min(sizes.allowed, key=lambda size: _waste(picture, size))
        return Frame(chosen, _within(picture, chosen))
    made = generation_size(picture, sizes)
    narrowest = _up(math.ceil(made.longest / sizes.max_aspect), sizes.multiple)
    whole = Size(max(made.width, narrowest), max(made.height, narrowest))
    return Frame(whole, Box(0, 0, whole.width, whole.height).resized(made).clamp(_all(whole)))


def _waste(picture: Size, size: Size) -> float:
    """The share of `size` that would be padding, and a little for not being the larger one."""
    inner = _within(picture, size)
    return 1 - inner.size.pixels / size.pixels - 1e-9 * size.pixels


def _within(picture: Size, size: Size) -> Box:
    factor = min(size.width / picture.width, size.height / picture.height)
    scaled = picture.scaled(factor)
    fitting = Size(min(scaled.width, size.width), min(scaled.height, size.height))
    return _all(size).resized(fitting)


def _all(size: Size) -> Box:
    return Box(0, 0, size.width, size.height)


def _up(value: int, step: int) -> int:
    return math.ceil(value / step) * step
