"""How a picture fits into the sizes that a service takes, and where it is in what comes back. No
numpy.

A service's size seldom has the picture's aspect. The picture is scaled to lie whole within it, the
rest is padding: that is sent, and cut away from the answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pentimento.core.geometry import Box, Size
from pentimento.imaging.sizing import generation_size
from pentimento.services.records import Sizes


@dataclass(frozen=True, slots=True)
class ServiceFrame:
    """`size` is sent and asked for, `inner` the picture's part of it; both px of the service."""

    size: Size
    inner: Box

    @property
    def padded(self) -> bool:
        return self.inner.size != self.size


def frame(picture: Size, sizes: Sizes) -> ServiceFrame:
    """For a picture of that size."""
    if sizes.choices:
        chosen = min(sizes.allowed, key=lambda size: _waste(picture, size))
        return ServiceFrame(chosen, _within(picture, chosen))
    made = generation_size(picture, sizes)
    whole = _framed(made, sizes)
    if whole != made and whole.pixels > sizes.max_pixels:  # a strip: what is around it counts, too
        made = made.scaled(math.sqrt(sizes.max_pixels / whole.pixels))
        made = Size(_down(made.width, sizes.multiple), _down(made.height, sizes.multiple))
        whole = _framed(made, sizes)
    return ServiceFrame(
        whole, Box(0, 0, whole.width, whole.height).resized(made).clamp(_all(whole))
    )


def _framed(made: Size, sizes: Sizes) -> Size:
    """The size that holds it, with an aspect that is taken."""
    narrowest = _up(math.ceil(made.longest / sizes.max_aspect), sizes.multiple)
    return Size(max(made.width, narrowest), max(made.height, narrowest))


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


def _down(value: int, step: int) -> int:
    return max(value // step, 1) * step


def _up(value: int, step: int) -> int:
    return math.ceil(value / step) * step
