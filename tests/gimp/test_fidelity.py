"""The fidelity table in real GIMP: what is kept of every kind of image, and of a known colour."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from profiles import ciede2000

sys.path.insert(0, str(Path(__file__).parent / "inside"))
import fidelity_cases as table

from fidelity_report import measured

pytestmark = pytest.mark.gimp
CASES = [pytest.param(case, id=case["name"]) for case in table.CASES]
FILLS = [pytest.param(case, id=case["name"]) for case in table.CASES if case["filled"]]
REFUSED = [pytest.param(case, id=case["name"]) for case in table.CASES if case["convert"] != "no"]
TABLE_GRID = 25  # steps of 8 bits: the way back through a profile of 33 points a side
COLOUR_LIMIT = {"u8": 1.0, "u16": 0.2, "u32": 0.2, "half": 0.2, "float": 0.2}  # CIEDE2000


@pytest.fixture
def row(answers, companion):
    def row_of(case):
        return measured(case, answers("fidelity.py")[case["name"]], companion)

    return row_of


@pytest.fixture
def facts(answers):
    return lambda case: answers("fidelity.py")[case["name"]]


@pytest.mark.parametrize("case", CASES)
def test_a_trip_at_strength_zero_changes_nothing_that_is_not_converted(row, case):
    assert row(case).trip <= trip_limit(case)


def trip_limit(case) -> float:
    """Steps of 8 bits: none where nothing is converted."""
    if case["kind"] == "indexed" and case["profile"] == "table":
        return TABLE_GRID
    return 0.001 if case["convert"] == "srgb" else 0.0


@pytest.mark.parametrize("case", CASES)
def test_results_are_converted_to_the_images_colours_and_back_exactly(row, case):
    assert row(case).conversion <= conversion_limit(case)


def conversion_limit(case) -> float:
    """Steps of 8 bits: none where nothing is converted."""
    if case["profile"] == "table" and case["convert"] != "srgb":
        return TABLE_GRID
    if case["profile"] == "srgb" and case["precision"] in ("u8", "u16"):
        return 0.0
    return 0.02


@pytest.mark.parametrize("case", CASES)
def test_a_known_colour_reaches_the_server_as_itself(row, case):
    assert row(case).colour <= COLOUR_LIMIT[case["precision"]]


@pytest.mark.parametrize("case", FILLS)
def test_nothing_changes_outside_the_selection(facts, case):
    found = facts(case)["fill"]
    assert found["status"] == "success", found["error"]
    assert found["outside"] == 0
    assert found["changed"] > 0
    assert found["mask_exact"]
    assert found["source_untouched"]
    assert found["metadata_untouched"]


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_kept_is_refused_until_a_conversion_is_chosen(facts, case):
    status, error, changed = facts(case)["trip"]["refused"]
    assert status == "execution-error"
    assert "put the result into a new image" in error
    assert changed == []


def test_the_formula_for_colour_differences_gives_its_published_values():
    """Three of the pairs in Sharma, Wu and Dalal 2005, table 1."""
    pairs = [
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, -1.0, 2.0), (50.0, 0.0, 0.0), 2.3669),
        ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ]
    for one, other, wanted in pairs:
        assert ciede2000(np.array(one), np.array(other)) == pytest.approx(wanted, abs=1e-4)


def test_the_page_shows_what_was_measured(answers, companion, version):
    page = (Path(__file__).resolve().parents[2] / "docs" / "fidelity.md").read_text()
    for case in table.CASES:
        line = measured(case, answers("fidelity.py")[case["name"]], companion).line()
        assert line in page, f"run docs/make_fidelity.py: {line}"
