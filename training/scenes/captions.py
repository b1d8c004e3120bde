"""Words for a picture, from its facts. A caption may leave things out; it never invents any."""

from __future__ import annotations

import numpy as np

from training.scenes.landscape import Facts, Thing
from training.scenes.palette import JUNK, STYLES, TIMES


def article(phrase: str) -> str:
    return ("an " if phrase[0] in "aeio" else "a ") + phrase


def describe(rng: np.random.Generator, thing: Thing, place: bool = True) -> str:
    words = []
    if thing.size and rng.random() < 0.6:
        words.append(thing.size)
    if thing.mat != "plain":
        words.append(thing.mat)
    words += [thing.colour, thing.kind]
    phrase = article(" ".join(words))
    if place and thing.place and rng.random() < 0.5:
        phrase += " " + thing.place
    return phrase


def scene_caption(rng: np.random.Generator, facts: Facts, simple: bool = False) -> str:
    keep = 0.55 if simple else 0.8
    parts = [describe(rng, thing) for thing in facts.things]
    rng.shuffle(parts)
    sky = [] if rng.random() < 0.3 else [str(rng.choice(TIMES[facts.time].words))]
    if parts and rng.random() < 0.8:
        head = " and ".join(parts)
        if rng.random() < 0.75:
            head += str(rng.choice([" on ", " on ", " by "])) + facts.ground_words
    elif parts:
        head = facts.ground_words + " with " + " and ".join(parts)
    else:
        head = facts.ground_words
    known = [describe(rng, facts.body)] if facts.body else []
    known += [facts.far_words] if facts.far_words else []
    rest = [words for words in known if rng.random() < keep] + sky
    rng.shuffle(rest)
    separator = str(rng.choice([", ", ", ", " "]))
    caption = separator.join([head, *rest])
    if facts.style and rng.random() < 0.9:
        style = str(rng.choice(STYLES[facts.style]))
        if rng.random() < 0.6:
            return f"{caption}, {style}"
        return f"{article(style)} of {caption}"
    return caption


def add_style(rng: np.random.Generator, caption: str, style: str) -> str:
    words = str(rng.choice(STYLES[style]))
    return f"{caption}, {words}" if caption else words


def maybe_style(rng: np.random.Generator, caption: str, style: str) -> str:
    return add_style(rng, caption, style) if style and rng.random() < 0.9 else caption


def with_junk(rng: np.random.Generator, caption: str) -> str:
    if rng.random() >= 0.05:
        return caption
    words = str(rng.choice(JUNK))
    return f"{caption}, {words}" if rng.random() < 0.5 else f"{words} {caption}"
