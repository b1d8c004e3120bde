"""Maps for ControlNets, drawn from a picture by arithmetic alone: light on black, or colours.

- `DRAWERS[type](rgb, low, high) -> np.ndarray`: `(h, w, 3)` u8 of an `(h, w, 3)` u8 picture
- `draw(type, rgb, low, high)`: the same, large pictures at a size that models can use
- `normals(depth) -> np.ndarray`: directions of surfaces from a depth map

The lines follow what the ControlNets were trained on (L. Zhang, ControlNet 1.0 and 1.1).
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from pentimento.imaging import edges
from pentimento.imaging.geometry import Size

MOST_PIXELS = 2_000_000  # of a drawn map: lines of larger ones get lost when a model scales down
SCRIBBLE_FINE, SCRIBBLE_COARSE = 0.5, 5.0  # px, the two blurs of XDoG
SCRIBBLE_THRESHOLD = 16  # of 255, how much darker than its surroundings a stroke is
LINE_BLUR = 6.0  # px
LINE_FLOOR, LINE_NOISE = 16.0, 8.0  # of 255
EDGE_SCALES = (1.0, 2.0, 4.0)  # px
EDGE_FLOOR = 24.0  # gradients of a picture without any clear edge are not blown up beyond this
EDGE_STRONGEST = 99.5  # percentile that becomes white
TILE_BLUR = 4.0  # px
STEEPNESS = 0.6  # of surfaces: how deep a picture is, in its own widths

Drawer = Callable[[np.ndarray, float, float], np.ndarray]


def draw(
    kind: str, rgb: np.ndarray, low: float = edges.LOW, high: float = edges.HIGH
) -> np.ndarray:
    """`(h, w, 3)` u8 of an `(h, w, 3)` u8 picture; `kind` is a key of DRAWERS."""
    return at_working_size(rgb, lambda small: DRAWERS[kind](small, low, high))


def at_working_size(rgb: np.ndarray, work: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """What `work` makes of the picture, or of a smaller copy that is enlarged again."""
    size = Size(rgb.shape[1], rgb.shape[0])
    if size.pixels <= MOST_PIXELS:
        return work(rgb)
    factor = (MOST_PIXELS / size.pixels) ** 0.5
    smaller = (max(1, round(size.width * factor)), max(1, round(size.height * factor)))
    made = work(cv2.resize(rgb, smaller, interpolation=cv2.INTER_AREA))
    return np.asarray(cv2.resize(made, (size.width, size.height), interpolation=cv2.INTER_LINEAR))


def _canny(rgb: np.ndarray, low: float, high: float) -> np.ndarray:
    return _grey(edges.canny(rgb, low, high))


def _scribble(rgb: np.ndarray, _low: float, _high: float) -> np.ndarray:
    """Strokes along dark lines and at dark sides of edges (XDoG, Winnemoeller 2011)."""
    values = rgb.astype(np.float32)
    difference = _blurred(values, SCRIBBLE_COARSE) - _blurred(values, SCRIBBLE_FINE)
    return _grey(np.where(difference.min(axis=2) > SCRIBBLE_THRESHOLD, 255, 0))


def _lineart(rgb: np.ndarray, _low: float, _high: float) -> np.ndarray:
    """How much darker each pixel is than what is around it, strong lines at half and above."""
    values = rgb.astype(np.float32)
    darker = np.clip((_blurred(values, LINE_BLUR) - values).min(axis=2), 0, 255)
    clear = darker[darker > LINE_NOISE]
    usual = float(np.median(clear)) if clear.size else 0.0
    return _grey(darker / max(LINE_FLOOR, usual) * 127)


def _softedge(rgb: np.ndarray, _low: float, _high: float) -> np.ndarray:
    """The steepest gradient of several scales, a little blurred."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    steepest = np.zeros_like(grey)
    for scale in EDGE_SCALES:
        soft = _blurred(grey, scale)
        across = cv2.Sobel(soft, cv2.CV_32F, 1, 0, scale=0.125)
        down = cv2.Sobel(soft, cv2.CV_32F, 0, 1, scale=0.125)
        steepest = np.maximum(steepest, np.hypot(across, down) * scale)
    strongest = max(float(np.percentile(steepest, EDGE_STRONGEST)), EDGE_FLOOR)
    return _grey(_blurred(steepest, 1.0) / strongest * 255)


def _tile(rgb: np.ndarray, _low: float, _high: float) -> np.ndarray:
    """The picture without its detail, which the model is to invent anew."""
    return _rounded(_blurred(rgb.astype(np.float32), TILE_BLUR))


DRAWERS: dict[str, Drawer] = {
    "canny": _canny,
    "scribble": _scribble,
    "lineart": _lineart,
    "softedge": _softedge,
    "tile": _tile,
}


def normals(depth: np.ndarray) -> np.ndarray:
    """`(h, w, 3)` u8 of an `(h, w)` float32 depth map 0..1, 1 nearest: red is how far a surface
    faces left, green up, blue towards the viewer (128 is not at all)."""
    soft = _blurred(depth.astype(np.float32), 1.0)
    size = max(depth.shape)
    left = cv2.Sobel(soft, cv2.CV_32F, 1, 0, scale=0.125) * size * STEEPNESS
    up = cv2.Sobel(soft, cv2.CV_32F, 0, 1, scale=0.125) * size * STEEPNESS
    vectors = np.stack([left, up, np.ones_like(left)], axis=2)
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    return _rounded(vectors * 127 + 128)


def _blurred(values: np.ndarray, sigma: float) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma))


def _grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(_rounded(values)[..., None], 3, axis=2)


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.rint(np.clip(values, 0, 255)).astype(np.uint8))
