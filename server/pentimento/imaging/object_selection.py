"""Selecting an object without a model: GrabCut (Rother, Kolmogorov and Blake 2004) on a reduced
picture, refined at full size to a soft mask by `imaging.matting`.

Hints are clicks on the object or beside it, a box around it, or a rough selection of it; without a
box the object is looked for around the clicks, without anything in the middle of the picture. Where
somebody selected the object already, only the edge is looked for, near the selection's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from pentimento.core.geometry import Box
from pentimento.imaging import matting, subject

WORKING_SIDE = 480  # px; the longer side at which the cut is made
ITERATIONS = 5
NEAREST = cv2.INTER_NEAREST
KEPT = 4  # answers for a box, of at most a megabyte each
DOT = 0.012  # radius of a click, share of the longer side
MARGIN = 0.04  # around a picture whose subject is looked for, share of each side
GROWTH = 0.04  # of what is alike, share of the longer side
REACH = 0.08  # of a rough selection's edge, share of its size (the root of its area)
AROUND = 0.25  # of a rough selection's box, looked at on each side
LOOK = 12.0  # CIELAB units around a clicked colour that count as the object to begin with


@dataclass(frozen=True, slots=True)
class Click:
    """A place in px; `wanted` says whether the object is there."""

    x: float
    y: float
    wanted: bool = True


def select(
    picture: np.ndarray,
    clicks: tuple[Click, ...] = (),
    box: Box | None = None,
    rough: np.ndarray | None = None,
) -> np.ndarray:
    """How much of each pixel belongs to the object, `(h, w)` float32 0..1, of an `(h, w, 3)` u8
    sRGB picture. `rough`: `(h, w)` bool, a selection that holds the object but for its exact edge;
    the box is not looked at then."""
    if rough is not None and rough.any():
        return _near_selection(picture, clicks, rough)
    height, width = picture.shape[:2]
    small, sx, sy = _reduced(picture)
    if box is None and not clicks:
        rough = _standing_out(small)
        if rough is not None:
            full = cv2.resize(rough.astype(np.uint8), (width, height), interpolation=NEAREST) > 0
            return _near_selection(picture, (), full)
    places = _scaled(clicks, sx, sy)
    if box is None and any(click.wanted for click in clicks):
        cut = _cut(small, _hints(small, places), alone=True)
    else:
        around = box.scaled(sx, sy) if box else middle(small.shape[1], small.shape[0])
        cut = _within(small, places, around)
    inside = cv2.resize(cut.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return matting.soft_alpha(picture, inside > 0.5, matting.band_of(inside.shape))


def _standing_out(small: np.ndarray) -> np.ndarray | None:
    """A rough selection of the subject, where what a box around the middle gives has no outline in
    the picture; None where it has one, or nothing with one is found."""
    around = middle(small.shape[1], small.shape[0])
    if subject.edge_support(small, _within(small, [], around)) >= subject.SUPPORTED:
        return None
    other = subject.standing_out(small, around)
    if not other.any():
        return None
    found = _near_selection(small, (), other) > 0.5
    return other if subject.edge_support(small, found) >= subject.SUPPORTED else None


def _reduced(picture: np.ndarray) -> tuple[np.ndarray, float, float]:
    """The picture at the size of the cut, and the factors of its width and height."""
    height, width = picture.shape[:2]
    scale = min(1.0, WORKING_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return small, size[0] / width, size[1] / height


def _scaled(clicks: tuple[Click, ...], sx: float, sy: float) -> list[Click]:
    return [Click(click.x * sx, click.y * sy, click.wanted) for click in clicks]


def _near_selection(
    picture: np.ndarray, clicks: tuple[Click, ...], rough: np.ndarray
) -> np.ndarray:
    """The edge moves within `reach_of` the selection's own; what lies deeper keeps its side,
    and so do thin parts, whose middle line is certain."""
    part = _neighbourhood(rough, clicks)
    near, selected = picture[part], rough[part]
    small, sx, sy = _reduced(near)
    size = (small.shape[1], small.shape[0])
    share = cv2.resize(selected.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    lab = _smooth_lab(small)
    labels = _labels_near(share > 0.5, lab)
    rows, columns = part
    moved = tuple(Click(one.x - columns.start, one.y - rows.start, one.wanted) for one in clicks)
    _mark(labels, lab, _scaled(moved, sx, sy))
    alike = _tells_nothing(labels, lab)
    found = np.where(alike, share > 0.5, _parted(small, labels))
    large = (selected.shape[1], selected.shape[0])
    inside = cv2.resize(found.astype(np.float32), large, interpolation=cv2.INTER_LINEAR) > 0.5
    soft = matting.soft_alpha(near, inside, matting.band_of(picture.shape))
    kept = (alike | (labels == cv2.GC_FGD)).astype(np.uint8)
    kept = cv2.resize(kept, large, interpolation=cv2.INTER_NEAREST) > 0
    soft[kept & selected] = 1  # a thin part does not look like the rest of its object
    alpha = np.zeros(rough.shape, np.float32)
    alpha[part] = soft
    return alpha


def reach_of(rough: np.ndarray) -> int:
    """px by which the edge of a rough selection `(h, w)` bool may be wrong."""
    return max(3, round(REACH * float(rough.sum()) ** 0.5))


def held(found: np.ndarray, rough: np.ndarray) -> np.ndarray:
    """`found` `(h, w)` bool within reach of a rough selection's edge, elsewhere the selection."""
    inside, outside = matting.known(rough, reach_of(rough))
    return (found | inside) & ~outside


