"""Control maps drawn from a picture by arithmetic alone: light on black, or colours.

- `DRAWERS[type](rgb, low, high) -> np.ndarray`: `(h, w, 3)` u8 of an `(h, w, 3)` u8 picture
- `draw(type, rgb, low, high)`: the same, large pictures at a size that models can use
- `normals(depth) -> np.ndarray`: directions of surfaces from a depth map

Edges for canny, light lines on black from drawings, figures as OpenPose draws them, and the colours
of segmentation maps: all as the ControlNets were trained (L. Zhang, ControlNet 1.0 and 1.1).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np

from pentimento.core.geometry import Size

LOW, HIGH = 100.0, 200.0  # thresholds on the gradient of 8-bit values, as ControlNets learned them


def canny(picture: np.ndarray, low: float = LOW, high: float = HIGH) -> np.ndarray:
    """`(h, w)` u8, 255 on an edge, of an `(h, w, 1|3|4)` u8 picture (J. Canny 1986).

    Gradients above `high` are edges, those above `low` only where they continue one.
    """
    if picture.shape[2] == 1:
        grey = np.ascontiguousarray(picture[..., 0])
    else:
        grey = cv2.cvtColor(np.ascontiguousarray(picture[..., :3]), cv2.COLOR_RGB2GRAY)
    return cv2.Canny(grey, min(low, high), max(low, high))


MOST_PIXELS = 2_000_000  # of a drawn map: lines of larger ones get lost when a model scales down
SCRIBBLE_FINE, SCRIBBLE_COARSE = 0.5, 5.0  # px, the two blurs of XDoG
SCRIBBLE_THRESHOLD = 16  # of 255, how much darker than its surroundings a stroke is
LINE_BLUR = 6.0  # px
LINE_FLOOR, LINE_NOISE = 16.0, 8.0  # of 255
EDGE_SCALES = (1.0, 2.0, 4.0)  # px
EDGE_FLOOR = 24.0  # gradients of a picture without any clear edge are not blown up beyond this
EDGE_STRONGEST = 99.5  # percentile that becomes white
TILE_BLUR = 4.0  # px
STEEPNESS = 0.6  # of surfaces: how deep a picture is, in its own widths

Drawer = Callable[[np.ndarray, float, float], np.ndarray]


def draw(kind: str, rgb: np.ndarray, low: float = LOW, high: float = HIGH) -> np.ndarray:
    """`(h, w, 3)` u8 of an `(h, w, 3)` u8 picture; `kind` is a key of DRAWERS."""
    return at_working_size(rgb, lambda small: DRAWERS[kind](small, low, high))


def at_working_size(rgb: np.ndarray, work: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """What `work` makes of the picture, or of a smaller copy that is enlarged again."""
    size = Size(rgb.shape[1], rgb.shape[0])
    if size.pixels <= MOST_PIXELS:
        return work(rgb)
    factor = (MOST_PIXELS / size.pixels) ** 0.5
    smaller = (max(1, round(size.width * factor)), max(1, round(size.height * factor)))
    made = work(cv2.resize(rgb, smaller, interpolation=cv2.INTER_AREA))
    return np.asarray(cv2.resize(made, (size.width, size.height), interpolation=cv2.INTER_LINEAR))


def _canny(rgb: np.ndarray, low: float, high: float) -> np.ndarray:
    return _grey(canny(rgb, low, high))


def _scribble(rgb: np.ndarray, _low: float, _high: float) -> np.ndarray:
    """Strokes along dark lines and at dark sides of edges (XDoG, Winnemoeller 2011)."""
    values = rgb.astype(np.float32)
    difference = _blurred(values, SCRIBBLE_COARSE) - _blurred(values, SCRIBBLE_FINE)
    return _grey(np.where(difference.min(axis=2) > SCRIBBLE_THRESHOLD, 255, 0))


def _lineart(rgb: np.ndarray, _low: float, _high: float) -> np.ndarray:
    """How much darker each pixel is than what is around it, strong lines at half and above."""
    values = rgb.astype(np.float32)
    darker = np.clip((_blurred(values, LINE_BLUR) - values).min(axis=2), 0, 255)
    clear = darker[darker > LINE_NOISE]
    usual = float(np.median(clear)) if clear.size else 0.0
    return _grey(darker / max(LINE_FLOOR, usual) * 127)


def _softedge(rgb: np.ndarray, _low: float, _high: float) -> np.ndarray:
    """The steepest gradient of several scales, a little blurred."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    steepest = np.zeros_like(grey)
    for scale in EDGE_SCALES:
        soft = _blurred(grey, scale)
        across = cv2.Sobel(soft, cv2.CV_32F, 1, 0, scale=0.125)
        down = cv2.Sobel(soft, cv2.CV_32F, 0, 1, scale=0.125)
        steepest = np.maximum(steepest, np.hypot(across, down) * scale)
    strongest = max(float(np.percentile(steepest, EDGE_STRONGEST)), EDGE_FLOOR)
    return _grey(_blurred(steepest, 1.0) / strongest * 255)


