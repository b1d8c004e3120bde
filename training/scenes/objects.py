"""The things in a scene: one drawing function per kind, listed in `DRAW`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from training.scenes.canvas import Array, Canvas, Paint, grid, material, noise, ramp, shaded, tinted
from training.scenes.palette import COLOURS, RGB

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels; may reach outside the picture."""


@dataclass
class Spot:
    """An object about to be drawn: bottom centre (x, y), height s in pixels, light, surface."""

    cv: Canvas
    x: float
    y: float
    s: float
    colour: str
    mat: str
    tint: Array
    fill: Paint

    @property
    def rgb(self) -> Array:
        return RGB[self.colour]


def _ball(o: Spot) -> Box:
    r = o.s / 2
    cx, cy = o.x, o.y - r

    def light(x0: int, y0: int, w: int, h: int) -> Array:
        x, y = grid(x0, y0, w, h)
        distance = np.hypot(x - cx + r * 0.35, y - cy + r * 0.4) / (r * 1.5)
        return np.clip(1.18 - 0.62 * distance**1.6, 0.3, 1.2)

    o.cv.put(o.cv.ellipse(cx, cy, r, r), shaded(o.fill, light))
    if o.mat in ("shiny", "plain") and o.colour != "white":
        glint = o.cv.ellipse(cx - r * 0.35, cy - r * 0.4, r * 0.2, r * 0.14)
        o.cv.put(glint, (1, 1, 1), 0.75 if o.mat == "shiny" else 0.3)
    return (o.x - r, o.y - o.s, o.x + r, o.y)


def _box(o: Spot) -> Box:
    w = o.s * o.cv.rng.uniform(0.8, 1.3)
    depth = o.s * 0.28
    left, right, top = o.x - w / 2, o.x + w / 2, o.y - o.s
    lid = [
        (left, top),
        (right, top),
        (right + depth, top - depth * 0.6),
        (left + depth, top - depth * 0.6),
    ]
    side = [
        (right, o.y),
        (right + depth, o.y - depth * 0.6),
        (right + depth, top - depth * 0.6),
        (right, top),
    ]
    o.cv.put(o.cv.rect(left, top, right, o.y), o.fill)
    o.cv.put(o.cv.poly(lid), np.clip(o.rgb * o.tint * 1.25 + 0.05, 0, 1))
    o.cv.put(o.cv.poly(side), o.rgb * o.tint * 0.62)
    return (left, top - depth * 0.6, right + depth, o.y)


def _house(o: Spot) -> Box:
    cv, x, y, s = o.cv, o.x, o.y, o.s
    w, wall = s * cv.rng.uniform(0.9, 1.3), s * 0.58
    cv.put(cv.rect(x - w / 2, y - wall, x + w / 2, y), o.fill)
    roof = cv.rng.choice(["red", "brown", "grey", "black"])
    roof = "brown" if roof == o.colour else roof
    eave = w * 0.1
    gable = [(x - w / 2 - eave, y - wall), (x + w / 2 + eave, y - wall), (x, y - s)]
    cv.put(cv.poly(gable), RGB[roof] * o.tint)
    lamp_lit = o.tint[0] < 0.6
    pane = np.array([1, 0.86, 0.4] if lamp_lit else [0.32, 0.42, 0.55], np.float32)
    door = cv.rect(x - w * 0.08, y - wall * 0.55, x + w * 0.1, y)
    cv.put(door, RGB["brown"] * 0.7 * o.tint)
    for k in (-0.32, 0.26):
        window = cv.rect(x + w * (k - 0.09), y - wall * 0.78, x + w * (k + 0.09), y - wall * 0.45)
        cv.put(window, pane)
    return (x - w / 2 - eave, y - s, x + w / 2 + eave, y)


def _trunk(o: Spot, foot: float, top: float, height: float) -> Array:
    x, y, s = o.x, o.y, o.s
    return o.cv.poly(
        [
            (x - s * foot, y),
            (x + s * foot, y),
            (x + s * top, y - s * height),
            (x - s * top, y - s * height),
        ]
    )


