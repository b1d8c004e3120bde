"""An experiment: does a small network that was trained on drawn scenes select better than GrabCut?

    python -m training.segmenter --minutes 5 --sheet sheet.png --photographs FOLDER

It sees a box, what is around it, and clicks, and is held against `imaging.object_selection` on the
scenes of `benchmarks/object_selection.py`, of which it has seen none, and on photographs (`FOLDER`
is `skimage/data` of scikit-image's wheel). What came of it is in docs/select.md; nothing of it
comes along.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from docs.make_selecting import PHOTOGRAPHS, shown
from PIL import Image
from tests.imaging.test_object_selection import correcting_clicks
from tests.support.drawn_objects import Scene, scene
from torch import Tensor, nn
from torch.nn import functional

from pentimento.core.geometry import Box
from pentimento.imaging import matting
from pentimento.imaging.object_selection import Click, select

SIDE, AROUND = 96, 0.3  # px of what it sees; of the box, on each side
WIDTHS = (16, 32, 64, 96)
FIRST = 10**5  # seeds of what it learns from
POOL, BATCH, RATE = 3000, 16, 2e-3


class Net(nn.Module):
    """A U-Net (Ronneberger, Fischer and Brox 2015): colours, box and two maps of clicks in, a logit
    out."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList()
        before = 6
        for width in WIDTHS:
            self.down.append(_block(before, width))
            before = width
        self.up = nn.ModuleList(
            _block(low + high, low) for low, high in zip(WIDTHS[-2::-1], WIDTHS[:0:-1], strict=True)
        )
        self.out = nn.Conv2d(WIDTHS[0], 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept = []
        for number, block in enumerate(self.down):
            x = block(functional.max_pool2d(x, 2) if number else x)
            kept.append(x)
        for block, side in zip(self.up, kept[-2::-1], strict=True):
            x = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = block(torch.cat([x, side], dim=1))
        return self.out(x)


def _block(before: int, after: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in (before, after):
        layers += [nn.Conv2d(width, after, 3, padding=1), nn.GroupNorm(8, after), nn.SiLU()]
    return nn.Sequential(*layers)


def view(box: Box, shape: tuple[int, ...]) -> np.ndarray:
    """`(2, 3)`: from the network's square to the picture, px."""
    width, height = box.width * (1 + 2 * AROUND), box.height * (1 + 2 * AROUND)
    left, top = box.x - box.width * AROUND, box.y - box.height * AROUND
    return np.array([[width / SIDE, 0, left], [0, height / SIDE, top]])


def seen(picture: np.ndarray, box: Box, clicks: tuple[Click, ...]) -> np.ndarray:
    """`(6, SIDE, SIDE)` float32."""
    matrix = view(box, picture.shape)
    flags = cv2.INTER_AREA | cv2.WARP_INVERSE_MAP
    small = cv2.warpAffine(
        picture, matrix, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REFLECT
    )
    maps = np.zeros((3, SIDE, SIDE), np.float32)
    edge = round(SIDE * AROUND / (1 + 2 * AROUND))
    maps[0, edge : SIDE - edge, edge : SIDE - edge] = 1
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for click in clicks:
        x = (click.x - matrix[0, 2]) / matrix[0, 0]
        y = (click.y - matrix[1, 2]) / matrix[1, 1]
        near = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 32)
        maps[1 if click.wanted else 2] = np.maximum(maps[1 if click.wanted else 2], near)
    return np.concatenate([small.transpose(2, 0, 1).astype(np.float32) / 127.5 - 1, maps])


def learnt(minutes: float) -> Net:
    torch.manual_seed(3)
    net, chance = Net(), np.random.default_rng(3)
    optimizer = torch.optim.AdamW(net.parameters(), RATE)
    scenes = [scene(FIRST + number) for number in range(POOL)]
    print(f"{time.process_time():.0f} s of the processor for the scenes", flush=True)
    began, steps = time.process_time(), 0
    while (share := (time.process_time() - began) / (60 * minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1 - share) + 1e-5
        pairs = [example(scenes[chance.integers(POOL)], chance) for _ in range(BATCH)]
        inputs, wanted = (torch.from_numpy(np.stack(part)) for part in zip(*pairs, strict=True))
        logits = net(inputs)[:, 0]
        found = torch.sigmoid(logits)
        overlap = 1 - (2 * (found * wanted).sum() + 1) / (found.sum() + wanted.sum() + 1)
        loss = functional.binary_cross_entropy_with_logits(logits, wanted) + overlap
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        steps += 1
        if steps % 100 == 0:
            print(f"{steps} steps, loss {loss.item():.3f}", flush=True)
    return net.eval()


def example(one: Scene, chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """With a looser box, up to three clicks, and mirrored or not."""
    slack = chance.integers(-3, 12, 4)
    box = one.box
    edges = (box.x - slack[0], box.y - slack[1], box.right + slack[2], box.bottom + slack[3])
    box = Box.from_edges(*(int(edge) for edge in edges))
    clicks = []
    for _ in range(int(chance.integers(0, 4))):
        wanted = bool(chance.integers(2))
        places = np.argwhere((one.alpha > 0.5) == wanted)
        inside = (places > (box.y, box.x)).all(axis=1) & (places < (box.bottom, box.right)).all(
            axis=1
        )
        if inside.any():
            y, x = places[inside][chance.integers(int(inside.sum()))]
            clicks.append(Click(float(x), float(y), wanted))
    inputs = seen(one.picture, box, tuple(clicks))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    wanted = cv2.warpAffine(one.alpha, view(box, one.alpha.shape), (SIDE, SIDE), flags=flags)
    if chance.integers(2):
        inputs, wanted = inputs[..., ::-1].copy(), wanted[:, ::-1].copy()
    colours = chance.permutation(3)  # so that it learns of things, not of the palette
    inputs[:3] = inputs[colours] * chance.uniform(0.6, 1.2) + chance.normal(0, 0.1)
    return inputs.astype(np.float32), wanted.astype(np.float32)


def selected(net: Net, picture: np.ndarray, clicks: tuple[Click, ...], box: Box) -> np.ndarray:
    with torch.inference_mode():
        logits = net(torch.from_numpy(seen(picture, box, clicks)[None]))[0, 0].numpy()
    height, width = picture.shape[:2]
    large = cv2.warpAffine(logits, view(box, picture.shape), (width, height), borderValue=-20)
    return matting.soft_alpha(picture, large > 0, matting.band_of(picture.shape))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--photographs", type=Path)
    asked = parser.parse_args()
    net = learnt(asked.minutes)
    print(f"{sum(weight.numel() for weight in net.parameters()) / 1e6:.2f} M weights")
    rows = []
    for number in range(asked.scenes):
        one = scene(number)
        ours, its = select(one.picture, box=one.box), selected(net, one.picture, (), one.box)
        again = selected(net, one.picture, correcting_clicks(one, its), one.box)
        errors = [float(np.abs(alpha - one.alpha).mean()) for alpha in (ours, its, again)]
        rows.append([*(one.agreement(alpha) for alpha in (ours, its, again)), *errors])
    agreed = np.mean(rows, axis=0)
    for name, number in (("GrabCut, box", 0), ("network, box", 1), ("network, two clicks more", 2)):
        print(f"{name:26} IoU {agreed[number]:.4f}  alpha error {agreed[number + 3]:.4f}")
    if asked.sheet and asked.photographs:
        lines = []
        for one in PHOTOGRAPHS:
            picture = np.asarray(Image.open(asked.photographs / one.file).convert("RGB"))
            clicks = Click(*one.on), Click(*one.beside, wanted=False)
            masks = (
                select(picture, box=one.box),
                selected(net, picture, (), one.box),
                selected(net, picture, clicks, one.box),
            )
            views = [np.asarray(shown(picture, alpha, one)) for alpha in masks]
            lines.append(np.hstack(views))
        width = max(line.shape[1] for line in lines)
        padded = [np.pad(line, ((0, 6), (0, width - line.shape[1]), (0, 0))) for line in lines]
        Image.fromarray(np.vstack(padded)).save(asked.sheet)


if __name__ == "__main__":
    main()
