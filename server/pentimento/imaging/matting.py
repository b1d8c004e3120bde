"""Soft edges: how much of each pixel belongs to an object whose inside and outside are known, and
the object's own colours there.

The alpha of the unknown band follows the picture (guided filter, He, Sun and Tang 2013, "Guided
Image Filtering", equations 14 to 16 for a colour guide); known pixels stay 0 and 1.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

BAND = 0.01  # half width of the band that becomes soft, share of the longer side
SOFTENING = 1.5  # px; colours near by are a mean, not one noisy pixel
WIDEST = 12  # px; edges of large photographs are not softer than that
TILE = 512  # px; the part of an edge that is worked on at once
EPSILON = 1e-4  # of the guided filter: colour variance (0..1 squared) that counts as flat


def guided_filter(
    guide: np.ndarray, values: np.ndarray, radius: int, epsilon: float = EPSILON
) -> np.ndarray:
    """`values` `(h, w)` float32 smoothed so that its edges are those of `guide` `(h, w, 3)` float32
    0..1. `radius` in px. Each window is a linear model of the guide's colour, solved in closed form
    from its mean and covariance."""
    kernel = (2 * radius + 1, 2 * radius + 1)

    def mean(array: np.ndarray) -> np.ndarray:
        return cv2.blur(array, kernel, borderType=cv2.BORDER_REFLECT)

    colour = mean(guide)
    level = mean(values)
    covariance = mean(guide * values[..., None]) - colour * level[..., None]
    spread = {
        (i, j): mean(guide[..., i] * guide[..., j]) - colour[..., i] * colour[..., j]
        for i in range(3)
        for j in range(i, 3)
    }
    for i in range(3):
        spread[i, i] += np.float32(epsilon)
    slope = _solved(spread, covariance)
    offset = level - np.sum(slope * colour, axis=2)
    return np.sum(mean(slope) * guide, axis=2) + mean(offset)


def _solved(matrix: dict[tuple[int, int], np.ndarray], right: np.ndarray) -> np.ndarray:
    """x of M x = right for symmetric 3 x 3 matrices `matrix[i, j]` (i <= j), by their adjugates."""
    a, b, c = matrix[0, 0], matrix[0, 1], matrix[0, 2]
    d, e, f = matrix[1, 1], matrix[1, 2], matrix[2, 2]
    aa, ab, ac = d * f - e * e, c * e - b * f, b * e - c * d
    bb, bc, cc = a * f - c * c, b * c - a * e, a * d - b * b
    determinant = np.maximum(a * aa + b * ab + c * ac, np.float32(1e-18))
    x, y, z = right[..., 0], right[..., 1], right[..., 2]
    rows = (aa * x + ab * y + ac * z, ab * x + bb * y + bc * z, ac * x + bc * y + cc * z)
    return np.stack([row / determinant for row in rows], axis=2)


def band_of(shape: tuple[int, ...]) -> int:
    """Half the width of the soft band in px, of a picture of this `(h, w)`."""
    return min(WIDEST, max(3, round(BAND * max(shape[:2]))))


def soft_alpha(picture: np.ndarray, inside: np.ndarray, band: int) -> np.ndarray:
    """`(h, w)` float32 0..1 of a binary mask `inside` `(h, w)` bool: exact at a distance of `band`
    px from its edge and beyond, between them as the colours of `picture` `(h, w, 3)` u8 say.

    Worked on in tiles along the edge, so that memory follows the tile and not the picture.
    """
    result = inside.astype(np.float32)
    if not inside.any() or inside.all():
        return result
    known_in, known_out = known(inside, band)
    unknown = ~(known_in | known_out)
    for tile, around in tiles(unknown, 3 * band):
        here = unknown[tile]
        colours = picture[around].astype(np.float32) / 255
        args = (inside[around].astype(np.float32), known_in[around], known_out[around])
        soft = guided_filter(colours, mixture(colours, *args), max(1, band // 2))
        rows, columns = (
            slice(whole.start - part.start, whole.stop - part.start)
            for whole, part in zip(tile, around, strict=True)
        )
        result[tile][here] = np.clip(soft[rows, columns], 0, 1)[here]
    return result


def known(inside: np.ndarray, band: int) -> tuple[np.ndarray, np.ndarray]:
    """What is certainly the object and certainly not, at least `band` px from the edge; in thin
    parts their middle line stays known."""
    source = inside.astype(np.uint8)
    depth = cv2.distanceTransform(
        cv2.copyMakeBorder(source, 1, 1, 1, 1, cv2.BORDER_REPLICATE), 2, 5
    )
    out = 1 - source
    height = cv2.distanceTransform(cv2.copyMakeBorder(out, 1, 1, 1, 1, cv2.BORDER_REPLICATE), 2, 5)
    return depth[1:-1, 1:-1] > band, height[1:-1, 1:-1] > band


def within(where: np.ndarray, reach: float) -> np.ndarray:
    """`(h, w)` bool: at most `reach` px away from a place of `where`, which has one."""
    away = cv2.distanceTransform(1 - where.astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(away <= reach)


def mixture(
    picture: np.ndarray, hard: np.ndarray, inside: np.ndarray, outside: np.ndarray
) -> np.ndarray:
    """`(h, w)` float32: where a pixel of the unknown band lies between the colours of the known
    object and the known background near by, as a share of the object (the compositing equation
    solved by least squares over the three channels); the hard mask where both look alike."""
    front = spread(picture, inside)
    back = spread(picture, outside)
    between = front - back
    length = np.sum(between * between, axis=2)
    share = np.sum((picture - back) * between, axis=2) / np.maximum(length, 1e-6)
    trust = length / (length + 0.01)
    result = np.clip(share, 0, 1) * trust + hard * (1 - trust)
    result[inside], result[outside] = 1, 0
    return result.astype(np.float32)


def spread(picture: np.ndarray, where: np.ndarray) -> np.ndarray:
    """`(h, w, 3)` float32: each pixel has the colours of `picture` around the nearest place at
    which `where` `(h, w)` bool is true; the picture itself where there is no such place."""
    if not where.any():
        return picture
    weight = where.astype(np.float32)
    near = cv2.GaussianBlur(weight, (0, 0), SOFTENING)[..., None]
    smooth = cv2.GaussianBlur(picture * weight[..., None], (0, 0), SOFTENING)
    smooth = smooth / np.maximum(near, 1e-6)
    _, labels = cv2.distanceTransformWithLabels(
        1 - where.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    colours = np.zeros((labels.max() + 1, 3), np.float32)
    colours[labels[where]] = smooth[where]
    return colours[labels]


def decontaminated(picture: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """`(h, w, 3)` float32: the object's own colours. Where it is mixed with its old background
    (0 < alpha < 1) the background is taken out, I = a F + (1 - a) B solved for F with B from near
    by, held close to the colours of the solid object; elsewhere the picture as it is."""
    mixed = (alpha > 0) & (alpha < 1)
    if not mixed.any():
        return picture
    solid = spread(picture, alpha >= 1)
    empty = spread(picture, alpha <= 0)
    share = alpha[..., None]
    unmixed = (picture - (1 - share) * empty) / np.maximum(share, 0.05)
    held = solid + np.clip(unmixed - solid, -0.1, 0.1)
    result = picture.copy()
    result[mixed] = np.clip(share * held + (1 - share) * solid, 0, 1)[mixed]
    return result


def tiles(
    where: np.ndarray, margin: int
) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """Squares that hold all of `where`, each with what lies within `margin` px around it."""
    height, width = where.shape
    for y in range(0, height, TILE):
        for x in range(0, width, TILE):
            tile = slice(y, min(y + TILE, height)), slice(x, min(x + TILE, width))
            if where[tile].any():
                yield (
                    tile,
                    tuple(
                        slice(max(0, side.start - margin), min(side.stop + margin, most))
                        for side, most in zip(tile, (height, width), strict=True)
                    ),
                )  # type: ignore[misc]
