"""The fidelity table in real GIMP: what is kept of every kind of image, and of a known colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.gimp import turns
from tests.gimp.fidelity_report import TABLE_GRID, conversion_limit, measured
from tests.gimp.harness import HeadlessGimp
from tests.gimp.inside import fidelity_cases as table
from tests.gimp.profiles import ciede2000

pytestmark = pytest.mark.gimp
CASES = [turns.case(case["name"], case) for case in table.CASES]
FILLS = [turns.case(case["name"], case) for case in table.CASES if case["filled"]]
REFUSED = [turns.case(case["name"], case) for case in table.CASES if case["convert"] != "no"]
WAYS = ("0.0", "0.1")  # BABL_TOLERANCE: how inexact a way may be
DEEP = [
    turns.case(case["name"], case)
    for case in table.CASES
    if case["precision"] in ("u32", "float")
    and case["profile"] in ("srgb", "adobe")
    and not case["alpha"]
]
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


@pytest.fixture(scope="module")
def other_ways(version, companion, tmp_path_factory):
    """The opaque deep images in GIMPs whose babl goes other ways: the exact one, any at all."""
    found = {}
    for tolerance in WAYS:
        headless = HeadlessGimp(version, tmp_path_factory.mktemp("ways"))
        headless.point_to(companion.url, companion.token)
        names = turns.of((case.id for case in DEEP), version)
        trips = {"trips": names}
        variables = {"BABL_TOLERANCE": tolerance}
        found[tolerance] = headless.run("fidelity.py", trips, timeout=280, variables=variables)
    return found


@pytest.mark.parametrize("tolerance", WAYS)
@pytest.mark.parametrize("case", DEEP)
def test_strength_zero_is_exact_whichever_way_babl_converts(other_ways, case, tolerance):
    """By itself babl takes the fastest way that it has just measured, another one now and then;
    what stays as it is must not depend on it."""
    trip = other_ways[tolerance][case["name"]]["trip"]
    assert trip["status"] == "success", trip["error"]
    assert trip["trip"] == 0


@pytest.mark.parametrize("case", CASES)
def test_results_are_converted_to_the_images_colours_and_back_exactly(row, case):
    assert row(case).conversion <= conversion_limit(case)


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
    assert "a new image" in error
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
        if not turns.taken(case["name"], version):
            continue
        line = measured(case, answers("fidelity.py")[case["name"]], companion).line()
        assert line in page, f"run docs/make_fidelity.py: {line}"
