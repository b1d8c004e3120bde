"""Measures a starter model with fixed seeds and draws the picture sheets of its model card.

    python -m training.evaluate server/pentimento/starter/model OUT --judge judge.pt

Writes OUT/figures.json, OUT/figures.md and OUT/starter-*.png. Seeds are 0, 1, 2, ... and no
picture is picked. Photographs are scikit-image's examples, used for measuring only; the sheets
that show them are OUT/photographs-*.png and stay out of the repository.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import (
    AutoPipelineForImage2Image,
    AutoPipelineForInpainting,
    DDIMScheduler,
    EulerAncestralDiscreteScheduler,
    StableDiffusionPipeline,
)
from PIL import Image

from training import judge as judging
from training import score
from training.autoencoder import to_tensor
from training.checkpoint import one_thread
from training.scenes import Facts, make_scene
from training.scenes.landscape import landscape
from training.scenes.palette import GROUNDS, TIMES
from training.score import Figure

Array = np.ndarray
COLOURS = ["red", "orange", "yellow", "green", "blue", "purple", "pink", "black"]
TEMPLATES = {
    "ball on white": "a {} ball on a white background",
    "house on meadow": "a {} house on green grass",
    "box on snow": "a {} box on the snow",
}
SHEET = [
    "a red ball on a green meadow",
    "a yellow moon, at night",
    "a blue house on the snow",
    "the sea at sunset, an orange sun",
    "a green pine tree on the desert",
    "a purple box on a white background",
    "rolling hills, a sunny day",
    "a city skyline by night",
    "oil painting of a tree in an autumn field",
    "pencil sketch of a house",
    "a red brick wall texture",
    "a boat on the sea, watercolor",
]
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
SAMPLERS = {"DDIM": DDIMScheduler, "Euler a": EulerAncestralDiscreteScheduler}
PHOTOS = ["astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"]
STRENGTHS = (0.2, 0.35, 0.5, 0.65, 0.8, 1.0)


def photographs(side: int) -> dict[str, Array]:
    """Centre crops of scikit-image's example photographs, which are not shipped."""
    import skimage  # only needed for measuring, so not among the requirements

    found = {}
    for name in PHOTOS:
        picture = Image.open(Path(skimage.__file__).parent / "data" / name).convert("RGB")
        short = min(picture.size)
        left, top = (picture.width - short) // 2, (picture.height - short) // 2
        square = picture.crop((left, top, left + short, top + short))
        found[name] = np.asarray(square.resize((side, side), Image.Resampling.LANCZOS))
    return found


class Painter:
    """The model under test, with one fixed setting of steps, guidance and size."""

    def __init__(
        self, folder: Path, size: int, steps: int, guidance: float, sampler: str = "DDIM"
    ) -> None:
        self.size, self.steps, self.guidance = size, steps, guidance
        self.text = StableDiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32)
        self.text.scheduler = SAMPLERS[sampler].from_config(self.text.scheduler.config)
        self.image = AutoPipelineForImage2Image.from_pipe(self.text)
        self.inpaint = AutoPipelineForInpainting.from_pipe(self.text)
        for pipeline in (self.text, self.image, self.inpaint):
            pipeline.set_progress_bar_config(disable=True)

    def _run(
        self,
        pipeline: Callable[..., object],
        prompts: list[str],
        seeds: list[int],
        **inputs: object,
    ) -> list[Array]:
        pictures: list[Array] = []
        for i in range(0, len(prompts), 8):
            chunk = prompts[i : i + 8]
            result = pipeline(
                prompt=chunk,
                num_inference_steps=self.steps,
                guidance_scale=self.guidance,
                generator=[torch.Generator().manual_seed(s) for s in seeds[i : i + 8]],
                output_type="np",
                **inputs,
            )
            pictures += list(np.uint8(np.clip(result.images * 255 + 0.5, 0, 255)))
        return pictures

    def paint(self, prompts: list[str], seeds: list[int]) -> list[Array]:
        return self._run(self.text, prompts, seeds, height=self.size, width=self.size)

    def repaint(self, source: Array, prompt: str, strength: float, seed: int = 0) -> Array:
        picture = Image.fromarray(source)
        return self._run(self.image, [prompt], [seed], image=picture, strength=strength)[0]

    def fill(self, source: Array, mask: Array, prompt: str, seed: int = 0) -> Array:
        return self._run(
            self.inpaint,
            [prompt],
            [seed],
            image=Image.fromarray(source),
            mask_image=Image.fromarray(mask),
            height=self.size,
            width=self.size,
            strength=1.0,
        )[0]


