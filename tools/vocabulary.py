#!/usr/bin/env python3
"""Writes the server's closed sets of names (server/pentimento/schema/vocabulary.py) for the
plug-in, which cannot import them. Run it after a change; `--check` says whether one is due."""

from __future__ import annotations

import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
FILE = REPO / "plugin" / "pentimento" / "vocabulary.py"
sys.path.insert(0, str(REPO / "server"))

from pentimento.schema import vocabulary  # noqa: E402

SETS = ("SAMPLERS", "CONTROL_TYPES", "DRAWN_BY_ARITHMETIC", "MODEL_ROLES", "ARCHITECTURES")
HEAD = '"""The server\'s closed sets of names, written by tools/vocabulary.py: do not edit."""\n\n'


def text() -> str:
    """The whole file, as ruff formats it."""
    lists = []
    for name in SETS:
        inside = "".join(f'    "{value}",\n' for value in getattr(vocabulary, name))
        lists.append(f"{name} = (\n{inside})\n")
    return HEAD + "".join(lists)


def main() -> int:
    if "--check" in sys.argv:
        return 0 if FILE.read_text("utf-8") == text() else 1
    FILE.write_text(text(), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
