"""How well objects are selected on drawn scenes with known alpha:
`python -m benchmarks.object_selection`."""

from __future__ import annotations

import argparse
import time

import numpy as np
from tests.imaging.test_object_selection import correcting_clicks
from tests.support.drawn_objects import outline, scene

from pentimento.imaging.object_selection import Click, select

OFF = 0.04  # of the object's size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=200)
    scenes = [scene(seed) for seed in range(parser.parse_args().scenes)]
    started = time.monotonic()
    rows: dict[str, list[tuple[float, float]]] = {"box": [], "box + 2 clicks": [], "1 click": []}
    rows |= {"outline alone": [], "outline": []}
    for one in scenes:
        boxed = select(one.picture, box=one.box)
        rough = outline(one, off=OFF)
        middle = np.median(np.argwhere(one.alpha > 0.5), axis=0)
        found = {
            "box": boxed,
            "box + 2 clicks": select(one.picture, correcting_clicks(one, boxed), one.box),
            "outline alone": rough.astype(np.float32),
            "outline": select(one.picture, rough=rough),
            "1 click": select(one.picture, (Click(float(middle[1]), float(middle[0])),)),
        }
        for name, alpha in found.items():
            error = float(np.abs(alpha - one.alpha).mean())
            rows[name].append((one.agreement(alpha), error))
    for name, values in rows.items():
        agreement, error = np.mean(values, axis=0)
        print(f"{name:16} IoU {agreement:.4f}  alpha error {error:.4f}")
    print(f"{(time.monotonic() - started) / len(scenes) / 3:.2f} s each")


if __name__ == "__main__":
    main()
