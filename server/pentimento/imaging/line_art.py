"""Drawings: recognised, and turned into the light lines on black that controls are steered by."""

from __future__ import annotations

import numpy as np

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