def _tile(rgb: np.ndarray, _low: float, _high: float) -> np.ndarray:
    """The picture without its detail, which the model is to invent anew."""
    return _rounded(_blurred(rgb.astype(np.float32), TILE_BLUR))


DRAWERS: dict[str, Drawer] = {
    "canny": _canny,
    "scribble": _scribble,
    "lineart": _lineart,
    "softedge": _softedge,
    "tile": _tile,
}


def normals(depth: np.ndarray) -> np.ndarray:
    """`(h, w, 3)` u8 of an `(h, w)` float32 depth map 0..1, 1 nearest: red is how far a surface
    faces left, green up, blue towards the viewer (128 is not at all)."""
    soft = _blurred(depth.astype(np.float32), 1.0)
    size = max(depth.shape)
    left = cv2.Sobel(soft, cv2.CV_32F, 1, 0, scale=0.125) * size * STEEPNESS
    up = cv2.Sobel(soft, cv2.CV_32F, 0, 1, scale=0.125) * size * STEEPNESS
    vectors = np.stack([left, up, np.ones_like(left)], axis=2)
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    return _rounded(vectors * 127 + 128)


def _blurred(values: np.ndarray, sigma: float) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma))


def _grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(_rounded(values)[..., None], 3, axis=2)


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.rint(np.clip(values, 0, 255)).astype(np.uint8))


PAPER = 0.06  # how far from the commonest grey a pixel may be to count as paper, 0..1
LEAST_PAPER = 0.7  # share of a drawing that is paper
LEAST_LINES, MOST_LINES = 0.002, 0.3  # share that is clearly not paper
CLEARLY = 0.3
MOST_COLOR = 0.12  # mean difference between the channels of what is not paper


def is_line_art(rgb: np.ndarray) -> bool:
    """Whether an `(h, w, 3)` float32 0..1 picture is a drawing in lines on even, plain paper."""
    grey = rgb.mean(axis=2)
    away = np.abs(grey - _paper(grey))
    lines = away > CLEARLY
    share = float(lines.mean())
    if not LEAST_LINES <= share <= MOST_LINES or float((away <= PAPER).mean()) < LEAST_PAPER:
        return False
    drawn = rgb[lines]
    return float((drawn.max(axis=1) - drawn.min(axis=1)).mean()) <= MOST_COLOR


def lines(rgb: np.ndarray) -> np.ndarray:
    """`(h, w)` u8 of an `(h, w, 3)` float32 0..1 drawing: how far each pixel is from the paper."""
    grey = rgb.mean(axis=2)
    away = np.abs(grey - _paper(grey))
    strongest = float(away.max()) or 1.0
    found: np.ndarray = np.rint(away / strongest * 255).astype(np.uint8)
    return found


def _paper(grey: np.ndarray) -> float:
    """The commonest grey."""
    counts, edges = np.histogram(grey, bins=64, range=(0.0, 1.0))
    most = int(counts.argmax())
    return float((edges[most] + edges[most + 1]) / 2)


LEAST_SCORE = 0.3  # of a joint that is drawn
JOINTS = 17  # of COCO: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles; left first
FROM_COCO = (0, None, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)  # None: the neck
SHOULDERS = (5, 6)  # of COCO
LIMBS = (
    *((1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11)),
    *((11, 12), (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17)),
)
LIMB_COLORS = (
    *((255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0)),
    *((0, 255, 0), (0, 255, 85), (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255)),
    *((0, 0, 255), (85, 0, 255), (170, 0, 255), (255, 0, 255), (255, 0, 170), (255, 0, 85)),
)
STROKE = 4 / 512  # half a limb's width and a joint's radius, of the picture's shorter side
DARKER = 0.6  # limbs, compared to joints


