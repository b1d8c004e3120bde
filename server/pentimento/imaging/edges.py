"""Edges of a picture as white lines on black: what a canny ControlNet is steered by."""

from __future__ import annotations

import cv2
import numpy as np

LOW, HIGH = 100.0, 200.0  # thresholds on the gradient of 8-bit values, as ControlNets learned them


def canny(picture: np.ndarray, low: float = LOW, high: float = HIGH) -> np.ndarray:
    """`(h, w)` u8, 255 on an edge, of an `(h, w, 1|3|4)` u8 picture (J. Canny 1986).

    Gradients above `high` are edges, those above `low` only where they continue one.
    """
    if picture.shape[2] == 1:
        grey = np.ascontiguousarray(picture[..., 0])
    else:
        grey = cv2.cvtColor(np.ascontiguousarray(picture[..., :3]), cv2.COLOR_RGB2GRAY)
    return cv2.Canny(grey, min(low, high), max(low, high))
