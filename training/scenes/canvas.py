"""The drawing surface: noise fields, antialiased shapes, and the surfaces objects are made of."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np

from training.scenes.palette import RGB

cv2.setNumThreads(1)

Array = np.ndarray
Paint = Callable[[int, int, int, int], Array]
"""f(x0, y0, w, h) gives the colours (h, w, 3), float 0..1, of that part of the picture."""

_FIELD = 512


def _noise_field(rng: np.random.Generator, octaves: tuple[int, ...]) -> Array:
    out = np.zeros((_FIELD, _FIELD), np.float32)
    for cells in octaves:
        lattice = np.pad(rng.random((cells, cells), np.float32), 1, mode="wrap")
        side = _FIELD + 2 * _FIELD // cells
        fine = cv2.resize(lattice, (side, side), interpolation=cv2.INTER_CUBIC)
        k = _FIELD // cells
        out += fine[k : k + _FIELD, k : k + _FIELD] * (octaves[0] / cells) ** 0.7
    out -= out.min()
    return out / out.max()


_seeded = np.random.default_rng(7)
NOISE = {
    "soft": [_noise_field(_seeded, (4, 8, 16)) for _ in range(4)],
    "mid": [_noise_field(_seeded, (16, 32, 64)) for _ in range(4)],
    "fine": [_noise_field(_seeded, (64, 128, 256)) for _ in range(4)],
}


def noise(
    rng: np.random.Generator, kind: str, w: int, h: int, scale: float = 1.0, aspect: float = 1.0
) -> Array:
    """A (h, w) crop of a noise field, 0..1; `scale` = field pixels per picture pixel."""
    field = NOISE[kind][rng.integers(len(NOISE[kind]))]
    crop_w = max(2, min(_FIELD, int(w * scale)))
    crop_h = max(2, min(_FIELD, int(h * scale * aspect)))
    x, y = rng.integers(0, _FIELD - crop_w + 1), rng.integers(0, _FIELD - crop_h + 1)
    crop = field[y : y + crop_h, x : x + crop_w]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    if (crop_w, crop_h) != (w, h):
        crop = cv2.resize(np.ascontiguousarray(crop), (w, h), interpolation=cv2.INTER_LINEAR)
    return crop


def grid(x0: int, y0: int, w: int, h: int) -> tuple[Array, Array]:
    """Pixel coordinates as a row (1, w) and a column (h, 1)."""
    return (
        np.arange(x0, x0 + w, dtype=np.float32)[None, :],
        np.arange(y0, y0 + h, dtype=np.float32)[:, None],
    )


def ramp(start: float, stop: float, n: int) -> Array:
    return np.linspace(start, stop, n, dtype=np.float32)


class Canvas:
    """A float picture `img` (h, w, 3), 0..1, and masks (h, w) uint8 with antialiased edges."""

    def __init__(self, rng: np.random.Generator, w: int, h: int) -> None:
        self.rng, self.w, self.h, self.unit = rng, w, h, min(w, h)
        self.img = np.zeros((h, w, 3), np.float32)

    def mask(self) -> Array:
        return np.zeros((self.h, self.w), np.uint8)

    def poly(self, points: object, mask: Array | None = None) -> Array:
        mask = self.mask() if mask is None else mask
        fixed = np.round(np.asarray(points, np.float64) * 16).astype(np.int32)
        cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, 4)
        return mask

    def rect(self, left: float, top: float, right: float, bottom: float) -> Array:
        return self.poly([(left, bottom), (right, bottom), (right, top), (left, top)])

    def ellipse(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        mask: Array | None = None,
        angle: float = 0,
    ) -> Array:
        mask = self.mask() if mask is None else mask
        axes = (max(1, int(rx * 16)), max(1, int(ry * 16)))
        centre = (int(x * 16), int(y * 16))
        cv2.ellipse(mask, centre, axes, angle, 0, 360, 255, -1, cv2.LINE_AA, 4)
        return mask

    def line(self, start: tuple[float, float], end: tuple[float, float], width: float) -> Array:
        p, q = np.asarray(start, float), np.asarray(end, float)
        d = q - p
        n = np.array([-d[1], d[0]]) / (np.hypot(*d) + 1e-6) * width / 2
        return self.poly([p + n, q + n, q - n, p - n])

    def put(self, mask: Array, colour: Array | tuple | Paint, alpha: float = 1.0) -> None:
        x, y, w, h = cv2.boundingRect(mask)
        if w == 0:
            return
        a = mask[y : y + h, x : x + w, None].astype(np.float32) * (alpha / 255)
        c = colour(x, y, w, h) if callable(colour) else np.asarray(colour, np.float32)
        view = self.img[y : y + h, x : x + w]
        view += a * (c - view)


def material(cv: Canvas, name: str, colour: str, second: str, size: float) -> Paint:
    """The surface of an object `size` pixels high."""
    rng = cv.rng
    c1, c2 = RGB[colour], RGB[second]
    angle = rng.uniform(-0.5, 0.5) + (math.pi / 2 if rng.random() < 0.5 else 0)
    period = max(4.0, size * rng.uniform(0.2, 0.34))
    rough = rng.uniform(0, 0.10)

    def share_of_second(x: Array, y: Array, w: int, h: int) -> Array:
        if name == "striped":
            phase = (x * math.cos(angle) + y * math.sin(angle)) * 2 * math.pi / period
            return np.clip(np.sin(phase) * period / 2.5 + 0.5, 0, 1)
        if name == "spotted":
            distance = np.hypot((x % period) - period / 2, (y % period) - period / 2)
            return np.clip((0.30 * period - distance) + 0.5, 0, 1)
        if name == "checkered":
            wave = np.sin(x * math.pi * 2 / period) * np.sin(y * math.pi * 2 / period)
            return np.clip(wave * period / 2 + 0.5, 0, 1)
        if name == "brick":
            bh, bw = max(3.0, period * 0.55), max(6.0, period * 1.2)
            row = np.floor(y / bh)
            upright = ((x + (row % 2) * bw / 2) % bw) < max(1, bw * 0.12)
            level = (y % bh) < max(1, bh * 0.2)
            return (upright | level).astype(np.float32) * 0.7
        if name == "wooden":
            return 0.75 * np.clip(noise(rng, "mid", w, h, 0.25, 6.0) * 1.6 - 0.5, 0, 1)
        return np.zeros((h, w), np.float32)

    def paint(x0: int, y0: int, w: int, h: int) -> Array:
        x, y = grid(x0, y0, w, h)
        t = share_of_second(x, y, w, h)
        out = c1 + np.broadcast_to(t, (h, w))[..., None] * (c2 - c1)
        if rough > 0.03:
            out = out * (1 + rough * 2 * (noise(rng, "fine", w, h, 1.0)[..., None] - 0.5))
        return out

    return paint


def shaded(paint: Paint, light: Paint) -> Paint:
    """`paint` times a brightness field (h, w)."""
    return lambda x, y, w, h: paint(x, y, w, h) * light(x, y, w, h)[..., None]


def tinted(paint: Paint, tint: Array) -> Paint:
    factor = np.asarray(tint, np.float32)
    return lambda x, y, w, h: paint(x, y, w, h) * factor
