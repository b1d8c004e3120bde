"""A small classifier that names the thing in a picture, trained on generator pictures only.

    python -m training.judge OUT.pt --minutes 4

It measures the starter model and is not shipped.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from training.autoencoder import to_tensor
from training.checkpoint import one_thread
from training.scenes import make_closeup, make_scene
from training.scenes.canvas import Array
from training.scenes.studies import STUDY_KINDS, study
from training.scenes.styles import apply_style

SIDE = 64
HOLE = 0.24  # radius of the holes that are inpainted, of the picture's side


class Judge(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in ((3, 24), (24, 48), (48, 96), (96, 128)):
            layers += [nn.Conv2d(before, after, 3, 2, 1), nn.BatchNorm2d(after), nn.ReLU()]
            layers += [nn.Conv2d(after, after, 3, 1, 1), nn.BatchNorm2d(after), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(128, len(STUDY_KINDS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x).amax((2, 3)))

    @torch.no_grad()
    def names(self, pictures: list[Array]) -> list[str]:
        """The kind it sees in each picture (any size)."""
        x = F.interpolate(to_tensor(np.stack(pictures)), (SIDE, SIDE), mode="area")
        return [STUDY_KINDS[i] for i in self(x).argmax(1)]


def in_scene(rng: np.random.Generator) -> tuple[Array, str]:
    """The square around a thing of a landscape, (SIDE, SIDE, 3) uint8, and its kind."""
    while True:
        picture, _caption, facts = make_scene(rng, 2 * SIDE, 2 * SIDE, simple=rng.random() < 0.5)
        things = [t for t in facts.everything if t.kind in STUDY_KINDS]
        if not things:
            continue
        thing = things[int(rng.integers(len(things)))]
        left, top, right, bottom = thing.box
        half = max(right - left, bottom - top) / 2 * rng.uniform(1.05, 1.7)
        x, y = (left + right) / 2, (top + bottom) / 2
        edges = [round(value) for value in (x - half, y - half, x + half, y + half)]
        if half < SIDE / 5 or min(edges) < 0 or max(edges) > 2 * SIDE:
            continue
        cut = picture[edges[1] : edges[3], edges[0] : edges[2]]
        return cv2.resize(cut, (SIDE, SIDE), interpolation=cv2.INTER_AREA), thing.kind


def filled_in(rng: np.random.Generator) -> tuple[Array, str]:
    """A thing with its surroundings in a round hole of another landscape, as inpainting leaves it:
    the square around the hole, (SIDE, SIDE, 3) uint8, and its kind."""
    side = 2 * SIDE
    radius = round(HOLE * side)
    while True:
        picture, _caption, facts = make_closeup(rng, side, side, simple=rng.random() < 0.5)
        thing = facts.things[0]
        left, top, right, bottom = thing.box
        span = max(right - left, bottom - top) / (2 * radius)
        x, y = round((left + right) / 2), round((top + bottom) / 2)
        inside = radius <= min(x, y) and max(x, y) <= side - radius
        if thing.kind not in STUDY_KINDS or not inside or not 0.6 < span < 1.25:
            continue
        ground, _caption, _facts = make_scene(rng, side, side)
        hole = np.zeros((2 * radius, 2 * radius, 1), np.uint8)
        cv2.circle(hole, (radius, radius), radius, 1, -1)
        around = ground[y - radius : y + radius, x - radius : x + radius]
        cut = np.where(hole > 0, picture[y - radius : y + radius, x - radius : x + radius], around)
        return cv2.resize(cut, (SIDE, SIDE), interpolation=cv2.INTER_AREA), thing.kind


def alone(rng: np.random.Generator) -> tuple[Array, str]:
    """A thing on a plain ground, (SIDE, SIDE, 3) uint8, and its kind."""
    cv, facts, _caption = study(rng, SIDE, SIDE, simple=rng.random() < 0.5)
    img = apply_style(cv.img, "oil", rng) if rng.random() < 0.15 else cv.img
    return np.clip(img * 255, 0, 255).astype(np.uint8), facts.things[0].kind


def batch(
    rng: np.random.Generator, size: int, scenes: float = 0.2, holes: float = 0.35
) -> tuple[torch.Tensor, torch.Tensor]:
    """Shares of things in scenes and in holes, the rest alone; some softened: a generated picture
    is not as sharp as a drawn one."""
    pictures, kinds = [], []
    for _ in range(size):
        r = rng.random()
        draw = in_scene if r < scenes else filled_in if r < scenes + holes else alone
        picture, kind = draw(rng)
        pictures.append(picture)
        kinds.append(STUDY_KINDS.index(kind))
    x = to_tensor(np.stack(pictures))
    if rng.random() < 0.5:
        small = int(rng.integers(20, 60))
        soft = F.interpolate(x, (small, small), mode="area")
        x = F.interpolate(soft, (SIDE, SIDE), mode="bilinear")
    return x + 0.05 * torch.randn_like(x), torch.tensor(kinds)


def train(out: Path, minutes: float) -> None:
    torch.manual_seed(0)
    rng = np.random.default_rng(77)
    judge = Judge()
    optimizer = torch.optim.AdamW(judge.parameters(), 2e-3, weight_decay=1e-2)
    start = time.time()
    while (spent := (time.time() - start) / 60) < minutes:
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * (1 - spent / minutes) + 1e-5
        x, y = batch(rng, 48)
        loss = F.cross_entropy(judge(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.save(judge.state_dict(), out)
    judge.eval()
    print(f"on 960 new pictures of one thing: {accuracy(judge):.3f}")
    print(f"on 960 new things in holes: {hole_accuracy(judge):.3f}")


def accuracy(judge: Judge) -> float:
    """Share right of 960 new pictures of one thing on a plain ground."""
    return _accuracy(judge, holes=0)


def hole_accuracy(judge: Judge) -> float:
    """Share right of 960 new things in round holes of other landscapes."""
    return _accuracy(judge, holes=1)


@torch.no_grad()
def _accuracy(judge: Judge, holes: float) -> float:
    rng = np.random.default_rng(123456)
    torch.manual_seed(1)
    hits = []
    for _ in range(20):
        x, y = batch(rng, 48, 0, holes)
        hits.append(float((judge(x).argmax(1) == y).float().mean()))
    return float(np.mean(hits))


def load(path: Path) -> Judge:
    judge = Judge()
    judge.load_state_dict(torch.load(path, weights_only=True))
    return judge.eval()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train the classifier that scores kinds.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=4)
    args = parser.parse_args()
    one_thread()
    train(args.out, args.minutes)
