"""What an autoencoder does to a picture's colours on its way there and back, and how to undo it.

- `measure(source, returned) -> np.ndarray`: the slow part of the error
- `undo(generated, drift, share) -> np.ndarray`
"""

from __future__ import annotations

import cv2
import numpy as np

SMOOTHNESS = 1 / 24  # sigma as a share of the shorter side: colours, not details


def measure(source: np.ndarray, returned: np.ndarray) -> np.ndarray:
    """The blurred `source - returned`, both `(h, w, 3)` float 0..1."""
    sigma = max(1.0, min(source.shape[:2]) * SMOOTHNESS)
    error = source.astype(np.float32) - returned.astype(np.float32)
    return cv2.GaussianBlur(error, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)


def undo(generated: np.ndarray, drift: np.ndarray, share: np.ndarray | float) -> np.ndarray:
    """The generated picture with a share 0..1 of the drift taken off: all of it where the source
    shines through, nothing of it where the picture is new."""
    return np.clip(generated + drift * share, 0, 1).astype(np.float32)
