"""The walks of values in docs/architecture.md: each file is there, and looks at the value."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
ROOTS = (REPO / "plugin" / "pentimento", REPO / "server" / "pentimento")
MOST = 20  # files that the prompt passes
WORDS = {  # of a value, in the code that looks at it
    "prompt": r"prompt|words",
    "mask": r"mask|selection|blob|y-u8|bytes",
    "LoRA's id": r"lora|addon|weights|\bids?\b",
    "strength": r"strength|levels",
    "seed": r"seed|generator",
}


def section() -> str:
    text = (REPO / "docs" / "architecture.md").read_text("utf-8")
    return text.partition("## Five walks of a value")[2].partition("\n## ")[0]


def walks() -> dict[str, list[str]]:
    rows = re.findall(r"^\| ([^|]+?) \|(.+)\|$", section(), re.MULTILINE)
    return {name: re.findall(r"`([\w/]+\.py)`", row) for name, row in rows if name in WORDS}


def place_of(file: str) -> Path:
    found = [root / file for root in ROOTS if (root / file).is_file()]
    assert found, f"{file} is in neither program"
    return found[-1] if not file.startswith(("wire", "client", "dialogs", "options")) else found[0]


def test_all_five_are_told() -> None:
    assert walks().keys() == WORDS.keys()


@pytest.mark.parametrize("value", WORDS)
def test_each_file_of_a_walk_is_there_and_looks_at_the_value(value: str) -> None:
    files = walks()[value]
    assert files
    for file in files:
        text = place_of(file).read_text("utf-8")
        assert re.search(WORDS[value], text, re.IGNORECASE), f"{file} knows nothing of the {value}"


def test_the_prompt_passes_at_most_twenty_files() -> None:
    assert len(set(walks()["prompt"])) <= MOST


def test_the_road_that_all_share_is_there() -> None:
    road = section().partition("|")[0]
    files = re.findall(r"`([\w/]+\.py)`", road)
    assert len(files) > 10
    for file in files:
        place_of(file)
