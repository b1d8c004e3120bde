"""Small pictures of what the model has in mind: the estimate, through a linear map to RGB or, where
one is there and quick, a tiny VAE.

The map costs 0.1 ms where a VAE costs several steps. A model's data sheet may bring one; else it
is fitted once on a colourful test picture.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, Protocol

import cv2
import numpy as np
from torch import Tensor
from torch.nn import functional

from pentimento.core.geometry import Box, Work
from pentimento.engine.sampling import latents as latent_space
from pentimento.imaging.canvas import Canvas
from pentimento.imaging.preview_jpeg import LONG_SIDE, jpeg
from pentimento.imaging.resize import resize

INTERVAL = 0.5  # s between two previews, except first and last
FIT_SIDE = 16  # latents
PATIENCE = 10  # previews may take 1/10 of the time at most


class Viewer(Protocol):
    def picture(self, latents: Tensor) -> np.ndarray:
        """`(1, c, h, w)` latents to `(h', w', 3)` uint8."""
        ...


class LatentRgb:
    """`matrix` (3, c) and `bias` (3,): latents to RGB in -1..1."""

    def __init__(self, matrix: np.ndarray, bias: np.ndarray) -> None:
        self._matrix, self._bias = matrix.astype(np.float32), bias.astype(np.float32)

    @classmethod
    def of(cls, sheet: dict[str, Any], vae: Callable[[], Any], factor: int) -> LatentRgb:
        """From the data sheet when it has the map; only else is the VAE asked for."""
        known = sheet.get("latent_rgb")
        if known:
            return cls(np.array(known["matrix"]), np.array(known["bias"]))
        return cls.fitted(vae(), factor)

    @classmethod
    def fitted(cls, vae: Any, factor: int) -> LatentRgb:
        """Least squares between encoded and downscaled pixels of one soft colourful picture."""
        small = np.random.default_rng(0).random((FIT_SIDE // 2, FIT_SIDE // 2, 3), np.float32)
        side = FIT_SIDE * factor
        picture = np.clip(cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC), 0, 1)
        encoded = latent_space.encode(vae, picture)[0].numpy()
        known = encoded.reshape(len(encoded), -1).T
        wanted = cv2.resize(picture, (FIT_SIDE, FIT_SIDE), interpolation=cv2.INTER_AREA)
        rows = np.concatenate([known, np.ones((len(known), 1), np.float32)], axis=1)
        solved = np.linalg.lstsq(rows, wanted.reshape(-1, 3) * 2 - 1, rcond=None)[0]
        return cls(solved[:-1].T, solved[-1])

    def picture(self, latents: Tensor) -> np.ndarray:
        """`(1, c, h, w)` latents to `(h, w, 3)` uint8."""
        values = latents[0].float().cpu().numpy()
        rgb = np.einsum("rc,chw->hwr", self._matrix, values) + self._bias
        rgb = np.nan_to_num(rgb, nan=0.0, posinf=1.0, neginf=-1.0)
        return np.clip(rgb * 127.5 + 127.5, 0, 255).astype(np.uint8)


class TinyVae:
    """Through a tiny VAE on whichever device it lies, from no more latents than a preview shows."""

    def __init__(self, vae: Any, factor: int) -> None:
        self._vae, self._most = vae, LONG_SIDE // factor  # latents a side

    def picture(self, latents: Tensor) -> np.ndarray:
        shrink = math.ceil(max(latents.shape[2:]) / self._most)
        fewer = functional.avg_pool2d(latents.float(), shrink, ceil_mode=True)
        made = latent_space.decode(self._vae, fewer)
        return (np.nan_to_num(made) * 255 + 0.5).astype(np.uint8)


class Growing:
    """A preview of a picture that is painted tile by tile, over what there was before."""

    def __init__(self, canvas: Canvas, work: Work) -> None:
        self._work, self._content = work, work.content
        self._scale = min(LONG_SIDE / work.size.longest, 1.0)
        small = work.size.scaled(self._scale)
        seen = canvas.seen(small)
        grey = np.full((small.height, small.width, 3), 0.5, np.float32)
        self._picture = grey if seen is None else seen.copy()

    def with_tile(self, box: Box, tile: np.ndarray) -> bytes:
        """As JPEG, with one more tile `(h, w, 3)` 0..1."""
        height, width = self._picture.shape[:2]
        small = box.scaled(self._scale, self._scale).intersect(Box(0, 0, width, height))
        if small:
            rows, columns = slice(small.y, small.bottom), slice(small.x, small.right)
            self._picture[rows, columns] = resize(tile, small.size)
        content = self._content.scaled(self._scale)
        shown = (self._picture[: content.height, : content.width] * 255 + 0.5).astype(np.uint8)
        return jpeg(shown, content.width, content.height)


class PreviewPace:
    """Says when the next preview is due: first and last step, and between them every INTERVAL, or
    more seldom where one takes long."""

    def __init__(self) -> None:
        self._last = 0.0
        self._interval = INTERVAL

    def due(self, step: int, steps: int) -> bool:
        now = time.monotonic()
        if 1 < step < steps and now - self._last < self._interval:
            return False
        self._last = now
        return True

    def made(self) -> None:
        """The preview that was due is there."""
        now = time.monotonic()
        self._interval = max(INTERVAL, PATIENCE * (now - self._last))
        self._last = now
