"""The small JPEG that shows a job while it runs, whoever paints."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

LONG_SIDE = 512  # px
QUALITY = 80


def jpeg(picture: np.ndarray, width: int, height: int) -> bytes:
    """The u8 picture in the proportions of width : height, its long side at most LONG_SIDE."""
    scale = min(LONG_SIDE / max(width, height), 1.0)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    buffer = io.BytesIO()
    Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC).save(
        buffer, "JPEG", quality=QUALITY
    )
    return buffer.getvalue()
