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
CASES = [(case, tests) for cases, tests in ROW.findall(PAGE) for case in cases.split(", ")]
ROWS = [(case, *test) for case, tests in CASES for test in TEST.findall(tests)]
COUNTS = {"P": 6, "F": 10, "S": 18, "R": 16}
MODEL_FILES = [number for number in range(1, 15) if number != 13]  # 13 is none


def test_every_case_has_a_row() -> None:
    wanted = [f"{kind}{number}" for kind, count in COUNTS.items() for number in range(1, count + 1)]
    wanted += [f"M{number:02}" for number in MODEL_FILES]
    assert sorted(case for case, _ in CASES) == sorted(wanted)
    assert PAGE.count("\n| ") == len(ROW.findall(PAGE)) + 1  # no row that cannot be read


@pytest.mark.parametrize(
    ("case", "file", "test"), ROWS, ids=[f"{case}-{test}" for case, _, test in ROWS]
)
def test_its_test_exists(case: str, file: str, test: str) -> None:
    tree = ast.parse((REPO / "tests" / file).read_text("utf-8"))
    assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
