"""docs/tested-cases.md names tests that exist, and a test for every case."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
PAGE = (REPO / "docs" / "tested-cases.md").read_text("utf-8")
TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")
TESTS = r"(?:`[\w/]+\.py::\w+`(?:, )?)+"
ROW = re.compile(rf"^\| ((?:[PFSRM]\d+(?:, )?)+) \| .+ \| ({TESTS}) \|$", re.MULTILINE)
CASE_PAGE, _, AFTER = PAGE.partition("\n## Kinds")
KINDS = AFTER.partition("\n## ")[0]
PLACE = re.compile(r"`((?:server|plugin)/[\w/]+\.py)`")
CASES = [(case, tests) for cases, tests in ROW.findall(CASE_PAGE) for case in cases.split(", ")]
ROWS = [(case, *test) for case, tests in CASES for test in TEST.findall(tests)]
COUNTS = {"P": 6, "F": 10, "S": 18, "R": 16}
OF_ONE_PLACE = {  # cases that no other place had
    *{("P", 5), ("P", 6), ("S", 6), ("S", 10), ("S", 11), ("S", 12), ("S", 15), ("S", 16)},
    *{("S", 17), ("S", 18), ("R", 8)},
}
MODEL_FILES = [number for number in range(1, 15) if number != 13]  # 13 is none


def test_every_case_has_a_row() -> None:
    wanted = [f"{kind}{number}" for kind, count in COUNTS.items() for number in range(1, count + 1)]
    wanted += [f"M{number:02}" for number in MODEL_FILES]
    assert sorted(case for case, _ in CASES) == sorted(wanted)
    assert CASE_PAGE.count("\n| ") == len(ROW.findall(CASE_PAGE)) + 1  # no row that cannot be read


@pytest.mark.parametrize(
    ("case", "file", "test"), ROWS, ids=[f"{case}-{test}" for case, _, test in ROWS]
)
def test_its_test_exists(case: str, file: str, test: str) -> None:
    tree = ast.parse((REPO / "tests" / file).read_text("utf-8"))
    assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_kind_has_a_place_that_exists_and_every_case_a_kind() -> None:
    rows = [line.split(" | ") for line in KINDS.splitlines() if line.startswith("| ")][1:]
    for kind, _, places in rows:
        assert PLACE.findall(places), kind
        assert not [place for place in PLACE.findall(places) if not (REPO / place).is_file()], kind
    named = set()
    for _, found, _ in rows:
        inside = found.rpartition("(")[2].rstrip(")")
        for part in inside.split(", "):
            first, _, last = part.partition(" to ")
            numbers = range(int(first[1:]), int((last or first)[1:]) + 1)
            named |= {(first[0], number) for number in numbers}
    told = {(case[0], int(case[1:])) for case, _ in CASES}
    assert told - named == OF_ONE_PLACE
