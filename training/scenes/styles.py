"""What a style word does to a finished picture."""

from __future__ import annotations

import math

import cv2
import numpy as np

from training.scenes.canvas import Array, grid, noise

PAPER = np.array([0.97, 0.95, 0.91], np.float32)
BLUEPRINT = np.array([0.07, 0.20, 0.52], np.float32)


def _wobble(img: Array, rng: np.random.Generator, grain: str, field: float, reach: float) -> Array:
    """Edges moved by a noise field, at most `reach` pixels."""
    h, w = img.shape[:2]
    scale = field / min(h, w)
    dx = (noise(rng, grain, w, h, scale) - 0.5) * reach * 2
    dy = (noise(rng, grain, w, h, scale) - 0.5) * reach * 2
    x, y = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
    return cv2.remap(img, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def _oil(img: Array, rng: np.random.Generator) -> Array:
    h, w = img.shape[:2]
    u = min(h, w)
    img = _wobble(img, rng, "fine", 128, u * 0.02)
    return img * (0.86 + 0.28 * noise(rng, "fine", w, h, 256 / u, 1.0)[..., None])


def _watercolor(img: Array, rng: np.random.Generator) -> Array:
    h, w = img.shape[:2]
    u = min(h, w)
    img = cv2.GaussianBlur(_wobble(img, rng, "mid", 256, u * 0.015), (0, 0), u / 180)
    wash = 0.35 + 0.3 * (noise(rng, "soft", w, h, 1.5)[..., None] - 0.5)
    return img + wash * (PAPER - img)


def _pencil(img: Array, rng: np.random.Generator) -> Array:
    h, w = img.shape[:2]
    grey = cv2.cvtColor(np.clip(img, 0, 1), cv2.COLOR_RGB2GRAY)
    edges = cv2.magnitude(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    x, y = grid(0, 0, w, h)
    hatch = 0.5 + 0.5 * np.sin((x + y) * 2 * math.pi / max(3.0, min(h, w) / 45))
    tone = 1 - np.clip(edges * 1.2, 0, 0.85)
    tone = tone * (1 - (1 - grey) * (0.30 + 0.25 * hatch))
    return np.repeat(tone[..., None], 3, 2) * 0.97


def _blueprint(img: Array, rng: np.random.Generator) -> Array:
    grey = cv2.cvtColor(np.clip(img, 0, 1), cv2.COLOR_RGB2GRAY)
    lines = cv2.magnitude(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    ink = np.clip(lines * 1.3 + 0.25 * grey, 0, 1)[..., None]
    return BLUEPRINT + ink * (np.array([0.93, 0.97, 1.0], np.float32) - BLUEPRINT)


def _pixel(img: Array, rng: np.random.Generator) -> Array:
    h, w = img.shape[:2]
    u = min(h, w)
    n = max(4, u // 32 if u >= 128 else 4)
    cells = cv2.resize(img, (max(1, w // n), max(1, h // n)), interpolation=cv2.INTER_AREA)
    return cv2.resize(np.round(cells * 10) / 10, (w, h), interpolation=cv2.INTER_NEAREST)


APPLY = {
    "oil": _oil,
    "watercolor": _watercolor,
    "pencil": _pencil,
    "pixel": _pixel,
    "blueprint": _blueprint,
}
"""`vector` is not listed: the plain drawing is that style. No scene takes `blueprint` by itself:
it is what the LoRA adds."""


def apply_style(img: Array, style: str, rng: np.random.Generator) -> Array:
    """Float (h, w, 3), 0..1, in and out (may overshoot)."""
    return APPLY[style](img, rng) if style in APPLY else img