def _tree(o: Spot) -> Box:
    cv, x, y, s, rng = o.cv, o.x, o.y, o.s, o.cv.rng
    cv.put(_trunk(o, 0.06, 0.04, 0.5), RGB["brown"] * 0.8 * o.tint)
    crown = cv.mask()
    for _ in range(5):
        cx, cy = x + s * rng.uniform(-0.2, 0.2), y - s * rng.uniform(0.5, 0.8)
        cv.ellipse(cx, cy, s * rng.uniform(0.16, 0.24), s * rng.uniform(0.14, 0.22), crown)

    def leaves(x0: int, y0: int, w: int, h: int) -> Array:
        light = ramp(1.15, 0.7, h)[:, None] * (0.72 + 0.56 * noise(rng, "fine", w, h, 0.7))
        return (o.rgb * o.tint) * light[..., None]

    cv.put(crown, leaves)
    return (x - s * 0.4, y - s, x + s * 0.4, y)


def _pine_tree(o: Spot) -> Box:
    cv, x, y, s = o.cv, o.x, o.y, o.s
    cv.put(_trunk(o, 0.05, 0.05, 0.25), RGB["brown"] * 0.7 * o.tint)

    def light(x0: int, y0: int, w: int, h: int) -> Array:
        return np.broadcast_to(ramp(0.75, 1.1, h)[:, None], (h, w))

    for foot, half in ((0.18, 0.32), (0.42, 0.25), (0.64, 0.17)):
        tier = [(x - s * half, y - s * foot), (x + s * half, y - s * foot)]
        tier.append((x, y - s * min(1.0, foot + 0.4)))
        needles = tinted(material(cv, "plain", o.colour, "black", s), o.tint)
        cv.put(cv.poly(tier), shaded(needles, light))
    return (x - s * 0.32, y - s, x + s * 0.32, y)


def _flower(o: Spot) -> Box:
    cv, x, y, s = o.cv, o.x, o.y, o.s
    cv.put(cv.line((x, y), (x, y - s * 0.6), s * 0.06), RGB["green"] * 0.8 * o.tint)
    leaf = cv.ellipse(x + s * 0.14, y - s * 0.22, s * 0.14, s * 0.05, None, -25)
    cv.put(leaf, RGB["green"] * o.tint)
    n = int(cv.rng.integers(5, 8))
    petals = cv.mask()
    for i in range(n):
        t = 2 * math.pi * i / n
        px, py = x + math.cos(t) * s * 0.2, y - s * 0.72 + math.sin(t) * s * 0.2
        cv.ellipse(px, py, s * 0.13, s * 0.13, petals)
    cv.put(petals, o.rgb * o.tint)
    heart = RGB["yellow" if o.colour != "yellow" else "brown"] * o.tint
    cv.put(cv.ellipse(x, y - s * 0.72, s * 0.1, s * 0.1), heart)
    return (x - s * 0.33, y - s * 1.05, x + s * 0.33, y)


def _tower(o: Spot) -> Box:
    cv, x, y, s = o.cv, o.x, o.y, o.s
    w = s * 0.28

    def light(x0: int, y0: int, w_: int, h_: int) -> Array:
        return np.broadcast_to(ramp(1.1, 0.65, w_)[None], (h_, w_))

    cv.put(_trunk(o, 0.28 * 0.6, 0.28 * 0.45, 0.78), shaded(o.fill, light))
    cap = [(x - w * 0.7, y - s * 0.76), (x + w * 0.7, y - s * 0.76), (x, y - s)]
    cv.put(cv.poly(cap), RGB["red" if o.colour != "red" else "grey"] * o.tint * 0.9)
    return (x - w * 0.7, y - s, x + w * 0.7, y)


def _mushroom(o: Spot) -> Box:
    cv, x, y, s = o.cv, o.x, o.y, o.s
    cv.put(_trunk(o, 0.12, 0.09, 0.55), np.array([0.93, 0.88, 0.78], np.float32) * o.tint)
    cap = cv.ellipse(x, y - s * 0.5, s * 0.42, s * 0.45)
    cap[int(max(0, y - s * 0.45)) :] = 0
    dots = "white" if o.colour != "white" else "red"
    cv.put(cap, tinted(material(cv, "spotted", o.colour, dots, s * 0.8), o.tint))
    return (x - s * 0.42, y - s * 0.95, x + s * 0.42, y)


