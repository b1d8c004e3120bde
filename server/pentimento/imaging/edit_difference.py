"""What an edit has changed: models that follow instructions also shift, zoom and tint all of a
picture a little. That is measured and undone, and what differs then is the change.

The shift of blocks is found by phase correlation (Kuglin and Hines 1975), a similarity is fitted
to them without those that moved otherwise, and the colours by a line for each channel on what is
alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

BLOCK = 64  # px; blocks that are compared overlap by half
ROUNDS = 4  # of measuring and undoing; the last ones find hundredths of a pixel
TEXTURE = 0.01  # least deviation in a block that can be placed
FEWEST = 6  # blocks that a similarity is fitted to
AGREEING = 0.75  # px that a block may be off the similarity
NOISE = 4.0  # deviations that count as a difference
LEAST = 0.02  # of full scale, the least difference that counts
EDGES = 0.5  # of the steps near by: what a hundredth of a pixel and the resampling leave there
CLOSED = 1 / 60  # of the shorter side, gaps that are closed
CRUMB = 1 / 100  # of the shorter side, the side of what is too small to be a change
FEATHER = 1 / 150  # of the shorter side, sigma of the soft edge around a change
MOST = 0.7  # share of the picture beyond which all of it counts as changed


@dataclass(frozen=True, slots=True)
class Difference:
    """`picture` `(h, w, 3)` float32 is the edit without shift, zoom and tint; `mask` `(h, w)`
    float32 0..1 is 1 on what was changed. `matrix` `(2, 3)` takes a place in the source to the same
    in the edit, px."""

    picture: np.ndarray
    mask: np.ndarray
    matrix: np.ndarray

    def facts(self) -> dict[str, object]:
        zoom = float(np.hypot(self.matrix[0, 0], self.matrix[1, 0]))
        height, width = self.mask.shape
        middle = np.array([(width - 1) / 2, (height - 1) / 2, 1.0])
        shift = self.matrix @ middle - middle[:2]
        return {
            "share": round(float(self.mask.mean()), 4),
            "shift": [round(float(value), 2) for value in shift],
            "zoom": round(zoom, 4),
        }


def measure(source: np.ndarray, edited: np.ndarray) -> Difference | None:
    """Both `(h, w, 3)` float32 0..1 of one size. None where the two can't be laid on one another,
    or nearly all is new: then the whole edit counts."""
    matrix = _similarity(_luma(source), _luma(edited))
    if matrix is None:
        return None
    size = (source.shape[1], source.shape[0])
    back = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
    laid = cv2.warpAffine(edited, matrix, size, flags=back, borderMode=cv2.BORDER_REFLECT)
    laid = np.clip(_without_tint(laid, source), 0, 1).astype(np.float32)
    mask = _changed(source, laid)
    if float(mask.mean()) > MOST:
        return None
    return Difference(laid, mask, matrix)


def _luma(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(picture.astype(np.float32), cv2.COLOR_RGB2GRAY)


def _similarity(source: np.ndarray, edited: np.ndarray) -> np.ndarray | None:
    """`(2, 3)`: where a place of the source is in the edit."""
    matrix = np.array([[1, 0, 0], [0, 1, 0]], np.float64)
    size = (source.shape[1], source.shape[0])
    for _ in range(ROUNDS):
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        laid = cv2.warpAffine(edited, matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT)
        places, shifts = _shifts(source, laid)
        if len(places) < FEWEST:
            return None
        left, kept = cv2.estimateAffinePartial2D(
            places, places + shifts, method=cv2.RANSAC, ransacReprojThreshold=AGREEING
        )
        if left is None or int(kept.sum()) < max(FEWEST, len(places) // 3):
            return None
        matrix = (_square(matrix) @ _square(left))[:2]
    return matrix


def _square(matrix: np.ndarray) -> np.ndarray:
    return np.vstack([matrix, [0, 0, 1]])


def _shifts(source: np.ndarray, laid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The middles of the blocks that have something to see, and how far each is off: `(n, 2)`
    px."""
    height, width = source.shape
    side = min(BLOCK, height, width)
    window = cv2.createHanningWindow((side, side), cv2.CV_32F)
    places, shifts = [], []
    for y in range(0, height - side + 1, max(1, side // 2)):
        for x in range(0, width - side + 1, max(1, side // 2)):
            here = np.s_[y : y + side, x : x + side]
            one, other = source[here], laid[here]
            if min(one.std(), other.std()) < TEXTURE:
                continue
            (across, down), _response = cv2.phaseCorrelate(
                one - one.mean(), other - other.mean(), window
            )
            places.append((x + (side - 1) / 2, y + (side - 1) / 2))
            shifts.append((across, down))
    return np.array(places).reshape(-1, 2), np.array(shifts).reshape(-1, 2)


def _without_tint(laid: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Each channel by the line that takes it to the source's, fitted again and again to what is
    alike after it."""
    result = laid.copy()
    alike = np.ones(laid.shape[:2], bool)
    inner = np.zeros_like(alike)
    inner[4:-4, 4:-4] = True
    for _ in range(6):
        where = alike & inner
        if where.sum() < 64:
            return result
        for channel in range(3):
            have = laid[..., channel][where].astype(np.float64)
            want = source[..., channel][where].astype(np.float64)
            spread = have.var()
            gain = np.cov(have, want, bias=True)[0, 1] / spread if spread > 1e-8 else 1.0
            gain = float(np.clip(gain, 0.5, 2.0))
            result[..., channel] = gain * laid[..., channel] + (want.mean() - gain * have.mean())
        error = np.abs(result - source).max(axis=2)
        alike = error <= max(LEAST, 2.5 * float(np.median(error[inner])))
    return result


def _changed(source: np.ndarray, laid: np.ndarray) -> np.ndarray:
    """`(h, w)` float32: 1 where the two differ by more than noise and resampling leave, closed,
    without crumbs, with a soft edge around it."""
    height, width = source.shape[:2]
    shorter = min(height, width)
    error = np.abs(laid - source).max(axis=2)
    error = cv2.medianBlur(np.ascontiguousarray(error), 3)  # keeps a change's edge in its place
    noise = 1.4826 * float(np.median(np.abs(error - np.median(error))))
    kernel = np.ones((5, 5), np.uint8)
    steps = (cv2.dilate(source, kernel) - cv2.erode(source, kernel)).max(axis=2)
    limit = max(LEAST, float(np.median(error)) + NOISE * noise) + EDGES * steps
    found = (error > limit).astype(np.uint8)
    gap = max(3, round(shorter * CLOSED)) | 1
    round_gap = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (gap, gap))
    found = cv2.morphologyEx(found, cv2.MORPH_CLOSE, round_gap)
    found = _without_crumbs(found, max(2.0, shorter * CRUMB) ** 2)
    sigma = max(0.7, shorter * FEATHER)
    soft = cv2.GaussianBlur(found.astype(np.float32), (0, 0), sigma)
    soft[soft < 1 / 255] = 0
    return np.maximum(soft, found.astype(np.float32))


def _without_crumbs(found: np.ndarray, least: float) -> np.ndarray:
    """Parts of at least so many px; the holes in them are closed."""
    count, parts, stats, _ = cv2.connectedComponentsWithStats(found, connectivity=8)
    kept = [n for n in range(1, count) if stats[n, cv2.CC_STAT_AREA] >= least]
    whole = np.isin(parts, kept).astype(np.uint8)
    outlines, _ = cv2.findContours(whole, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(whole, outlines, -1, 1, cv2.FILLED)
