"""Procedural captioned scenes: the whole training set of the starter model.

`make_scene(rng, w, h)` gives a picture, its caption and its facts (every object with kind, colour
and box), so that generated pictures can be scored with the generator's own knowledge. Nothing is
read from disk: every pixel is computed here.
"""

from __future__ import annotations

import cv2
import numpy as np

from training.scenes.canvas import Array, Canvas
from training.scenes.captions import (
    add_style,
    describe,
    maybe_style,
    scene_caption,
    with_junk,
)
from training.scenes.landscape import Facts, Thing, landscape
from training.scenes.palette import STYLES, TIMES
from training.scenes.studies import photo_like, study, texture
from training.scenes.styles import apply_style

__all__ = ["Facts", "Thing", "make_closeup", "make_scene", "make_study"]


def make_scene(
    rng: np.random.Generator, w: int = 256, h: int = 256, style: str = "", simple: bool = False
) -> tuple[Array, str, Facts]:
    """RGB (h, w, 3) uint8, caption, facts.

    `simple` is the "objects first" part of the curriculum: one large object, calm texture, few
    words. `style` fixes the style where the picture takes one.
    """
    r = rng.random()
    if not style and rng.random() < (0.12 if simple else 0.3):
        style = str(rng.choice(list(STYLES)))
    if r < (0.55 if simple else 0.72):
        img, facts, caption = _outdoors(rng, w, h, style, simple, closeup=r < 0.20)
    elif r < 0.89:
        cv, facts, caption = study(rng, w, h, simple)
        img = cv.img
        caption = maybe_style(rng, caption, style)
    elif r < (0.93 if simple else 0.94):
        cv, facts, caption = texture(rng, w, h)
        img, style = cv.img, ""
    else:
        cv, facts, caption = photo_like(rng, w, h)
        img, style = cv.img, ""
        if rng.random() < 0.6:
            style = str(rng.choice(["oil", "watercolor", "pencil"], p=[0.5, 0.35, 0.15]))
            caption = add_style(rng, caption, style)
    facts.style = style
    img = apply_style(np.ascontiguousarray(img), style, rng)
    caption = with_junk(rng, caption).strip()
    return _levels(img), caption, facts


def make_study(rng: np.random.Generator, w: int = 256, h: int = 256) -> tuple[Array, str, Facts]:
    """One large object on a calm ground, few words: what teaches shapes first. As `make_scene`."""
    style = str(rng.choice(list(STYLES))) if rng.random() < 0.05 else ""
    cv, facts, caption = study(rng, w, h, simple=True)
    facts.style = style
    img = apply_style(np.ascontiguousarray(cv.img), style, rng)
    caption = with_junk(rng, maybe_style(rng, caption, style)).strip()
    return _levels(img), caption, facts


def make_closeup(
    rng: np.random.Generator, w: int = 256, h: int = 256, simple: bool = False
) -> tuple[Array, str, Facts]:
    """One thing and what is around it, in few words: what inpainting asks for. As `make_scene`."""
    while True:
        cv, facts = landscape(rng, 2 * w, 2 * h, simple)
        if facts.everything:
            img, caption = _closeup(cv, facts, w, h)
            return _levels(img), with_junk(rng, caption).strip(), facts


def _levels(img: Array) -> Array:
    return np.clip(img * 255 + 0.5, 0, 255).astype(np.uint8)


def _outdoors(
    rng: np.random.Generator, w: int, h: int, style: str, simple: bool, closeup: bool
) -> tuple[Array, Facts, str]:
    zoom = rng.uniform(1.5, 2.6) if closeup else 1
    cv, facts = landscape(rng, int(w * zoom), int(h * zoom), simple)
    facts.style = style
    if not closeup:
        return cv.img, facts, scene_caption(rng, facts, simple)
    if facts.everything:
        img, caption = _closeup(cv, facts, w, h)
    else:
        x, y = int(rng.integers(0, cv.w - w + 1)), int(rng.integers(0, cv.h - h + 1))
        img = cv.img[y : y + h, x : x + w]
        caption = str(rng.choice(TIMES[facts.time].words)) + ", " + facts.ground_words
    return img, facts, maybe_style(rng, caption, style)


def _closeup(cv: Canvas, facts: Facts, w: int, h: int) -> tuple[Array, str]:
    """A crop in which one thing takes a third to nine tenths of the shorter side, as in a job on a
    selection. Keeps only that thing in `facts`; others may still be in the picture, unnamed."""
    rng = cv.rng
    choice = facts.things if facts.things and rng.random() < 0.8 else facts.everything
    thing = choice[int(rng.integers(len(choice)))]
    left, top, right, bottom = thing.box
    scale = max(right - left, bottom - top, 8) / rng.uniform(0.35, 0.9) / min(w, h)
    scale = min(scale, cv.w / w, cv.h / h)
    cut_w, cut_h = int(w * scale), int(h * scale)
    x = int(np.clip((left + right - cut_w) / 2 + cut_w * rng.uniform(-0.15, 0.15), 0, cv.w - cut_w))
    y = int(np.clip((top + bottom - cut_h) / 2 + cut_h * rng.uniform(-0.2, 0.2), 0, cv.h - cut_h))
    filtering = cv2.INTER_AREA if scale > 1 else cv2.INTER_CUBIC
    img = cv2.resize(cv.img[y : y + cut_h, x : x + cut_w], (w, h), interpolation=filtering)
    thing.size = thing.place = ""
    thing.box = (
        *((left - x) / scale, (top - y) / scale),
        *((right - x) / scale, (bottom - y) / scale),
    )
    facts.body, facts.things = None, [thing]
    caption = describe(rng, thing)
    if rng.random() < 0.3:
        caption += ", " + str(rng.choice(TIMES[facts.time].words))
    return np.clip(img, 0, 1), caption
