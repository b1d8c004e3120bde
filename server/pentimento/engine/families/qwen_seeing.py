"""Qwen 2.5 VL with its eyes open, as the pipelines of Qwen-Image-Edit call it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import BatchFeature

PICTURE = "<|image_pad|>"  # stands for a token of a picture


class Processor:
    """What transformers' own processor does with words and pictures; that one cannot be made
    without torchvision, which its part for videos needs."""

    def __init__(self, tokenizer: Any, eyes: Any) -> None:
        self._tokenizer, self._eyes = tokenizer, eyes

    def __call__(
        self, text: Sequence[str], images: Sequence[np.ndarray], **options: Any
    ) -> BatchFeature:
        """`images` are `(h, w, 3)` u8, in the order of their places in the one text."""
        seen = self._eyes(images=list(images), return_tensors="pt")
        first, *parts = text[0].split(PICTURE)
        counts = seen["image_grid_thw"].prod(1) // self._eyes.merge_size**2
        words = first + "".join(
            PICTURE * int(count) + part for count, part in zip(counts, parts, strict=True)
        )
        return BatchFeature({**self._tokenizer([words], **options), **seen})


class Seeing:
    """The encoder, told which tokens are of pictures. Without that, transformers 5 does not lay
    them out in two dimensions, as the model was trained (transformers 4 found out by itself)."""

    def __init__(self, encoder: Any) -> None:
        self._encoder = encoder
        self.dtype = encoder.dtype

    def __call__(self, input_ids: torch.Tensor, **options: Any) -> Any:
        of_pictures = input_ids == self._encoder.config.image_token_id
        return self._encoder(
            input_ids=input_ids, mm_token_type_ids=of_pictures.int(), logits_to_keep=1, **options
        )
