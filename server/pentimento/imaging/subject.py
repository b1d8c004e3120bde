"""The subject of a picture about which nobody has said anything: whether an outline that was found
is one in the picture, and what stands out where it is not.

- `edge_support(picture, mask) -> float`: how much of an outline the picture shows
- `standing_out(picture, around) -> np.ndarray`: what is unlike the border, near the middle
"""

from __future__ import annotations

import cv2
import numpy as np

from pentimento.core.geometry import Box

SUPPORTED = 0.75  # of an outline: enough of it is seen for an object's
LOOKED_AT = 9  # px around each place of an outline, in a picture of the size of the cut
SEEN = 8.0  # CIELAB units between both sides of an outline that can be seen
COLOURS = 8  # of the border
RARE = 0.03  # share of the border; colours that are rarer may be the subject's own
SPREAD = (0.35, 0.4)  # of the middle, shares of width and height
SMOOTH = 2.0  # px


def edge_support(picture: np.ndarray, mask: np.ndarray) -> float:
    """The share of the outline of `mask` `(h, w)` bool on whose two sides an `(h, w, 3)` u8 sRGB
    picture looks different. What is cut off by the picture's border counts as unseen; 0 without an
    outline."""
    inside = mask.astype(np.float32)
    outline = mask & (cv2.erode(mask.astype(np.uint8), np.ones((3, 3)), borderValue=0) == 0)
    if not outline.any() or mask.all():
        return 0.0
    lab = _lab(picture)
    means = [_mean(lab, side) for side in (inside, 1 - inside)]
    apart = np.linalg.norm(means[0] - means[1], axis=2)
    return float((apart[outline] > SEEN).mean())


def standing_out(picture: np.ndarray, around: Box) -> np.ndarray:
    """`(h, w)` bool: of an `(h, w, 3)` u8 sRGB picture the part inside `around` that is least like
    the main colours outside of it, what is near the middle before others. False everywhere in a
    picture of one colour."""
    height, width = picture.shape[:2]
    lab = _lab(picture)
    outside = np.ones((height, width), bool)
    outside[around.y : around.bottom, around.x : around.right] = False
    if outside.all() or not outside.any():
        return np.zeros((height, width), bool)
    apart = np.full((height, width), np.inf, np.float32)
    for colour in _main_colours(lab[outside]):
        np.minimum(apart, np.linalg.norm(lab - colour, axis=2), out=apart)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    off = ((x - width / 2) / (width * SPREAD[0])) ** 2
    off += ((y - height / 2) / (height * SPREAD[1])) ** 2
    weighed = cv2.GaussianBlur(apart, (0, 0), SMOOTH) * np.exp(-off)
    weighed[outside] = 0
    if weighed.max() < SEEN:
        return np.zeros((height, width), bool)
    levels = np.clip(weighed / weighed.max() * 255, 0, 255).astype(np.uint8)
    limit, _ = cv2.threshold(levels[~outside].reshape(-1, 1), 0, 255, cv2.THRESH_OTSU)
    count, parts = cv2.connectedComponents((levels > limit).astype(np.uint8))
    sums = np.bincount(parts.ravel(), levels.ravel(), minlength=count)
    sums[0] = 0
    return np.asarray((parts == int(sums.argmax())) & (levels > limit))


def _main_colours(border: np.ndarray) -> np.ndarray:
    """`(n, 3)` CIELAB of `(count, 3)`."""
    count = min(COLOURS, len(border))
    cv2.setRNGSeed(0)  # k-means begins by chance
    ends = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 1.0)
    samples = np.ascontiguousarray(border, np.float32)
    _, which, found = cv2.kmeans(  # type: ignore[call-overload]
        samples, count, None, ends, 1, cv2.KMEANS_PP_CENTERS
    )
    shares = np.bincount(which.ravel(), minlength=count) / len(border)
    return np.asarray(found[shares >= min(RARE, shares.max())])


def _mean(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Of the neighbourhood, by weight."""
    size = (LOOKED_AT, LOOKED_AT)
    total = cv2.boxFilter(weight, -1, size, normalize=False)
    summed = cv2.boxFilter(values * weight[..., None], -1, size, normalize=False)
    return np.asarray(summed / np.maximum(total, 1e-6)[..., None])


def _lab(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(np.ascontiguousarray(picture, np.float32) / 255, cv2.COLOR_RGB2LAB)