def draw_skeleton(people: np.ndarray, size: Size) -> np.ndarray:
    """`(size.height, size.width, 3)` u8 of `(n, 17, 3)` joints in COCO's order: x, y in px and how
    sure each is, 0..1."""
    limbs = np.zeros((size.height, size.width, 3), np.uint8)
    stroke = max(1, round(STROKE * size.shortest))
    figures = [_openpose(person) for person in people]
    for figure in figures:
        for (start, end), color in zip(LIMBS, LIMB_COLORS[: len(LIMBS)], strict=True):
            first, second = figure[start], figure[end]
            if first and second:
                _limb(limbs, first, second, stroke, color)
    drawn = np.rint(limbs * DARKER).astype(np.uint8)
    for figure in figures:
        for joint, color in zip(figure, LIMB_COLORS, strict=True):
            if joint:
                cv2.circle(drawn, (round(joint[0]), round(joint[1])), stroke, color, -1)
    return drawn


def _openpose(person: np.ndarray) -> list[tuple[float, float] | None]:
    """The 18 joints of OpenPose, None for those that are not seen."""
    seen = [(float(x), float(y)) if score >= LEAST_SCORE else None for x, y, score in person]
    left, right = (seen[shoulder] for shoulder in SHOULDERS)
    neck = ((left[0] + right[0]) / 2, (left[1] + right[1]) / 2) if left and right else None
    return [neck if joint is None else seen[joint] for joint in FROM_COCO]


def _limb(
    canvas: np.ndarray,
    start: tuple[float, float],
    end: tuple[float, float],
    stroke: int,
    color: tuple[int, int, int],
) -> None:
    middle = (round((start[0] + end[0]) / 2), round((start[1] + end[1]) / 2))
    length = math.dist(start, end)
    angle = math.degrees(math.atan2(end[1] - start[1], end[0] - start[0]))
    outline = cv2.ellipse2Poly(middle, (round(length / 2), stroke), round(angle), 0, 360, 1)
    cv2.fillConvexPoly(canvas, np.array(outline), color)


# The 150 kinds of ADE20K, in its order: wall, building, sky, floor, tree, ceiling, road, bed ...
SEGMENT_COLORS = np.frombuffer(
    bytes.fromhex("""
    787878 b47878 06e6e6 503232 04c803 787850 8c8c8c cc05ff e6e6e6 04fa07 e005ff ebff07 96053d
    787846 08ff33 ff0652 8fff8c ccff04 ff3307 cc4603 0066c8 3de6fa ff0633 0b66ff ff0747 ff09e0
    0907e6 dcdcdc ff095c 7009ff 08ffd6 07ffe0 ffb806 0aff47 ff290a 07ffff e0ff08 6608ff ff3d06
    ffc207 ff7a08 00ff14 ff0829 ff0599 0633ff eb0cff a09614 00a3ff 8c8c8c fa0a0f 14ff00 1fff00
    ff1f00 ffe000 99ff00 0000ff ff4700 00ebff 00adff 1f00ff 0bc8c8 ff5200 00fff5 003dff 00ff70
    00ff85 ff0000 ffa300 ff6600 c2ff00 008fff 33ff00 0052ff 00ff29 00ffad 0a00ff adff00 00ff99
    ff5c00 ff00ff ff00f5 ff0066 ffad00 ff0014 ffb8b8 001fff 00ff3d 0047ff ff00cc 00ffc2 00ff52
    000aff 0070ff 3300ff 00c2ff 007aff 00ffa3 ff9900 00ff0a ff7000 8fff00 5200ff a3ff00 ffeb00
    08b8aa 8500ff 00ff5c b800ff ff001f 00b8ff 00d6ff ff0070 5cff00 00e0ff 70e0ff 46b8a0 a300ff
    9900ff 47ff00 ff00a3 ffcc00 ff008f 00ffeb 85ff00 ff00eb f500ff ff007a fff500 0abed4 d6ff00
    00ccff 1400ff ffff00 0099ff 0029ff 00ffcc 2900ff 29ff00 ad00ff 00f5ff 4700ff 7a00ff 00ffb8
    005cff b8ff00 0085ff ffd600 19c2c2 66ff00 5c00ff
"""),
    np.uint8,
).reshape(-1, 3)


def colored(kinds: np.ndarray) -> np.ndarray:
    """`(h, w, 3)` u8 of `(h, w)` numbers of kinds."""
    return np.asarray(SEGMENT_COLORS[kinds % len(SEGMENT_COLORS)])
