"""Does the picture show what the prompt names: light, ground, colours, kinds of things?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from training import judge as judging
from training import score
from training.measures.painter import Array, Painter, save_sheet
from training.scenes import Facts
from training.scenes.landscape import landscape
from training.scenes.palette import GROUNDS, TIMES
from training.score import Figure

COLOURS = ["red", "orange", "yellow", "green", "blue", "purple", "pink", "black"]
ON_PLAIN = ["a {} ball on a white background", "a {} box on a grey background"]
IN_SCENES = ["a {} house on green grass", "a {} box on the snow", "a {} ball on yellow sand"]
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


def sheet(painter: Painter, out: Path) -> Iterator[Figure]:
    rows = []
    for i in range(0, len(SHEET), 2):
        pair = [p for p in SHEET[i : i + 2] for _ in range(4)]
        rows.append(painter.paint(pair, [0, 1, 2, 3] * 2))
    save_sheet(out / "starter-text-to-image.png", rows)
    yield from ()


def light(painter: Painter, out: Path, n: int) -> Iterator[Figure]:
    """n pictures, half for the ground by day, half for the time of day by its sky."""
    grounds = [(g, f"{GROUNDS[g].words[0]}, a sunny day") for g in GROUNDS]
    times = [(t, f"a green meadow, {TIMES[t].words[0]}") for t in TIMES]
    ground_hits = _named(grounds, score.ground_of, painter, n // 2)
    time_hits = _named(times, score.time_of, painter, n - n // 2)
    yield score.share("ground is the one asked for", *ground_hits)
    yield score.share("time of day is the one asked for", *time_hits)
    both = [sum(pair) for pair in zip(ground_hits, time_hits, strict=True)]
    yield score.share("light, ground or sky is the one asked for", both[0], both[1])
    drawn = _plain_landscapes(painter.size)
    by_day = [(facts, p) for facts, p in drawn if facts.time == "day"]
    hits = sum(score.ground_of(p) == facts.ground for facts, p in by_day)
    yield score.share("ground, drawn pictures (what the score can reach)", hits, len(by_day))
    hits = sum(score.time_of(p) == facts.time for facts, p in drawn)
    yield score.share("time of day, drawn pictures (what the score can reach)", hits, len(drawn))
    for name, prompt, measure in (
        ("night luminance", "a yellow moon, at night", score.luminance),
        ("day luminance", "rolling hills, a sunny day", score.luminance),
        ("pencil saturation", "pencil sketch of a house", score.saturation),
    ):
        few = max(8, n // 16)
        yield score.mean(name, [measure(p) for p in painter.paint([prompt] * few, [*range(few)])])


def _named(
    asked: list[tuple[str, str]], name_of: Callable[[Array], str], painter: Painter, n: int
) -> tuple[int, int]:
    """(hits, pictures): in how many is the asked thing the one that is seen?"""
    each = -(-n // len(asked))
    prompts = [prompt for _, prompt in asked for _ in range(each)]
    pictures = painter.paint(prompts, list(range(each)) * len(asked))
    wanted = [name for name, _ in asked for _ in range(each)]
    return sum(name_of(p) == name for p, name in zip(pictures, wanted, strict=True)), len(wanted)


def _plain_landscapes(size: int, n: int = 300) -> list[tuple[Facts, Array]]:
    drawn = []
    for seed in range(n):
        cv, facts = landscape(np.random.default_rng(40_000 + seed), size, size, simple=True)
        drawn.append((facts, np.clip(cv.img * 255, 0, 255).astype(np.uint8)))
    return drawn


def colours(painter: Painter, out: Path, n: int) -> Iterator[Figure]:
    """n pictures on plain grounds, n in scenes."""
    yield from _colours("on a plain ground", ON_PLAIN, painter, out, n)
    yield from _colours("in a scene", IN_SCENES, painter, out, n)


def _colours(
    where: str, templates: list[str], painter: Painter, out: Path, n: int
) -> Iterator[Figure]:
    each = -(-n // (len(templates) * len(COLOURS)))
    total = [0, 0]
    rows = []
    for template in templates:
        prompts = [template.format(c) for c in COLOURS for _ in range(each)]
        pictures = painter.paint(prompts, list(range(each)) * len(COLOURS))
        by_colour = {c: pictures[i * each : (i + 1) * each] for i, c in enumerate(COLOURS)}
        hits, count = score.colour_hits(by_colour)
        total = [total[0] + hits, total[1] + count]
        rows.append([by_colour[c][0] for c in COLOURS])
    save_sheet(out / f"starter-colours-{where.replace(' ', '-')}.png", rows)
    yield score.share(f"object colour {where}", *total)


def kinds(painter: Painter, out: Path, judge_file: Path, n: int) -> Iterator[Figure]:
    judge = judging.load(judge_file)
    yield Figure("object kind, the judge on drawn pictures", *[judging.accuracy(judge)] * 3, 960)
    wanted = [k for k in judging.STUDY_KINDS if k not in ("sun", "moon")]
    palette = ["red", "yellow", "blue", "green", "purple", "orange"]
    each = max(3, -(-n // len(wanted)))
    asked = [kind for kind in wanted for _ in range(each)]
    prompts = [
        f"a {palette[(i // each + i % each) % len(palette)]} {kind} on a white background"
        for i, kind in enumerate(asked)
    ]
    pictures = painter.paint(prompts, list(range(each)) * len(wanted))
    named = judge.names(pictures)
    hits = sum(a == b for a, b in zip(asked, named, strict=True))
    yield score.share("object kind on white", hits, len(asked))
    for i, kind in enumerate(wanted):
        part = named[i * each : (i + 1) * each]
        yield score.share(f"- {kind}", part.count(kind), each)
    rows = [[pictures[i * each + seed] for i in range(len(wanted))] for seed in range(3)]
    save_sheet(out / "starter-kinds.png", rows)