def save_sheet(path: Path, rows: list[list[Array]]) -> None:
    """At most 500 kB or so: larger sheets are stored with 256 dithered colours."""
    picture = Image.fromarray(np.vstack([np.hstack(row) for row in rows]))
    picture.save(path, optimize=True)
    if path.stat().st_size > 500_000:
        palette = picture.quantize(256)
        picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(path)


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


def light(painter: Painter, out: Path, n: int) -> Iterator[Figure]:
    seeds = list(range(n))
    for name, prompt, measure in (
        ("night luminance", "a yellow moon, at night", score.luminance),
        ("day luminance", "rolling hills, a sunny day", score.luminance),
        ("pencil saturation", "pencil sketch of a house", score.saturation),
    ):
        pictures = painter.paint([prompt] * n, seeds)
        yield score.mean(name, [measure(p) for p in pictures])
    yield from _named(
        "ground",
        [(g, f"{GROUNDS[g].words[0]}, a sunny day") for g in GROUNDS],
        score.ground_of,
        painter,
        n,
    )
    yield from _named(
        "time of day",
        [(t, f"a green meadow, {TIMES[t].words[0]}") for t in TIMES],
        score.time_of,
        painter,
        n,
    )
    drawn = _plain_landscapes(painter.size)
    by_day = [(facts, p) for facts, p in drawn if facts.time == "day"]
    hits = sum(score.ground_of(p) == facts.ground for facts, p in by_day)
    yield score.share("ground, drawn pictures (what the score can reach)", hits, len(by_day))
    hits = sum(score.time_of(p) == facts.time for facts, p in drawn)
    yield score.share("time of day, drawn pictures (what the score can reach)", hits, len(drawn))


