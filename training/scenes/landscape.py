"""Outdoor scenes from back to front: sky, sun or moon, far layer, ground, objects."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from training.scenes.canvas import Array, Canvas, grid, noise, ramp
from training.scenes.objects import Box, draw_object, pick_colour, pick_material
from training.scenes.palette import (
    FARS,
    GROUND_OBJECTS,
    GROUND_SHARES,
    GROUNDS,
    RGB,
    SKY_OBJECTS,
    TIME_SHARES,
    TIMES,
)

SIZES = {"small": (0.14, 0.2), "": (0.26, 0.36), "big": (0.4, 0.56)}  # of the shorter side
PLACES = ["on the left", "in the middle", "on the right"]
BODY_COLOURS = {
    "day": ["yellow", "white", "yellow"],
    "sunset": ["orange", "red", "yellow"],
    "dawn": ["yellow", "pink", "orange"],
    "night": ["white", "yellow", "yellow", "orange", "red"],
}


@dataclass
class Thing:
    """A drawn object as captions and scorers see it; `size` and `place` are words or empty."""

    kind: str
    colour: str
    mat: str = "plain"
    size: str = ""
    place: str = ""
    box: Box = (0, 0, 0, 0)


@dataclass
class Facts:
    """All that is true of a picture."""

    time: str = ""
    ground: str = ""
    ground_words: str = ""
    far: str = ""
    far_words: str = ""
    background: str = ""
    style: str = ""
    body: Thing | None = None
    things: list[Thing] = field(default_factory=list)

    @property
    def everything(self) -> list[Thing]:
        return ([self.body] if self.body else []) + self.things


def landscape(
    rng: np.random.Generator, w: int, h: int, simple: bool = False
) -> tuple[Canvas, Facts]:
    """`simple`: at most two things, mostly large, on calm ground."""
    cv = Canvas(rng, w, h)
    time = str(rng.choice(list(TIMES), p=TIME_SHARES))
    facts = Facts(time=time)
    tint = np.array(TIMES[time].tint, np.float32)
    _sky(cv, time)
    horizon = h * rng.uniform(0.42, 0.7)
    _stars_and_clouds(cv, time, tint, horizon, simple)
    _sun_or_moon(cv, facts, horizon, simple)
    _far_layer(cv, facts, tint, horizon)
    facts.ground = str(rng.choice(list(GROUNDS), p=GROUND_SHARES))
    colour = np.array(GROUNDS[facts.ground].colour, np.float32) / 255 * rng.uniform(0.88, 1.1)
    if facts.ground == "sea":
        _sea(cv, facts, colour * tint, horizon)
    else:
        _land(cv, facts.ground, colour, tint, horizon, simple)
    facts.ground_words = str(rng.choice(GROUNDS[facts.ground].words))
    _things(cv, facts, tint, horizon, simple)
    return cv, facts


def _sky(cv: Canvas, time: str) -> None:
    rng, light = cv.rng, TIMES[time]
    jitter = rng.uniform(-0.05, 0.05, 3).astype(np.float32)
    t = (ramp(0, 1, cv.h) ** rng.uniform(0.7, 1.5))[:, None, None]
    top = np.array(light.sky_top, np.float32) / 255 + jitter
    bottom = np.array(light.sky_bottom, np.float32) / 255 + jitter
    cv.img[:] = top + t * (bottom - top)


def _stars_and_clouds(cv: Canvas, time: str, tint: Array, horizon: float, simple: bool) -> None:
    rng, w, h = cv.rng, cv.w, cv.h
    if time == "night" and rng.random() < 0.8:
        n = int(rng.integers(20, 70))
        xs, ys = rng.integers(0, w, n), rng.integers(0, max(1, int(horizon)), n)
        cv.img[ys, xs] = rng.uniform(0.6, 1.0, (n, 1))
    if time != "night" and rng.random() < (0.25 if simple else 0.45):
        k = noise(rng, "soft", w, h, rng.uniform(0.5, 1.0) * 256 / cv.unit, 1.8)
        k = np.clip(k * 2.4 - 1.2, 0, 1)
        k *= np.clip(1.3 - ramp(0, 1, h) * h / horizon, 0, 1)[:, None]
        white = np.array([1, 1, 1], np.float32) * np.maximum(tint, 0.7)
        cv.img += (k * 0.85)[..., None] * (white - cv.img)


def _sun_or_moon(cv: Canvas, facts: Facts, horizon: float, simple: bool) -> None:
    rng, time = cv.rng, facts.time
    r = rng.random()
    if time in ("day", "sunset", "dawn") and r < 0.6:
        kind = "sun"
    elif time == "night" and r < 0.75:
        kind = "moon"
    else:
        return
    colour = str(rng.choice(BODY_COLOURS[time]))
    s = cv.unit * (rng.uniform(0.16, 0.32) if simple else rng.uniform(0.1, 0.28))
    x = cv.w * rng.uniform(0.12, 0.88)
    low = time in ("sunset", "dawn") and rng.random() < 0.6
    height = rng.uniform(-0.2, 0.4) if low else rng.uniform(0.15, 0.75)
    y = horizon + s * height if low else horizon * height + s / 2
    if kind == "moon" and rng.random() < 0.35:
        kind = "crescent moon"
    box = draw_object(cv, kind, x, y, s, colour, shadow=False)
    facts.body = Thing(kind, colour, box=box)


def _far_layer(cv: Canvas, facts: Facts, tint: Array, horizon: float) -> None:
    rng, w, h = cv.rng, cv.w, cv.h
    far = str(rng.choice(list(FARS))) if rng.random() < 0.65 else ""
    if not far:
        return
    height = cv.unit * rng.uniform(0.1, 0.26)
    xs, ys, colour = _silhouette(rng, far, w, horizon, height)
    base = [[w * 1.05, horizon + 2], [-0.05 * w, horizon + 2]]
    mask = cv.poly(np.vstack([np.c_[xs, ys], base]))
    haze = tint * 0.85 + 0.15 * cv.img[min(h - 1, int(horizon)), w // 2]
    rough = rng.uniform(0.1, 0.4)

    def paint(x: int, y: int, w_: int, h_: int) -> Array:
        texture = 1 - rough / 2 + rough * noise(rng, "mid", w_, h_, 256 / cv.unit)
        return (colour * haze) * texture[..., None]

    cv.put(mask, paint)
    if far == "mountains" and rng.random() < 0.7:
        caps = mask.copy()
        caps[max(0, int(horizon - height * 0.7)) :] = 0
        cv.put(caps, np.array([0.95, 0.96, 1.0], np.float32) * np.maximum(tint, 0.5), 0.85)
    joint = str(rng.choice(["with ", "", "and "]))
    facts.far = far
    facts.far_words = joint + str(rng.choice(FARS[far]))


def _silhouette(
    rng: np.random.Generator, far: str, w: int, horizon: float, height: float
) -> tuple[Array, Array, Array]:
    n = 9 if far != "hills" else 6
    xs = np.linspace(-0.05 * w, 1.05 * w, n * 3)
    if far == "mountains":
        knots = np.linspace(-0.05 * w, 1.05 * w, n)
        peaks = rng.uniform(0.2, 1.25, n) * np.where(np.arange(n) % 2, 1.0, 0.35)
        ys = np.interp(xs, knots, horizon - height * peaks)
        colour = np.array([0.42, 0.46, 0.58], np.float32) * rng.uniform(0.8, 1.15)
    elif far == "hills":
        phase = rng.uniform(0, 6.28, 2)
        slow = np.sin(xs / w * rng.uniform(4, 9) + phase[0])
        ys = horizon - height * (0.5 + 0.3 * slow + 0.2 * np.sin(xs / w * 15 + phase[1]))
        colour = np.array([0.30, 0.52, 0.32], np.float32) * rng.uniform(0.75, 1.2)
    elif far == "forest":
        xs = np.linspace(0, w, 60)
        tops = (1 + 0.5 * rng.random(60)) * np.where(np.arange(60) % 2, 1, 0.7)
        ys = horizon - height * 0.5 * tops
        colour = np.array([0.14, 0.34, 0.2], np.float32)
    else:
        k = int(rng.integers(8, 14))
        xs = np.repeat(np.linspace(0, w, k + 1), 2)[1:-1]
        ys = np.repeat(horizon - height * rng.uniform(0.3, 1.3, k), 2)
        colour = np.array([0.40, 0.42, 0.50], np.float32) * rng.uniform(0.7, 1.2)
    return xs, ys, colour


def _sea(cv: Canvas, facts: Facts, colour: Array, horizon: float) -> None:
    rng, w, top = cv.rng, cv.w, int(horizon)
    depth = cv.h - top
    t = ramp(0, 1, depth)[:, None]
    waves = noise(rng, "mid", w, depth, 0.35 * 256 / cv.unit, 4.0) - 0.5
    glow = cv.img[max(0, top - 2), :, :].mean(0)
    water = colour[None, None] * (1.1 - 0.35 * t)[..., None] * (1 + 0.5 * waves)[..., None]
    cv.img[top:] = water + (1 - t)[..., None] ** 2 * 0.35 * (glow - water)
    if facts.body and rng.random() < 0.9:  # its reflection
        x, y = grid(0, 0, w, depth)
        middle = (facts.body.box[0] + facts.body.box[2]) / 2
        path = np.exp(-(((x - middle) / (cv.unit * 0.07 + y * 0.12)) ** 2))
        k = path * np.clip(waves * 3 + 0.4, 0, 1) * 0.8
        cv.img[top:] += k[..., None] * (RGB[facts.body.colour] - cv.img[top:])


def _land(
    cv: Canvas, ground: str, colour: Array, tint: Array, horizon: float, simple: bool
) -> None:
    rng, w, h, unit = cv.rng, cv.w, cv.h, cv.unit
    bump, phase = rng.uniform(0, 0.04) * unit, rng.uniform(0, 6.28)
    xs = np.linspace(0, w, 24)
    edge = np.c_[xs, horizon + bump * np.sin(xs / w * 7 + phase)]
    mask = cv.poly(np.vstack([edge, [[w, h + 2], [0, h + 2]]]))
    rough = rng.uniform(0.03, 0.14) if simple else rng.uniform(0.06, 0.34)
    grain = "fine" if ground in ("meadow", "field", "autumn") else "soft"

    def paint(x: int, y: int, w_: int, h_: int) -> Array:
        texture = 1 - rough / 2 + rough * noise(rng, grain, w_, h_, 256 / unit)
        return (colour * tint) * (ramp(0.92, 1.05, h_)[:, None] * texture)[..., None]

    cv.put(mask, paint)
    if ground == "meadow" and rng.random() < (0.05 if simple else 0.2):
        n = int(rng.integers(20, 60))
        blossom = RGB[str(rng.choice(["red", "yellow", "white", "pink"]))] * tint
        for _ in range(n):
            y = rng.uniform(horizon + 0.05 * unit, h)
            centre = (int(rng.uniform(0, w)), int(y))
            cv2.circle(cv.img, centre, max(1, int(unit * 0.012 * (y / h))), blossom.tolist(), -1)


def _things(cv: Canvas, facts: Facts, tint: Array, horizon: float, simple: bool) -> None:
    rng, w, h = cv.rng, cv.w, cv.h
    at_sea = facts.ground == "sea"
    shares = [0.2, 0.68, 0.12, 0.0] if simple else [0.18, 0.46, 0.26, 0.10]
    n = int(rng.choice([0, 1, 2, 3], p=shares))
    placed: list[tuple[Thing, float, float, float, bool]] = []
    for slot in rng.permutation(3)[:n]:
        place = PLACES[slot]
        x = w * ((slot + 0.5) / 3 + rng.uniform(-0.08, 0.08))
        if n == 1 and rng.random() < 0.5:
            x, place = w * rng.uniform(0.2, 0.8), ""
        in_sky = rng.random() < 0.22
        if in_sky:
            kind = str(rng.choice(SKY_OBJECTS))
        else:
            kind = "boat" if at_sea else str(rng.choice(GROUND_OBJECTS))
            if at_sea and rng.random() < 0.2:
                kind = "ball"
        size = str(rng.choice(list(SIZES), p=[0.06, 0.44, 0.5] if simple else [0.3, 0.4, 0.3]))
        # All three are drawn, so that the seed gives the same scene whatever the word.
        s = cv.unit * {word: rng.uniform(*limits) for word, limits in SIZES.items()}[size]
        if kind in ("tree", "pine tree", "tower", "house"):
            s *= 1.2
        if in_sky:
            y = horizon * rng.uniform(0.35, 0.8) + s * 0.4
            s *= 0.8
        else:
            y = horizon + (h - horizon) * rng.uniform(0.15, 0.85)
        thing = Thing(kind, pick_colour(rng, kind), pick_material(rng, kind, simple), size, place)
        placed.append((thing, x, y, s, in_sky))
    placed.sort(key=lambda p: p[2] - (1e4 if p[4] else 0))
    light = np.clip(tint * 0.75 + 0.28, 0, 1)
    for thing, x, y, s, in_sky in placed:
        shadow = not in_sky and not at_sea
        thing.box = draw_object(
            cv, thing.kind, x, y, s, thing.colour, thing.mat, light, shadow=shadow
        )
        facts.things.append(thing)
