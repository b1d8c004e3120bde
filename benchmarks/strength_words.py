"""Fits what "touch up", "restyle" and "repaint" mean: how much of a photograph's structure stays at
each strength, measured with the starter, and at which signal over noise the words' shares are met.

    python benchmarks/strength_words.py --photographs FOLDER [--side 320] [--steps 8]

Prints the curve and the numbers of `models/tables/strength_words.py`, and what strengths they are
for the families: the starter's is measured, all others follow from their noise formulas.

Structure kept is the correlation of brightness between 2 and 8 px (a difference of two blurs), of
a photograph and its repainted copy, without detail given back; 0 is that of noise alone.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import cv2
import numpy as np
from selection import Studio, read

from pentimento.engine import quiet
from pentimento.imaging import noise_levels, pixels
from pentimento.models.library.registry import Registry

STRENGTHS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
KEPT = {"touch_up": 0.92, "restyle": 0.6, "repaint": 0.2}  # of what least noise keeps


def structure(picture: np.ndarray) -> np.ndarray:
    grey = np.float32(picture[..., :3] @ pixels.LUMA)
    return cv2.GaussianBlur(grey, (0, 0), 2) - cv2.GaussianBlur(grey, (0, 0), 8)


def kept(studio: Studio, photographs: list[np.ndarray], strength: float) -> float:
    found = []
    for number, photograph in enumerate(photographs):
        asked = {"strength": strength, "detail_correction": False, "seed": number}
        made, _, _ = studio.make(photograph, **asked)
        pair = [structure(one).ravel() for one in (photograph, made)]
        found.append(np.corrcoef(*pair)[0, 1])
    return float(np.mean(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photographs", type=Path, required=True)
    parser.add_argument("--side", type=int, default=320)
    parser.add_argument("--steps", type=int, default=8)
    asked = parser.parse_args()
    quiet.silence()
    photographs = []
    for picture in read(asked.photographs):
        scale = asked.side / max(picture.shape[:2])
        photographs.append(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=3))
    with tempfile.TemporaryDirectory(prefix="pentimento-") as folder:
        studio = Studio(Path(folder), asked.steps)
        alphas = noise_levels.alphas_cumprod(Registry(Path(folder)).get("starter").scheduler)
        curve = []
        for strength in STRENGTHS:
            t = noise_levels.timesteps(alphas, 1, strength)[0]
            snr = alphas[t] / (1 - alphas[t])
            curve.append((strength, snr, kept(studio, photographs, strength)))
            print(f"{strength:5.2f}  signal over noise {snr:10.5f}  kept {curve[-1][2]:.3f}")
    most, least = curve[0][2], curve[-1][2]
    shares = np.maximum.accumulate([(one[2] - least) / (most - least) for one in curve[::-1]])
    strengths = np.array([one[0] for one in curve[::-1]])
    for word, share in KEPT.items():
        strength = float(np.interp(share, shares, strengths))
        snr = math.exp(
            np.interp(strength, [c[0] for c in curve], [math.log(max(c[1], 1e-9)) for c in curve])
        )
        print(f"{word:9} keeps {share}: {strength:.3f} of the starter, signal over noise {snr:.4g}")


if __name__ == "__main__":
    main()