def _named(
    what: str,
    asked: list[tuple[str, str]],
    name_of: Callable[[Array], str],
    painter: Painter,
    n: int,
) -> Iterator[Figure]:
    """In how many pictures is the asked thing the one that is seen? About n pictures in all."""
    each = max(1, n // len(asked))
    prompts = [prompt for _, prompt in asked for _ in range(each)]
    pictures = painter.paint(prompts, list(range(each)) * len(asked))
    wanted = [name for name, _ in asked for _ in range(each)]
    hits = sum(name_of(p) == name for p, name in zip(pictures, wanted, strict=True))
    yield score.share(f"{what} is the one asked for", hits, len(wanted))


def _plain_landscapes(size: int, n: int = 300) -> list[tuple[Facts, Array]]:
    drawn = []
    for seed in range(n):
        cv, facts = landscape(np.random.default_rng(40_000 + seed), size, size, simple=True)
        drawn.append((facts, np.clip(cv.img * 255, 0, 255).astype(np.uint8)))
    return drawn


def colours(painter: Painter, out: Path, per_colour: int) -> Iterator[Figure]:
    for name, template in TEMPLATES.items():
        prompts = [template.format(c) for c in COLOURS for _ in range(per_colour)]
        seeds = list(range(per_colour)) * len(COLOURS)
        pictures = painter.paint(prompts, seeds)
        by_colour = {
            c: pictures[i * per_colour : (i + 1) * per_colour] for i, c in enumerate(COLOURS)
        }
        yield score.share(f"object colour, {name}", *score.colour_hits(by_colour))
        rows = [[by_colour[c][seed] for c in COLOURS] for seed in range(min(3, per_colour))]
        save_sheet(out / f"starter-colours-{name.replace(' ', '-')}.png", rows)


def kinds(painter: Painter, out: Path, judge_file: Path, per_kind: int) -> Iterator[Figure]:
    judge = judging.load(judge_file)
    ceiling = judging.accuracy(judge)
    yield Figure("object kind, the judge on drawn pictures", ceiling, ceiling, ceiling, 960)
    wanted = [k for k in judging.STUDY_KINDS if k not in ("sun", "moon")]
    palette = ["red", "yellow", "blue", "green", "purple", "orange"]
    asked, prompts, seeds = [], [], []
    for i, kind in enumerate(wanted):
        for seed in range(per_kind):
            asked.append(kind)
            prompts.append(f"a {palette[(i + seed) % len(palette)]} {kind} on a white background")
            seeds.append(seed)
    pictures = painter.paint(prompts, seeds)
    named = judge.names(pictures)
    hits = sum(a == b for a, b in zip(asked, named, strict=True))
    yield score.share("object kind on white", hits, len(asked))
    rows = [[pictures[i * per_kind + seed] for i in range(len(wanted))] for seed in range(3)]
    save_sheet(out / "starter-kinds.png", rows)


def sheet(painter: Painter, out: Path) -> Iterator[Figure]:
    rows = []
    for i in range(0, len(SHEET), 2):
        pair = [p for p in SHEET[i : i + 2] for _ in range(4)]
        rows.append(painter.paint(pair, [0, 1, 2, 3] * 2))
    save_sheet(out / "starter-text-to-image.png", rows)
    yield from ()


def image_to_image(painter: Painter, out: Path) -> Iterator[Figure]:
    """Likeness to the source must fall with strength, and be gone at 1.0."""
    size = painter.size
    scenes = [make_scene(np.random.default_rng(700 + i), size, size)[0] for i in range(4)]
    sources = [*scenes, *photographs(size).values()]
    prompts = ["a house on the snow at night", "the sea at sunset, oil painting"]
    prompts += ["a golden field, watercolor", "a green meadow, a sunny day"] + ["oil painting"] * 4
    likeness: dict[float, list[float]] = {s: [] for s in STRENGTHS}
    rows = []
    for source, prompt in zip(sources, prompts, strict=True):
        row = [np.ascontiguousarray(source)]
        for strength in STRENGTHS:
            row.append(painter.repaint(row[0], prompt, strength))
            likeness[strength].append(score.likeness(row[0], row[-1]))
        rows.append(row)
    save_sheet(out / "starter-image-to-image.png", rows[:4])
    save_sheet(out / "photographs-image-to-image.png", rows[4:])
    for strength, values in likeness.items():
        yield score.mean(f"likeness to the source at strength {strength}", values)
    a, b = (painter.repaint(s, "a red ball on green grass", 1.0) for s in scenes[:2])
    apart = float(np.abs(a.astype(int) - b).max())
    yield Figure("strength 1.0, two sources: largest difference", apart, apart, apart, 1, "/255")


def inpaint(painter: Painter, out: Path, n: int) -> Iterator[Figure]:
    """A yellow moon into the night sky; the rest must stay."""
    size = painter.size
    mask = np.zeros((size, size), np.uint8)
    cv2.circle(mask, (size // 2, int(size * 0.3)), int(size * 0.2), 255, -1)
    far_out = cv2.dilate(mask, np.ones((9, 9))) == 0
    gained, kept, rows, seed = [], [], [], 0
    while len(gained) < n:
        seed += 1
        source, _, facts = make_scene(np.random.default_rng(800 + seed), size, size)
        moon = any("moon" in thing.kind for thing in facts.everything)
        if facts.time != "night" or facts.style or moon or not facts.far:
            continue
        filled = painter.fill(source, mask, "a yellow moon, at night", seed)
        before, after = (score.hue_share(p, "yellow", mask) for p in (source, filled))
        gained.append(after - before)
        kept.append(score.psnr(source[far_out], filled[far_out]))
        rows.append([source, filled])
    yield score.mean("inpaint, yellow gained in the mask", gained)
    yield score.share("inpaint, some yellow gained", sum(g > 0.02 for g in gained), n)
    yield score.mean("inpaint, outside the mask", kept, "dB")
    flat = [picture for row in rows[:8] for picture in row]
    save_sheet(out / "starter-inpaint.png", [flat[:8], flat[8:]] if len(flat) > 8 else [flat])


def speed(painter: Painter, out: Path) -> Iterator[Figure]:
    painter.paint(["a tree"], [0])
    for size in (128, 256, 512):
        start = time.time()
        painter._run(painter.text, ["a red ball"], [0], height=size, width=size)
        spent = time.time() - start
        name = f"{size}², {painter.steps} steps, {torch.get_num_threads()} thread(s)"
        yield Figure(name, spent, spent, spent, 1, "s")


def table(figures: list[Figure]) -> str:
    lines = ["| measure | value | 95 % interval | n |", "|---|---|---|---|"]
    for f in figures:
        digits = 1 if f.unit in ("dB", "s", "/255") else 2
        unit = f" {f.unit}" if f.unit else ""
        interval = f"{f.low:.{digits}f} to {f.high:.{digits}f}" if f.low < f.high else ""
        lines.append(f"| {f.name} | {f.value:.{digits}f}{unit} | {interval} | {f.n} |")
    return "\n".join(lines) + "\n"


def put_into_card(card: Path, figures: str) -> None:
    """Replaces what stands between the two marks in the model card."""
    head, rest = card.read_text().split(BEGIN)
    _, tail = rest.split(END)
    card.write_text(f"{head}{BEGIN}\n{figures}{END}{tail}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the starter model.")
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--judge", type=Path, help="from training.judge; else kinds are left out")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=14)
    parser.add_argument("--guidance", type=float, default=3.5)
    parser.add_argument("--sampler", choices=list(SAMPLERS), default="DDIM")
    parser.add_argument("--n", type=int, default=4, help="seeds per colour; others scale with it")
    parser.add_argument("--card", type=Path, help="the model card to put the figures into")
    parser.add_argument("--only", nargs="*", help="names of the measurements to make")
    args = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    one_thread()
    args.out.mkdir(parents=True, exist_ok=True)
    painter = Painter(args.model, args.size, args.steps, args.guidance, args.sampler)
    measurements: dict[str, Callable[..., Iterator[Figure]]] = {
        "autoencoder": autoencoder,
        "sheet": sheet,
        "colours": partial(colours, per_colour=args.n),
        "light": partial(light, n=4 * args.n),
        "inpaint": partial(inpaint, n=4 * args.n),
        "image_to_image": image_to_image,
        "speed": speed,
    }
    if args.judge:
        measurements["kinds"] = partial(kinds, judge_file=args.judge, per_kind=args.n)
    figures: list[Figure] = []
    for name, measure in measurements.items():
        if args.only and name not in args.only:
            continue
        for figure in measure(painter, args.out):
            figures.append(figure)
            print(f"{figure.name}: {figure.value:.3f} (n = {figure.n})", flush=True)
    setting = {"size": args.size, "steps": args.steps, "guidance": args.guidance}
    setting["sampler"] = args.sampler
    report = {"setting": setting, "figures": [asdict(f) for f in figures]}
    (args.out / "figures.json").write_text(json.dumps(report, indent=2) + "\n")
    (args.out / "figures.md").write_text(table(figures))
    if args.card:
        put_into_card(args.card, table(figures))


if __name__ == "__main__":
    main()