def _boat(o: Spot) -> Box:
    cv, x, y, s = o.cv, o.x, o.y, o.s
    w = s * 0.9
    rim = y - s * 0.22
    hull = [(x - w * 0.5, rim), (x + w * 0.5, rim), (x + w * 0.34, y), (x - w * 0.36, y)]
    cv.put(cv.poly(hull), o.fill)
    cv.put(cv.line((x, y - s * 0.2), (x, y - s), s * 0.035), RGB["brown"] * o.tint)
    sail = RGB["white"] if o.colour != "white" else RGB["red"]
    foot = y - s * 0.3
    main = [(x + s * 0.03, y - s * 0.97), (x + s * 0.03, foot), (x + w * 0.42, foot)]
    jib = [(x - s * 0.03, y - s * 0.9), (x - s * 0.03, foot), (x - w * 0.3, foot)]
    cv.put(cv.poly(main), sail * o.tint)
    cv.put(cv.poly(jib), sail * o.tint * 0.85)
    return (x - w * 0.5, y - s, x + w * 0.5, y)


def _balloon(o: Spot) -> Box:
    cv, x, y, s = o.cv, o.x, o.y, o.s
    r = s * 0.36

    def light(x0: int, y0: int, w: int, h: int) -> Array:
        gx, gy = grid(x0, y0, w, h)
        distance = np.hypot(gx - x + r * 0.3, gy - y + s * 0.64 + r * 0.3) / r / 1.3
        return np.clip(1.15 - 0.5 * distance, 0.4, 1.2)

    envelope = cv.ellipse(x, y - s * 0.62, r, r * 1.05)
    shoulder, neck = y - s * 0.45, y - s * 0.18
    skirt = [(x - r * 0.75, shoulder), (x + r * 0.75, shoulder), (x + r * 0.2, neck)]
    skirt.append((x - r * 0.2, neck))
    cv.poly(skirt, envelope)
    cv.put(envelope, shaded(o.fill, light))
    cv.put(_trunk(o, 0.09, 0.1, 0.12), RGB["brown"] * o.tint)
    return (x - r, y - s, x + r, y)


def _kite(o: Spot) -> Box:
    cv, x, y, s = o.cv, o.x, o.y, o.s
    sail = [(x, y - s), (x + s * 0.3, y - s * 0.6), (x, y - s * 0.1), (x - s * 0.3, y - s * 0.6)]
    cv.put(cv.poly(sail), o.fill)
    tail = cv.line((x, y - s * 0.1), (x + s * 0.15, y + s * 0.15), max(1.0, s * 0.03))
    cv.put(tail, o.rgb * o.tint)
    return (x - s * 0.3, y - s, x + s * 0.3, y)


def _star(o: Spot) -> Box:
    x, y, s = o.x, o.y, o.s
    points = []
    for i in range(10):
        r = s * (0.5 if i % 2 == 0 else 0.21)
        t = i * math.pi / 5
        points.append((x + math.sin(t) * r, y - s / 2 - math.cos(t) * r))
    o.cv.put(o.cv.poly(points), o.fill)
    return (x - s / 2, y - s, x + s / 2, y)


def _cloud(o: Spot) -> Box:
    cv, x, y, s, rng = o.cv, o.x, o.y, o.s, o.cv.rng
    mask = cv.mask()
    for _ in range(5):
        cx, cy = x + s * rng.uniform(-0.6, 0.6), y - s * rng.uniform(0.2, 0.45)
        cv.ellipse(cx, cy, s * rng.uniform(0.25, 0.4), s * rng.uniform(0.16, 0.26), mask)
    colour = o.rgb * np.maximum(o.tint, 0.5)
    cv.put(mask, lambda x0, y0, w, h: colour * ramp(1.05, 0.82, h)[:, None, None], 0.92)
    return (x - s, y - s * 0.7, x + s, y)


