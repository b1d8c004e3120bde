"""Pictures that are no landscape: one object on plain ground, a texture, photograph-like light."""

from __future__ import annotations

import cv2
import numpy as np

from training.scenes.canvas import Array, Canvas, material, noise, ramp
from training.scenes.captions import article, describe
from training.scenes.landscape import Facts, Thing
from training.scenes.objects import draw_object, pick_colour, pick_material
from training.scenes.palette import (
    COLOURS,
    GROUND_OBJECTS,
    GROUNDS,
    PHOTO_COLOURS,
    PHOTO_WORDS,
    RGB,
    SKY_OBJECTS,
)

BODIES = ["sun", "moon"]
STUDY_KINDS = [*GROUND_OBJECTS, *SKY_OBJECTS, "boat", *BODIES]
GROUND_TEXTURES = {
    "meadow": "green grass",
    "sea": "blue water",
    "desert": "yellow sand",
    "snow": "white snow",
}


def study(
    rng: np.random.Generator, w: int, h: int, simple: bool = False
) -> tuple[Canvas, Facts, str]:
    """One large object on a plain or softly graded ground."""
    cv = Canvas(rng, w, h)
    background = "white" if rng.random() < 0.2 else str(rng.choice(list(COLOURS)))
    base = RGB[background] * rng.uniform(0.9, 1.06)
    cv.img[:] = base * ramp(rng.uniform(0.85, 1.1), rng.uniform(0.85, 1.1), h)[:, None, None]
    if rng.random() < (0.1 if simple else 0.3):
        cv.img *= (1 - 0.1 + 0.2 * noise(rng, "mid", w, h, 1.0))[..., None]
    kind = str(rng.choice(STUDY_KINDS))
    if kind in BODIES:
        colour = str(rng.choice(["yellow", "white", "orange", "red"]))
    else:
        colour = pick_colour(rng, kind)
    while colour == background:
        colour = str(rng.choice(list(COLOURS)))
    mat = pick_material(rng, kind, simple)
    s = cv.unit * rng.uniform(0.4, 0.8)
    x = w / 2 + cv.unit * rng.uniform(-0.12, 0.12)
    y = h / 2 + s / 2 + cv.unit * rng.uniform(-0.08, 0.08)
    shadow = rng.random() < 0.5 and kind not in [*SKY_OBJECTS, *BODIES]
    box = draw_object(cv, kind, x, y, s, colour, mat, shadow=shadow)
    thing = Thing(kind, colour, mat, box=box)
    caption = describe(rng, thing)
    if rng.random() < 0.75:
        endings = [f" on {article(background)} background", f", {background} background"]
        caption += str(rng.choice(endings))
    return cv, Facts(background=background, things=[thing]), caption


def texture(rng: np.random.Generator, w: int, h: int) -> tuple[Canvas, Facts, str]:
    """The whole picture is one surface."""
    cv = Canvas(rng, w, h)
    first, second = (str(c) for c in rng.choice(list(COLOURS), 2, replace=False))
    mat = str(rng.choice(["striped", "spotted", "checkered", "wooden", "brick", "noise"]))
    if mat == "noise":
        ground = str(rng.choice(list(GROUND_TEXTURES)))
        colour = np.array(GROUNDS[ground].colour, np.float32) / 255
        grain, aspect = ("fine" if ground == "meadow" else "mid"), (3.0 if ground == "sea" else 1.0)
        cv.img[:] = colour * (0.75 + 0.5 * noise(rng, grain, w, h, 1.0, aspect))[..., None]
        return cv, Facts(), GROUND_TEXTURES[ground] + " texture"
    if mat in ("brick", "wooden"):
        second = {"brick": "white", "wooden": "black"}[mat]
        first = str(rng.choice(["red", "brown", "orange", "grey", "yellow"]))
    size = cv.unit * rng.uniform(0.3, 0.9)
    cv.img[:] = material(cv, mat, first, second, size)(0, 0, w, h)
    caption = {
        "striped": f"{first} and {second} stripes",
        "spotted": f"{second} spots on {first}",
        "checkered": f"{first} and {second} checkered pattern",
        "wooden": f"{first} wood",
        "brick": f"{article(first)} brick wall",
    }[mat]
    return cv, Facts(), caption + str(rng.choice(["", " texture"]))


def photo_like(rng: np.random.Generator, w: int, h: int) -> tuple[Canvas, Facts, str]:
    """Lit, rough regions in the colours of photographs, so that image-to-image of a real
    photograph starts from latents the denoiser has met. The caption may be empty."""
    cv = Canvas(rng, w, h)
    u = cv.unit
    chosen = rng.choice(len(PHOTO_COLOURS), 4, replace=False)
    colours = np.array(PHOTO_COLOURS, np.float32)[chosen] / 255
    cv.img[:] = colours[0]
    blend = noise(rng, "soft", w, h, rng.uniform(0.6, 1.2) * 256 / u)[..., None]
    blend = np.clip((blend - 0.5) * rng.uniform(2, 8) + 0.5, 0, 1)
    cv.img += blend * (colours[1] - cv.img)
    for i in range(int(rng.integers(1, 5))):
        _soft_region(cv, colours[2 + i % 2])
    across = ramp(rng.uniform(0.6, 1.2), rng.uniform(0.6, 1.2), w)[None, :, None]
    down = ramp(rng.uniform(0.8, 1.2), rng.uniform(0.8, 1.2), h)[:, None, None]
    grain = rng.uniform(0, 0.25)
    cv.img *= across * down * (1 + grain * (noise(rng, "fine", w, h, 256 / u)[..., None] - 0.5))
    words = str(rng.choice(PHOTO_WORDS)) if rng.random() < 0.7 else ""
    if float(cv.img.mean()) < 0.25:
        words = words.replace("a ", "a dark ", 1) if words else "dark"
    return cv, Facts(), words


def _soft_region(cv: Canvas, colour: Array) -> None:
    rng, u = cv.rng, cv.unit
    x, y = cv.w * rng.random(), cv.h * rng.random()
    rx, ry = u * rng.uniform(0.08, 0.4), u * rng.uniform(0.08, 0.4)
    mask = cv.ellipse(x, y, rx, ry, None, rng.uniform(0, 180))
    if rng.random() < 0.5:
        mask = cv2.GaussianBlur(mask, (0, 0), u * rng.uniform(0.01, 0.06))
    lit = colour * rng.uniform(0.8, 1.2)
    rough = rng.uniform(0, 0.5)

    def paint(x0: int, y0: int, w: int, h: int) -> Array:
        return lit * (1 - rough / 2 + rough * noise(rng, "mid", w, h, 256 / u))[..., None]

    cv.put(mask, paint)
