"""The network of the upscaler that comes along: convolutions at the small size, and one shuffle.

It is SRVGGNetCompact (Wang et al. 2021, Real-ESRGAN), whose files other programs read as "Compact":
a row of 3 x 3 convolutions with PReLUs learns what is missing in the picture enlarged by repeating
its pixels. No norm layers, so that a tile's size makes no difference to a pixel.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Compact(nn.Module):
    """`(n, 3, h, w)` float 0..1 -> `(n, 3, h * scale, w * scale)`, not clipped."""

    def __init__(self, scale: int, features: int, layers: int) -> None:
        super().__init__()
        self.scale = scale
        found: list[nn.Module] = [nn.Conv2d(3, features, 3, padding=1), nn.PReLU(features)]
        for _ in range(layers):
            found += [nn.Conv2d(features, features, 3, padding=1), nn.PReLU(features)]
        found.append(nn.Conv2d(features, 3 * scale * scale, 3, padding=1))
        self.body = nn.Sequential(*found)

    @property
    def reach(self) -> int:
        """px of the small picture around a pixel that it is made of."""
        return sum(isinstance(layer, nn.Conv2d) for layer in self.body)

    def forward(self, picture: Tensor) -> Tensor:
        missing = F.pixel_shuffle(self.body(picture), self.scale)
        return missing + F.interpolate(picture, scale_factor=self.scale, mode="nearest")