def _disc(o: Spot, reach: float, strength: float) -> tuple[float, float, float]:
    """The glow around a sun or moon; gives centre and radius."""
    r = o.s / 2
    cx, cy = o.x, o.y - r
    x, y = grid(0, 0, o.cv.w, o.cv.h)
    beyond = np.maximum(0, np.hypot(x - cx, y - cy) - r)
    glow = np.exp(-beyond / (r * reach)) * strength
    o.cv.img += glow[..., None] * (o.rgb - o.cv.img)
    return cx, cy, r


def _sun(o: Spot) -> Box:
    cx, cy, r = _disc(o, 1.1, 0.55)
    o.cv.put(o.cv.ellipse(cx, cy, r, r), np.clip(o.rgb * 1.05 + 0.03, 0, 1))
    return (cx - r, cy - r, cx + r, cy + r)


def _moon(o: Spot) -> Box:
    cx, cy, r = _disc(o, 0.55, 0.3)

    def paint(x: int, y: int, w: int, h: int) -> Array:
        return o.rgb * (0.82 + 0.25 * noise(o.cv.rng, "soft", w, h, 2.0))[..., None]

    o.cv.put(o.cv.ellipse(cx, cy, r, r), paint)
    return (cx - r, cy - r, cx + r, cy + r)


def _crescent_moon(o: Spot) -> Box:
    cx, cy, r = _disc(o, 0.55, 0.3)
    bite = o.cv.ellipse(cx + r * 0.5, cy - r * 0.15, r * 0.88, r * 0.88)
    o.cv.put(cv2.subtract(o.cv.ellipse(cx, cy, r, r), bite), o.rgb)
    return (cx - r, cy - r, cx + r, cy + r)


DRAW: dict[str, Callable[[Spot], Box]] = {
    "ball": _ball,
    "box": _box,
    "house": _house,
    "tree": _tree,
    "pine tree": _pine_tree,
    "flower": _flower,
    "tower": _tower,
    "mushroom": _mushroom,
    "boat": _boat,
    "balloon": _balloon,
    "kite": _kite,
    "star": _star,
    "cloud": _cloud,
    "sun": _sun,
    "moon": _moon,
    "crescent moon": _crescent_moon,
}


def draw_object(
    cv: Canvas,
    kind: str,
    x: float,
    y: float,
    s: float,
    colour: str,
    mat: str = "plain",
    tint: object = (1, 1, 1),
    shadow: bool = True,
) -> Box:
    """Draws `kind` standing at (x, y), its bottom centre, about s pixels high."""
    light = np.asarray(tint, np.float32)
    fill = tinted(material(cv, mat, colour, _second_colour(cv, colour, mat), s), light)
    if shadow:
        cv.put(cv.ellipse(x + s * 0.12, y, s * 0.5, s * 0.09), (0, 0, 0), 0.35)
    return DRAW[kind](Spot(cv, x, y, s, colour, mat, light, fill))


def _second_colour(cv: Canvas, colour: str, mat: str) -> str:
    drawn = str(cv.rng.choice(["white", "black", "yellow"]))
    second = {"white": "grey", "grey": "white", "black": "grey"}.get(colour, drawn)
    if mat == "wooden":
        return "brown" if colour != "brown" else "black"
    if mat == "brick":
        return "white" if colour != "white" else "grey"
    return "black" if second == colour else second


def pick_colour(rng: np.random.Generator, kind: str) -> str:
    r = rng.random()
    if kind == "tree" and r < 0.6:
        return "green"
    if kind == "pine tree" and r < 0.7:
        return "green"
    if kind == "cloud":
        return "white" if r < 0.75 else str(rng.choice(["grey", "pink"]))
    if kind == "star" and r < 0.5:
        return "yellow"
    return str(rng.choice(list(COLOURS)))


def pick_material(rng: np.random.Generator, kind: str, simple: bool = False) -> str:
    if simple and rng.random() < 0.75:
        return "plain"
    patterned = ("ball", "box", "house", "balloon", "kite", "tower", "boat")
    if kind in patterned and rng.random() < 0.4:
        if kind in ("ball", "balloon", "kite"):
            return str(rng.choice(["striped", "spotted", "checkered", "shiny"]))
        return str(rng.choice(["striped", "checkered", "wooden", "brick"]))
    return "plain"
