"""Scores for generated pictures: is the colour, the light, the thing there that the words named?

Pictures are RGB (h, w, 3) uint8 throughout.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from training.scenes.palette import COLOURS, GROUNDS, TIMES

HUES = ["red", "orange", "yellow", "green", "blue", "purple", "pink", "black", "white"]
Array = np.ndarray


def _lab(rgb: Array) -> Array:
    return cv2.cvtColor(np.float32(rgb) / 255, cv2.COLOR_RGB2LAB)


_HUES_LAB = np.stack([_lab(np.uint8([[COLOURS[name]]]))[0, 0] for name in HUES])


@dataclass(frozen=True)
class Figure:
    """A measured value with its 95 % confidence interval."""

    name: str
    value: float
    low: float
    high: float
    n: int
    unit: str = ""


def share(name: str, hits: int, n: int) -> Figure:
    """Wilson's interval for hits out of n."""
    z, p = 1.96, hits / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Figure(name, p, middle - half, middle + half, n)


def mean(name: str, values: list[float], unit: str = "") -> Figure:
    """Normal interval for a mean."""
    n = len(values)
    half = 1.96 * float(np.std(values, ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    m = float(np.mean(values))
    return Figure(name, m, m - half, m + half, n, unit)


def nearest_hue(picture: Array) -> Array:
    """(h, w) indices into HUES, nearest in CIELAB."""
    distance = np.linalg.norm(_lab(picture)[..., None, :] - _HUES_LAB, axis=-1)
    return distance.argmin(-1)


def hue_share(picture: Array, hue: str, mask: Array | None = None) -> float:
    hits = nearest_hue(picture) == HUES.index(hue)
    return float(hits[mask > 0].mean() if mask is not None else hits.mean())


def colour_hits(pictures: dict[str, list[Array]]) -> tuple[int, int]:
    """Of pictures of one prompt in several colours: in how many is the asked colour the one most
    over-represented against the pictures of the other colours? Gives (hits, n)."""
    names = list(pictures)
    columns = [HUES.index(name) for name in names]

    def histogram(picture: Array) -> Array:
        return np.bincount(nearest_hue(picture).ravel(), minlength=len(HUES)) / picture[..., 0].size

    seen = {name: np.array([histogram(p) for p in pictures[name]]) for name in names}
    hits = n = 0
    for name in names:
        others = np.mean([seen[other].mean(0) for other in names if other != name], axis=0)
        for row in seen[name]:
            hits += names[int((row - others)[columns].argmax())] == name
            n += 1
    return hits, n


def _nearest(colour: Array, table: dict[str, tuple[int, int, int]]) -> str:
    here = _lab(colour[None, None])[0, 0]
    apart = {name: np.linalg.norm(_lab(np.uint8([[c]]))[0, 0] - here) for name, c in table.items()}
    return min(apart, key=lambda name: apart[name])


def ground_of(picture: Array) -> str:
    """The ground whose colour the lowest eighth has, on average. By daylight only."""
    lowest = picture[-(len(picture) // 8) :].mean((0, 1))
    return _nearest(lowest, {name: ground.colour for name, ground in GROUNDS.items()})


def time_of(picture: Array) -> str:
    """The time of day whose sky colour the top eighth has, on average."""
    top = picture[: len(picture) // 8].mean((0, 1))
    return _nearest(top, {name: light.sky_top for name, light in TIMES.items()})


def luminance(picture: Array) -> float:
    return float(picture.mean() / 255)


def saturation(picture: Array) -> float:
    return float(cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)[..., 1].mean() / 255)


def psnr(a: Array, b: Array) -> float:
    return float(-10 * np.log10(np.mean((a.astype(np.float64) - b) ** 2) / 255**2 + 1e-12))


def likeness(a: Array, b: Array) -> float:
    """Correlation of the blurred pictures: is it still the same picture, seen from afar?"""
    soft = [cv2.GaussianBlur(p, (0, 0), 3).ravel() for p in (a, b)]
    return float(np.corrcoef(*soft)[0, 1])
