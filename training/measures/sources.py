"""What becomes of a given picture: autoencoder, image to image, inpainting, edges as control."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch

from training import judge as judging
from training import score
from training.autoencoder import to_tensor
from training.measures.painter import Array, Painter, photographs, save_sheet
from training.scenes import make_scene
from training.score import Figure

STRENGTHS = (0.2, 0.3, 0.5, 0.65, 0.8, 1.0)
INTO_SCENES = ["yellow moon", "red balloon", "white cloud", "blue kite", "yellow star"]
INTO_SCENES += ["red house", "green tree", "brown box", "purple ball", "red mushroom"]
SKY_THINGS = ("moon", "balloon", "cloud", "kite", "star")
CANNY = (100, 200)


@torch.no_grad()
def autoencoder(painter: Painter, out: Path) -> Iterator[Figure]:
    vae = painter.text.vae

    def there_and_back(picture: Array) -> Array:
        decoded = vae.decode(vae.encode(to_tensor(picture[None])).latents).sample[0]
        levels = decoded.add(1).mul(127.5).round().clamp(0, 255)
        return levels.permute(1, 2, 0).numpy().astype(np.uint8)

    photos = photographs(512)
    back = {name: there_and_back(photo) for name, photo in photos.items()}
    values = {name: score.psnr(photos[name], back[name]) for name in photos}
    yield score.mean("autoencoder, photographs 512²", list(values.values()), "dB")
    worst = min(values.values())
    yield Figure("autoencoder, worst photograph", worst, worst, worst, 1, "dB")
    scenes = [make_scene(np.random.default_rng(9000 + i), 256, 256)[0] for i in range(48)]
    levels = [score.psnr(s, there_and_back(s)) for s in scenes]
    yield score.mean("autoencoder, scenes 256²", levels, "dB")
    halves = [
        [cv2.resize(p, (256, 256), interpolation=cv2.INTER_AREA) for p in row.values()]
        for row in (photos, back)
    ]
    save_sheet(out / "photographs-autoencoder.png", halves)


def image_to_image(painter: Painter, out: Path, n: int) -> Iterator[Figure]:
    """n pictures in all. Likeness to the source must fall with strength, and be gone at 1.0."""
    size, each = painter.size, -(-n // len(STRENGTHS))
    prompts = ["a house on the snow at night", "the sea at sunset, oil painting"]
    prompts += ["a golden field, watercolor", "a green meadow, a sunny day"]
    scenes = [make_scene(np.random.default_rng(700 + i), size, size)[0] for i in range(each)]
    asked, seeds = [prompts[i % 4] for i in range(each)], list(range(each))
    repainted = {s: painter.repaint(scenes, asked, s, seeds) for s in STRENGTHS}
    for strength, pictures in repainted.items():
        values = [score.likeness(a, b) for a, b in zip(scenes, pictures, strict=True)]
        yield score.mean(f"likeness to the source at strength {strength}", values)
    rows = [[scenes[i], *(repainted[s][i] for s in STRENGTHS)] for i in range(min(4, each))]
    save_sheet(out / "starter-image-to-image.png", rows)
    photos = [np.ascontiguousarray(photo) for photo in photographs(size).values()]
    painted = [painter.repaint(photos, ["oil painting"] * 4, s, [0] * 4) for s in STRENGTHS]
    save_sheet(out / "photographs-image-to-image.png", list(zip(photos, *painted, strict=True)))
    a, b = painter.repaint(scenes[:2], ["a red ball on green grass"] * 2, 1.0, [0, 0])
    apart = float(np.abs(a.astype(int) - b).max())
    yield Figure("strength 1.0, two sources: largest difference", apart, apart, apart, 1, "/255")


def inpaint(painter: Painter, out: Path, judge_file: Path, n: int) -> Iterator[Figure]:
    """A named thing into a round mask of a landscape that has none; the rest must stay."""
    judge = judging.load(judge_file)
    size = painter.size
    sources, masks, wanted, seed = [], [], [], 0
    while len(sources) < n:
        seed += 1
        words = INTO_SCENES[len(sources) % len(INTO_SCENES)]
        colour, kind = words.split()
        source, _, facts = make_scene(np.random.default_rng(800_000 + seed), size, size)
        night = facts.time == "night"
        same = any(kind in thing.kind for thing in facts.everything)
        if not facts.ground or facts.style or same or (night != (kind == "moon")):
            continue
        sources.append(source)
        masks.append(_disc(size, 0.3 if kind in SKY_THINGS else 0.65))
        wanted.append((colour, kind))
    prompts = [f"a {colour} {kind}" for colour, kind in wanted]
    filled = painter.fill(sources, masks, prompts, list(range(n)))
    crops = [_inside(picture, mask) for picture, mask in zip(filled, masks, strict=True)]
    seen = judge.names(crops)
    gained, kept = [], []
    for source, picture, mask, (colour, _) in zip(sources, filled, masks, wanted, strict=True):
        before, after = (score.hue_share(p, _hue(colour), mask) for p in (source, picture))
        gained.append(after - before)
        far_out = cv2.dilate(mask, np.ones((9, 9))) == 0
        kept.append(score.psnr(source[far_out], picture[far_out]))
    drawn = judging.hole_accuracy(judge)
    yield Figure("inpaint, the judge on drawn things in such holes", *[drawn] * 3, 960)
    hits = sum(kind == name for (_, kind), name in zip(wanted, seen, strict=True))
    yield score.share("inpaint, the thing in the mask is the kind asked for", hits, n)
    yield score.share("inpaint, the colour asked for appears in the mask", _count(gained), n)
    yield score.mean("inpaint, outside the mask before compositing", kept, "dB")
    pairs = [picture for pair in zip(sources[:20], filled[:20], strict=True) for picture in pair]
    save_sheet(out / "starter-inpaint.png", [pairs[i : i + 8] for i in range(0, 40, 8)])


def _count(gained: list[float]) -> int:
    """A tenth of the mask's area is the least that counts as a thing of that colour."""
    return sum(share > 0.1 for share in gained)


