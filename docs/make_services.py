#!/usr/bin/env python3
"""Writes the table of services in docs/api-mode.md from the services' own records:

python docs/make_services.py
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "server"))

from pentimento.services import records
from pentimento.services.describe import how
from pentimento.services.records import Capabilities, Operation, Service

PAGE = REPO / "docs" / "api-mode.md"
BEGIN, END = "<!-- services -->\n", "<!-- end of services -->\n"


HOW = {
    "strength": "yes, with strength",
    "yes": "yes",
    "lines": "steered by lines",
    "words": "from words alone",
}


def edits(able: Capabilities) -> str:
    """Whether it follows instructions, and how many further pictures it reads then."""
    if not able.edit:
        return "no"
    return f"yes, with {able.references} references" if able.references else "yes"


def row(service: Service) -> str:
    able = service.capabilities
    cells = (
        f"{service.title} (`{service.id}`)",
        HOW[how(able, Operation.IMG2IMG)],
        HOW[how(able, Operation.INPAINT)],
        edits(able),
        ", ".join(sorted(able.control)) or "none",
        "yes" if able.seed else "no",
        service.price.text,
        service.checked.isoformat(),
    )
    return "| " + " | ".join(cells) + " |\n"


def table() -> Iterator[str]:
    columns = ("service", "image to image", "fills a selection", "edits as told")
    columns += ("steered by", "seed", "price", "as of")
    yield "| " + " | ".join(columns) + " |\n"
    yield "|" + "---|" * len(columns) + "\n"
    for name in records.all_services():
        yield row(records.service(name))


def page(text: str) -> str:
    """The page with its table made anew."""
    before, rest = text.split(BEGIN)
    _old, after = rest.split(END)
    return before + BEGIN + "".join(table()) + END + after


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
