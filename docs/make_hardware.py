"""Writes the table of docs/hardware.md: what models of true size take of a card's memory.

    python docs/make_hardware.py [--only NAME,NAME] [--cards 8,12] [--storage fp8] [--table]

plays one picture of each on pretended cards (tests/rehearsal), through the engine's own code, and
notes the bytes that live at one time and what the engine did to make them fit. What was found is
kept in docs/hardware.json; `--table` only writes the page again. About ten seconds for each cell.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE, KEPT = ROOT / "docs" / "hardware.md", ROOT / "docs" / "hardware.json"
CARDS = (4, 6, 8, 10, 12, 16, 24)  # GiB
SYSTEM = 0.6  # GiB of a card that the driver and the desktop take
START, END = "<!-- table -->", "<!-- end of table -->"
Cell = dict[str, Any]


def play(name: str, gigabytes: int, storage: str, data: Path) -> Cell:
    """One picture of a model's own size, from words, with a negative prompt, on one card."""
    from tests.rehearsal import true_size
    from tests.rehearsal.card import GIB, NAME, Stage
    from tests.rehearsal.test_rehearsal import Theatre, half

    from pentimento.core.errors import PentimentoError

    if not (data / "models" / name).exists():
        true_size.write(name, data / "models" / name)
    stage = Stage(gigabytes - SYSTEM, half(name))
    stage.device = dataclasses.replace(stage.device, storage=storage)
    theatre = Theatre(name, data, stage)
    try:
        facts = theatre.play(mode="txt2img").facts
    except PentimentoError as problem:
        return {"fails": problem.code}
    return {
        "peak": round(stage.memory.peak[NAME] / GIB, 2),
        "ram": round(stage.memory.peak["cpu"] / GIB, 1),
        "offloaded": facts["offloaded"],
        "tiled": facts["tiled"],
    }


def cell(found: Cell | None) -> str:
    """`5.3`: GiB that live at most; behind it what was done."""
    if found is None:
        return ""
    if "fails" in found:
        return "–"
    marks = (("b", found["offloaded"]), ("t", found["tiled"]))
    return " ".join([f"{found['peak']:.1f}", *(mark for mark, done in marks if done)])


def table(kept: dict[str, dict[str, Cell]]) -> str:
    head = "| model | " + " | ".join(f"{size} GB" for size in CARDS) + " | RAM |"
    rows = [head, "|" + "---|" * (len(CARDS) + 2)]
    for name, cells in sorted(kept.items()):
        ram = max((one.get("ram", 0) for one in cells.values()), default=0)
        told = " | ".join(cell(cells.get(str(size))) for size in CARDS)
        rows.append(f"| {name} | {told} | {ram:.0f} |")
    return "\n".join(rows)


def page(text: str, kept: dict[str, dict[str, Cell]]) -> str:
    """The page with its table anew."""
    before, _, rest = text.partition(START)
    return f"{before}{START}\n{table(kept)}\n{END}{rest.partition(END)[2]}"


def main() -> None:
    sys.path.insert(0, str(ROOT))
    os.environ["PENTIMENTO_DEVICE"] = "cpu"
    from tests.rehearsal import true_size

    options = argparse.ArgumentParser()
    options.add_argument("--only", default=",".join(true_size.MODELS))
    options.add_argument("--cards", default=",".join(map(str, CARDS)))
    options.add_argument("--storage", default="", choices=["", "fp8"])
    options.add_argument("--table", action="store_true", help="only write what is kept")
    wanted = options.parse_args()
    kept: dict[str, dict[str, Cell]] = json.loads(KEPT.read_text()) if KEPT.is_file() else {}
    with tempfile.TemporaryDirectory() as folder:
        for name in [] if wanted.table else wanted.only.split(","):
            told = f"{name} {wanted.storage}".strip()
            for size in map(int, wanted.cards.split(",")):
                found = play(name, size, wanted.storage, Path(folder) / "data")
                kept.setdefault(told, {})[str(size)] = found
                print(told, size, found, flush=True)
                KEPT.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", "utf-8")
    if PAGE.is_file():
        PAGE.write_text(page(PAGE.read_text("utf-8"), kept), "utf-8")


if __name__ == "__main__":
    main()
