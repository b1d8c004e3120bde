"""Random boxes, sizes, model limits and pictures for the property tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from pentimento.core.geometry import Box, Size


@dataclass(frozen=True)
class Limits:
    native_size: int
    multiple: int
    min_size: int
    max_pixels: int
    whole_pixels: int = 0


STARTER = Limits(256, 32, 128, 786_432)
SD15 = Limits(512, 16, 256, 589_824)
SDXL = Limits(1024, 16, 512, 1_835_008)
TINY = Limits(64, 16, 32, 16_384)
LARGE = Limits(128, 32, 64, 36_864, 300_000)  # refines larger pictures than it lays out
MODELS = {"starter": STARTER, "sd15": SD15, "sdxl": SDXL, "tiny": TINY, "large": LARGE}

limits = st.sampled_from(list(MODELS.values()))
sides = st.integers(1, 5000)
sizes = st.builds(Size, sides, sides)
boxes = st.builds(Box, st.integers(-3000, 3000), st.integers(-3000, 3000), sides, sides)

DEPTHS = (np.uint8, np.uint16, np.float32)


def picture(depth: type, seed: int, height: int = 23, width: int = 31) -> np.ndarray:
    """`(h, w, 4)` noise in that depth; float pictures also have values outside 0..1."""
    random = np.random.default_rng(seed)
    if depth is np.float32:
        values = random.uniform(-0.5, 1.5, (height, width, 4)).astype(np.float32)
        values[..., 3] = np.clip(values[..., 3], 0, 1)
        return values
    return random.integers(0, np.iinfo(depth).max, (height, width, 4), depth, endpoint=True)


def mask(seed: int, height: int = 23, width: int = 31) -> np.ndarray:
    """`(h, w)` u8 with many zeros, many full values and soft ones between."""
    random = np.random.default_rng(seed)
    values = random.integers(-200, 456, (height, width))
    return np.clip(values, 0, 255).astype(np.uint8)