def _hue(colour: str) -> str:
    return {"brown": "orange"}.get(colour, colour)  # the scorer has no brown


def _disc(size: int, height: float) -> Array:
    mask = np.zeros((size, size), np.uint8)
    cv2.circle(mask, (size // 2, int(size * height)), int(size * judging.HOLE), 255, -1)
    return mask


def _inside(picture: Array, mask: Array) -> Array:
    """The square around the mask, as large as the judge is used to."""
    rows, columns = np.nonzero(mask)
    cut = picture[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return cv2.resize(cut, (judging.SIDE, judging.SIDE), interpolation=cv2.INTER_AREA)


def control(painter: Painter, out: Path, controlnet: Path, n: int) -> Iterator[Figure]:
    """F1 of the edges of what is painted against the edges asked for, with and without."""
    size = painter.size
    scenes, captions = [], []
    for i in range(n):
        scene, caption, _ = make_scene(np.random.default_rng(600_000 + i), size, size, simple=True)
        scenes.append(scene)
        captions.append(caption)
    hints = [np.repeat(_edges(scene)[..., None], 3, 2) for scene in scenes]
    seeds = list(range(n))
    steered = painter.controlled(controlnet, hints, captions, seeds)
    free = painter.paint(captions, seeds)
    scores = [
        [_edge_f1(hint[..., 0], _edges(picture)) for hint, picture in zip(hints, row, strict=True)]
        for row in (steered, free)
    ]
    yield score.mean("canny ControlNet, edge F1", scores[0])
    yield score.mean("without it, edge F1", scores[1])
    gain = [a - b for a, b in zip(*scores, strict=True)]
    yield score.mean("edge F1 gained", gain)
    rows = [
        [row[i] for i in range(start, start + 4) for row in (hints, free, steered)]
        for start in range(0, 16, 4)
    ]
    save_sheet(out / "starter-control.png", rows)


def _edges(picture: Array) -> Array:
    return cv2.Canny(np.ascontiguousarray(picture), *CANNY)


def _edge_f1(asked: Array, found: Array) -> float:
    """Harmonic mean of precision and recall; an edge counts if it is at most 2 px off."""
    near = np.ones((5, 5), np.uint8)
    precision = _covered(found, cv2.dilate(asked, near))
    recall = _covered(asked, cv2.dilate(found, near))
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _covered(edges: Array, by: Array) -> float:
    return float((by[edges > 0] > 0).mean()) if (edges > 0).any() else 0.0


def speed(painter: Painter, out: Path) -> Iterator[Figure]:
    """10 steps on two threads; the first call warms up."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    steps, painter.steps = painter.steps, 10
    for size in (128, 256, 512):
        source = cv2.resize(make_scene(np.random.default_rng(1), 256, 256)[0], (size, size))
        for _ in range(2):
            start = time.time()
            painter.repaint([source], ["a red ball"], 1.0, [0])
            spent = time.time() - start
        yield Figure(f"image to image {size}², 10 steps, 2 threads", *[spent] * 3, 1, "s")
    painter.steps = steps
    torch.set_num_threads(threads)
