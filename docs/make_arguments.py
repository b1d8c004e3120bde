#!/usr/bin/env python3
"""Writes the tables of arguments in docs/scripting.md from the plug-in's own tables:

python docs/make_arguments.py
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "plugin" / "pentimento"))

import options
import procedures

PAGE = REPO / "docs" / "scripting.md"
HEAD = "### `plug-in-pentimento-"
NUMBERS = (options.DOUBLE, options.INT, options.UINT)
VALUES = {options.BOOLEAN: "yes, no", options.CHANNEL: "a channel or none"}
VALUES |= {options.FILE: "a file or none", options.LAYER: "a layer or none"}
VALUES |= {options.STRING: "text", options.TEXT: "text"}


def values(option: options.Option) -> str:
    if option.kind == options.CHOICE:
        return " ".join(f"`{choice.nick}`" for choice in option.choices)
    if option.kind in NUMBERS:
        largest = "2^32 − 1" if option.maximum == 2**32 - 1 else f"{option.maximum:g}"
        return f"{option.minimum:g} to {largest}"
    return VALUES[option.kind]


def default(option: options.Option) -> str:
    if option.default is None:
        return "none"
    if option.default == "":
        return "empty"
    if option.kind == options.BOOLEAN:
        return "yes" if option.default else "no"
    return f"`{option.default}`"


def section(action: procedures.Action) -> Iterator[str]:
    yield f"### `{action.procedure}`"
    yield f"{action.blurb}."
    yield ""
    if action.options:
        yield "| argument | values | default | |"
        yield "|---|---|---|---|"
        for option in action.options:
            cells = (f"`{option.name}`", values(option), default(option), option.blurb)
            yield "| " + " | ".join(cells) + " |"
        yield ""
    told = (f"`{name}` ({blurb[0].lower()}{blurb[1:]})" for _, name, _, blurb in action.returns)
    yield f"Returns {', '.join(told) or 'nothing'}."
    yield ""


def main() -> None:
    before = PAGE.read_text(encoding="utf-8").split(HEAD)[0]
    lines = [line for action in procedures.ACTIONS for line in section(action)]
    PAGE.write_text(before + "\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
