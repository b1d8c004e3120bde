"""AUTOMATIC1111's notation for prompts that change from step to step, which is read as words here.

`[a|b]` takes turns, `[a:b:0.5]`, `[a:0.5]` and `[a::0.5]` change at a step, and `AND` paints
several prompts at once. None of it has an effect here, so it is found to be told.
"""

from __future__ import annotations

import re

SIGNS = re.compile(r"\\.|[\[\]|]", re.DOTALL)
CHANGES = re.compile(r":\s*\d*\.?\d+\s*$")
AND = re.compile(r"(?<!\S)AND(?!\S)")
LONGEST = 60  # characters of a bracket that are told


def changing(prompt: str) -> list[str]:
    """The brackets whose words would change from step to step, each once."""
    found: dict[str, None] = {}
    starts: list[int] = []
    turns: list[bool] = []
    for sign in SIGNS.finditer(prompt):
        if sign[0] == "[":
            starts.append(sign.end())
            turns.append(False)
        elif starts and sign[0] == "|":
            turns[-1] = True
        elif starts and sign[0] == "]":
            inside = prompt[starts.pop() : sign.start()]
            if turns.pop() or CHANGES.search(inside[-20:]):
                found[f"[{inside}]"] = None
    return [text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…" for text in found]


def joins(prompt: str) -> bool:
    """Whether AND stands between prompts; not in a prompt whose letters are all capitals. Most
    writings have none, so that AND stands out in them."""
    parts = AND.split(prompt)
    between = len(parts) > 1 and all(part.strip() for part in parts)
    return between and not "".join(parts).isupper()