def bounds_of(rough: np.ndarray) -> Box:
    """The box of a selection `(h, w)` bool that is not empty."""
    rows, columns = (np.flatnonzero(rough.any(axis=axis)) for axis in (1, 0))
    return Box.from_edges(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def _neighbourhood(rough: np.ndarray, clicks: tuple[Click, ...]) -> tuple[slice, slice]:
    """The selection's box with what is around it, and all clicks."""
    box, reach = bounds_of(rough), reach_of(rough)
    sides = []
    for first, last, places, most in (
        (box.y, box.bottom, [click.y for click in clicks], rough.shape[0]),
        (box.x, box.right, [click.x for click in clicks], rough.shape[1]),
    ):
        more = reach + round(AROUND * (last - first))
        least = min([float(first), *places]) - more
        sides.append(slice(max(0, int(least)), min(int(max([last, *places])) + more + 1, most)))
    return sides[0], sides[1]


def _labels_near(rough: np.ndarray, lab: np.ndarray) -> np.ndarray:
    """GrabCut's labels for a rough selection: what is certain where it follows the object's edge;
    where it only goes around the object, all of the inside is open."""
    if not _follows_an_edge(rough, lab):
        return np.where(rough, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    reach = reach_of(rough)
    inside, outside = matting.known(rough, reach)
    labels = np.where(rough, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[inside | _middle_lines(rough, reach / 2)] = cv2.GC_FGD
    labels[outside] = cv2.GC_BGD
    return labels


def _tells_nothing(labels: np.ndarray, lab: np.ndarray) -> np.ndarray:
    """`(h, w)` bool: open places whose nearest certain object and background look alike. There
    the picture has no edge to find, and the selection's own stays."""
    inside, outside = labels == cv2.GC_FGD, labels == cv2.GC_BGD
    if not inside.any() or not outside.any():
        return np.zeros(labels.shape, bool)
    unlike = matting.spread(lab, inside) - matting.spread(lab, outside)
    return ~inside & ~outside & (np.linalg.norm(unlike, axis=2) < LOOK / 2)


def _follows_an_edge(rough: np.ndarray, lab: np.ndarray) -> bool:
    """Whether along half of the selection's edge the colours inside differ from those outside, as
    they lie between half its reach and all of it away from the edge."""
    reach = reach_of(rough)
    rings = [
        near & ~far
        for near, far in zip(
            matting.known(rough, reach // 2), matting.known(rough, reach), strict=True
        )
    ]
    if not all(ring.any() for ring in rings):
        return True
    within, beyond = (matting.spread(lab, ring) for ring in rings)
    outline = rough & (cv2.erode(rough.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0)
    unlike = np.linalg.norm(within - beyond, axis=2)[outline] > LOOK
    return float(unlike.mean()) >= 0.5 if unlike.size else True


def _middle_lines(rough: np.ndarray, depth: float) -> np.ndarray:
    """`(h, w)` bool: where a part of the selection is as deep as it gets, at least `depth` px."""
    depths = cv2.distanceTransform(rough.astype(np.uint8), cv2.DIST_L2, 5)
    ridge = depths >= cv2.dilate(depths, np.ones((3, 3), np.uint8)) - 1e-3
    return np.asarray(ridge & (depths >= depth))


def _within(picture: np.ndarray, clicks: list[Click], box: Box) -> np.ndarray:
    """`(h, w)` bool: the object in a box, and then with clicks where that was wrong. They change
    what the box alone has found where they are: from the start, and everywhere, they would also
    unsettle what was right."""
    found = _in_box(picture.tobytes(), picture.shape[:2], box)
    if not clicks:
        return found
    labels = _labels_of(box, found.shape)
    labels[(labels == cv2.GC_PR_FGD) & ~found] = cv2.GC_PR_BGD
    _mark(labels, _smooth_lab(picture), clicks)
    again = _cut(picture, labels, alone=False)
    return found ^ _touched(found ^ again, clicks)


@lru_cache(maxsize=KEPT)
def _in_box(picture: bytes, size: tuple[int, int], box: Box) -> np.ndarray:
    """What GrabCut finds in a box of an `(h, w, 3)` u8 picture, `(h, w)` bool: click after click
    begins with the same."""
    colours = np.frombuffer(picture, np.uint8).reshape(*size, 3)
    found = _cut(colours, _labels_of(box, size), alone=False)
    found.flags.writeable = False
    return found


def _labels_of(box: Box, size: tuple[int, ...]) -> np.ndarray:
    labels = np.full(size, cv2.GC_BGD, np.uint8)
    labels[box.y : box.bottom, box.x : box.right] = cv2.GC_PR_FGD
    return labels


def _touched(part: np.ndarray, clicks: list[Click]) -> np.ndarray:
    """`(h, w)` bool: what of it hangs together with a click."""
    near = np.zeros(part.shape, np.uint8)
    for click in clicks:
        cv2.circle(near, _place(click), 2 * _dot(part), 1, -1)
    _, parts = cv2.connectedComponents(part.astype(np.uint8), connectivity=8)
    return part & np.isin(parts, np.unique(parts[near > 0]))


def _hints(picture: np.ndarray, clicks: list[Click]) -> np.ndarray:
    """GrabCut's labels where clicks alone say it, `(h, w)` u8: certain and likely object and
    background."""
    lab = _smooth_lab(picture)
    labels = np.full(picture.shape[:2], cv2.GC_PR_BGD, np.uint8)
    for click in clicks:
        if click.wanted:
            labels[_grown(_alike(lab, click, LOOK))] = cv2.GC_PR_FGD
    _mark(labels, lab, clicks)
    return labels


def _mark(labels: np.ndarray, lab: np.ndarray, clicks: list[Click]) -> None:
    """Sets what clicks are certain of: a dot, but for what looks different in it, as beside a
    narrow part, and what looks the same right around it."""
    radius = _dot(labels)
    for click in clicks:
        for look, reach in ((LOOK, radius), (LOOK / 2, 8 * radius)):
            near = cv2.circle(np.zeros_like(labels), _place(click), reach, 1, -1) > 0
            sure = near & _alike(lab, click, look)
            labels[sure] = cv2.GC_FGD if click.wanted else cv2.GC_BGD


def _dot(picture: np.ndarray) -> int:
    """px, the radius of a click."""
    return max(1, round(DOT * max(picture.shape)))


def _place(click: Click) -> tuple[int, int]:
    return round(click.x), round(click.y)


def _cut(picture: np.ndarray, labels: np.ndarray, alone: bool) -> np.ndarray:
    """`(h, w)` bool. Both sides must have something; else the hints themselves are the answer.
    `alone`: only what hangs together with a click is the object, whatever else looks like it."""
    likely = (labels == cv2.GC_PR_FGD) | (labels == cv2.GC_FGD)
    cut = _parted(picture, labels)
    return _without_crumbs(cut if cut.any() else likely, labels == cv2.GC_FGD, alone)


def _parted(picture: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """GrabCut's answer, `(h, w)` bool; the labels' own where one side has nothing."""
    likely = (labels == cv2.GC_PR_FGD) | (labels == cv2.GC_FGD)
    if likely.all() or not likely.any():
        return likely
    models = np.zeros((1, 65)), np.zeros((1, 65))
    unused = (0, 0, 0, 0)  # a rectangle, which labels make needless
    cv2.setRNGSeed(0)  # k-means inside begins by chance
    result, *_ = cv2.grabCut(
        np.ascontiguousarray(picture[..., ::-1]),
        *(labels.copy(), unused, *models, ITERATIONS, cv2.GC_INIT_WITH_MASK),
    )
    return np.asarray((result == cv2.GC_FGD) | (result == cv2.GC_PR_FGD))


def _without_crumbs(cut: np.ndarray, clicked: np.ndarray, alone: bool) -> np.ndarray:
    """The parts that were clicked, and unless they are `alone` those of at least a tenth of the
    largest; small holes are closed."""
    count, parts, stats, _ = cv2.connectedComponentsWithStats(cut.astype(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    if count < 2:
        return cut
    least = areas[1:].max() / 10
    touched = set(np.unique(parts[clicked & cut]))
    alone = alone and bool(touched)
    kept = [
        part for part in range(1, count) if part in touched or (areas[part] >= least and not alone)
    ]
    whole = np.isin(parts, kept)
    holes, gaps, sizes, _ = cv2.connectedComponentsWithStats(1 - whole.astype(np.uint8))
    small = [gap for gap in range(1, holes) if sizes[gap, cv2.CC_STAT_AREA] < least / 20]
    return whole | np.isin(gaps, small)


def _smooth_lab(picture: np.ndarray) -> np.ndarray:
    """`(h, w, 3)` float32 CIELAB, smoothed a little against grain."""
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return cv2.GaussianBlur(lab, (0, 0), 1.0)


def _alike(lab: np.ndarray, click: Click, look: float) -> np.ndarray:
    """`(h, w)` bool: what has a clicked colour, within `look` CIELAB units, and hangs together with
    the click."""
    height, width = lab.shape[:2]
    x, y = min(max(round(click.x), 0), width - 1), min(max(round(click.y), 0), height - 1)
    near = np.linalg.norm(lab - lab[y, x], axis=2) < look
    _, parts = cv2.connectedComponents(near.astype(np.uint8))
    return np.asarray(parts == parts[y, x])


def _grown(part: np.ndarray) -> np.ndarray:
    """With the neighbourhood in which GrabCut looks for the object's edge."""
    reach = max(3, round(GROWTH * max(part.shape))) | 1
    return cv2.dilate(part.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0


def middle(width: int, height: int) -> Box:
    """Where the subject of a picture is looked for."""
    x, y = round(width * MARGIN), round(height * MARGIN)
    return Box(x, y, max(1, width - 2 * x), max(1, height - 2 * y))
