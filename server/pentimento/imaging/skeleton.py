"""Figures of people as OpenPose draws them, which pose ControlNets were trained on."""

from __future__ import annotations

import math

import cv2
import numpy as np

from pentimento.imaging.geometry import Size

LEAST_SCORE = 0.3  # of a joint that is drawn
JOINTS = 17  # of COCO: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles; left first
FROM_COCO = (0, None, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)  # None: the neck
SHOULDERS = (5, 6)  # of COCO
LIMBS = (
    *((1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11)),
    *((11, 12), (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17)),
)
COLORS = (
    *((255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0)),
    *((0, 255, 0), (0, 255, 85), (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255)),
    *((0, 0, 255), (85, 0, 255), (170, 0, 255), (255, 0, 255), (255, 0, 170), (255, 0, 85)),
)
STROKE = 4 / 512  # half a limb's width and a joint's radius, of the picture's shorter side
DARKER = 0.6  # limbs, compared to joints


def draw(people: np.ndarray, size: Size) -> np.ndarray:
    """`(size.height, size.width, 3)` u8 of `(n, 17, 3)` joints in COCO's order: x, y in px and how
    sure each is, 0..1."""
    limbs = np.zeros((size.height, size.width, 3), np.uint8)
    stroke = max(1, round(STROKE * size.shortest))
    figures = [_openpose(person) for person in people]
    for figure in figures:
        for (start, end), color in zip(LIMBS, COLORS[: len(LIMBS)], strict=True):
            first, second = figure[start], figure[end]
            if first and second:
                _limb(limbs, first, second, stroke, color)
    drawn = np.rint(limbs * DARKER).astype(np.uint8)
    for figure in figures:
        for joint, color in zip(figure, COLORS, strict=True):
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
