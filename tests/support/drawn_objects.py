"""Drawn scenes in which the alpha and the colours of one object are known exactly: the training
set's objects, drawn twice, on black and on white, and laid over one of its landscapes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from training.scenes.canvas import Canvas
from training.scenes.landscape import landscape
from training.scenes.objects import draw_object, pick_colour, pick_material

from pentimento.core.geometry import Box

KINDS = (
    *("ball", "box", "house", "tree", "pine tree", "tower"),
    *("mushroom", "boat", "balloon", "kite", "star", "flower"),
)
SIDE = 256
PAD = 6  # px between the object and the box that a person would draw


@dataclass(frozen=True)
class Scene:
    """`picture` `(h, w, 3)` u8, `alpha` `(h, w)` float32, `colours` `(h, w, 3)` times alpha."""

    kind: str
    picture: np.ndarray
    alpha: np.ndarray
    colours: np.ndarray

    @property
    def box(self) -> Box:
        rows, columns = np.nonzero(self.alpha > 0.5)
        left, top = max(0, columns.min() - PAD), max(0, rows.min() - PAD)
        right, bottom = min(SIDE, columns.max() + PAD + 1), min(SIDE, rows.max() + PAD + 1)
        return Box.from_edges(int(left), int(top), int(right), int(bottom))

    def agreement(self, found: np.ndarray) -> float:
        """Intersection over union."""
        here, there = self.alpha > 0.5, found > 0.5
        return float((here & there).sum() / max(1, (here | there).sum()))


def outline(one: Scene, off: float) -> np.ndarray:
    """As a person draws around the object, `(h, w)` bool: with a corner every 12 px, each off by
    chance, with a spread of `off` times the root of the object's area."""
    inside = (one.alpha > 0.5).astype(np.uint8)
    spread = off * float(inside.sum()) ** 0.5
    chance = np.random.default_rng(int(inside.sum()))
    drawn = np.zeros_like(inside)
    for contour in cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]:
        corners = contour[::12, 0].astype(float)
        corners += chance.normal(0, spread, corners.shape)
        cv2.fillPoly(drawn, [np.round(corners).astype(np.int32)], 1)
    return drawn > 0


def scene(seed: int) -> Scene:
    rng = np.random.default_rng(seed)
    kind = str(rng.choice(KINDS))
    colour, surface = pick_colour(rng, kind), pick_material(rng, kind)
    height = SIDE * rng.uniform(0.35, 0.6)
    x = SIDE / 2 + SIDE * rng.uniform(-0.15, 0.15)
    y = SIDE / 2 + height / 2 + SIDE * rng.uniform(-0.1, 0.1)
    on = {}
    for ground in (0.0, 1.0):
        canvas = Canvas(np.random.default_rng(seed + 10**6), SIDE, SIDE)
        canvas.img[:] = ground
        draw_object(canvas, kind, x, y, height, colour, surface, shadow=False)
        on[ground] = canvas.img.copy()
    alpha = np.clip(1 - (on[1.0] - on[0.0]), 0, 1).mean(axis=2)
    behind, _ = landscape(np.random.default_rng(seed + 2 * 10**6), SIDE, SIDE, True)
    whole = on[0.0] + (1 - alpha[..., None]) * behind.img
    picture = np.clip(np.rint(whole * 255), 0, 255).astype(np.uint8)
    return Scene(kind, picture, alpha.astype(np.float32), on[0.0])
