"""Regions: areas of a picture that have prompts of their own, for every family of models.

In each step the model predicts once for the prompt of the whole and once for each region's, and
the predictions are mixed by the areas (as MultiDiffusion does it, Bar-Tal et al. 2023). So a
picture takes as many times as long as it has prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from pentimento.core.geometry import Size
from pentimento.engine.architectures.base import Embeddings
from pentimento.engine.sampling.samplers import Evaluation
from pentimento.imaging import bands
from pentimento.schema.job import Region
from pentimento.schema.task import PixelFile

# latents as the sampler has them, prompt -> what the model predicts; all (1, c, h, w)
Predict = Callable[[Evaluation, Tensor, Embeddings], Tensor]


@dataclass(frozen=True, slots=True)
class Area:
    """`share` is `(1, 1, h, w)` 0..1 in latents: how much this prompt counts at each place."""

    embeddings: Embeddings
    share: Tensor


def areas(
    regions: Sequence[Region],
    files: dict[str, PixelFile],
    size: Size,
    laid: Callable[[np.ndarray], np.ndarray],
    embed: Callable[[str], Embeddings],
) -> list[Area]:
    """Of every region that is somewhere; `size` in latents. `laid` brings a mask of the job to
    what the model works on. Where regions lie over one another they share the place; what they
    leave is the prompt of the whole."""
    masks = [
        region.weight * _latent_mask(laid(_mask(files[region.mask.blob])), size)
        for region in regions
    ]
    crowd = np.maximum(sum(masks, np.zeros((size.height, size.width), np.float32)), 1)
    return [
        Area(embed(region.prompt), torch.from_numpy(np.float32(mask / crowd))[None, None])
        for region, mask in zip(regions, masks, strict=True)
        if mask.any()
    ]


def _mask(file: PixelFile) -> np.ndarray:
    return bands.load_mask(file).astype(np.float32) / 255


def _latent_mask(mask: np.ndarray, size: Size) -> np.ndarray:
    """`(size.height, size.width)` float32 0..1: soft where a latent is covered in part."""
    smaller = (size.width, size.height)
    return np.asarray(cv2.resize(mask, smaller, interpolation=cv2.INTER_AREA), np.float32)


class Mixture:
    """Mixes the predictions of one picture."""

    def __init__(self, areas: Sequence[Area], predict: Predict) -> None:
        self._areas, self._predict = areas, predict
        self._rest = 1 - sum((area.share for area in areas), torch.zeros(1))

    def __call__(self, call: Evaluation, latents: Tensor, whole: Tensor) -> Tensor:
        """`whole` is what the model predicts for the prompt of the whole."""
        mixed = whole * self._rest.to(whole.device)
        for area in self._areas:
            found = self._predict(call, latents, area.embeddings)
            mixed = mixed + found * area.share.to(whole.device)
        return mixed
