"""Measures a starter model with fixed seeds and draws the picture sheets of its model card.

    python -m training.evaluate server/pentimento/starter/model OUT --judge judge.pt

Writes OUT/figures.json, OUT/figures.md and OUT/starter-*.png. A second run with `--only` replaces
those figures and keeps the others. Photographs are scikit-image's examples, used for measuring
only; the sheets that show them are OUT/photographs-*.png and stay out of the repository.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

from training.checkpoint import one_thread
from training.measures import sources, words
from training.measures.painter import SAMPLERS, Painter
from training.score import Figure

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
Measurement = Callable[..., Iterator[Figure]]


def measurements(args: argparse.Namespace) -> dict[str, Measurement]:
    n = args.n
    found: dict[str, Measurement] = {
        "autoencoder": sources.autoencoder,
        "sheet": words.sheet,
        "colours": partial(words.colours, n=n),
        "light": partial(words.light, n=n),
        "image_to_image": partial(sources.image_to_image, n=n),
    }
    if args.judge:
        found["kinds"] = partial(words.kinds, judge_file=args.judge, n=n)
        found["inpaint"] = partial(sources.inpaint, judge_file=args.judge, n=n)
    if args.controlnet:
        found["control"] = partial(sources.control, controlnet=args.controlnet, n=n)
    return found | {"speed": sources.speed}


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
    parser.add_argument("--controlnet", type=Path, help="a ControlNet's folder, else left out")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=14)
    parser.add_argument("--guidance", type=float, default=3.5)
    parser.add_argument("--sampler", choices=list(SAMPLERS), default="DDIM")
    parser.add_argument("--n", type=int, default=512, help="pictures for each line")
    parser.add_argument("--card", type=Path, help="the model card to put the figures into")
    parser.add_argument("--only", nargs="*", help="names of the measurements to make")
    args = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    one_thread()
    args.out.mkdir(parents=True, exist_ok=True)
    painter = Painter(args.model, args.size, args.steps, args.guidance, args.sampler)
    known = args.out / "figures.json"
    done = json.loads(known.read_text())["figures"] if args.only and known.exists() else {}
    every = measurements(args)
    for name, measure in every.items():
        if args.only and name not in args.only:
            continue
        done[name] = []
        for figure in measure(painter, args.out):
            done[name].append(asdict(figure))
            print(f"{figure.name}: {figure.value:.3f} (n = {figure.n})", flush=True)
    setting = {"size": args.size, "steps": args.steps, "guidance": args.guidance}
    setting["sampler"] = args.sampler
    known.write_text(json.dumps({"setting": setting, "figures": done}, indent=2) + "\n")
    figures = [Figure(**values) for name in every for values in done.get(name, [])]
    (args.out / "figures.md").write_text(table(figures))
    if args.card:
        put_into_card(args.card, table(figures))


if __name__ == "__main__":
    main()
