"""Large pictures in real GIMP: what the plug-in needs of memory, and that only the box travels."""

from __future__ import annotations

import pytest
from tests.gimp.harness import HeadlessGimp
from tests.gimp.inside import large_cases
from tests.gimp.memory import PluginMemory

pytestmark = pytest.mark.gimp
PICTURES = {"8 bits": 4000 * 3000 * 4, "8 bits as seen": 4000 * 3000 * 4}
PICTURES["floating point"] = 2000 * 2000 * 16  # bytes
SMALL, *LARGE = (case["name"] for case in large_cases.CASES if "area" in case["options"])
MEGABYTE = 2**20


@pytest.fixture(scope="module")
def trips(version, companion, tmp_path_factory):
    """What GIMP told, with the peak memory of each action's process."""
    headless = HeadlessGimp(version, tmp_path_factory.mktemp(version))
    headless.point_to(companion.url, companion.token)
    with PluginMemory(headless.work) as memory:
        answer = headless.run("large.py", timeout=280)
    names = [case["name"] for case in large_cases.CASES]
    for name, peak in zip(names, memory.peaks, strict=True):
        answer[name]["peak"] = peak
        print(f"{name}: {peak / MEGABYTE:.0f} MB, {answer[name]['seconds']:.2f} s")
    return answer


@pytest.mark.parametrize("name", PICTURES)
def test_the_plugin_needs_less_than_three_times_the_picture(trips, name):
    assert trips[name]["peak"] - trips["tiny"]["peak"] < 3 * PICTURES[name]


@pytest.mark.parametrize("name", LARGE)
def test_only_the_box_around_the_selection_travels(trips, name):
    box = trips[name]["box"]
    assert trips[name]["size"] == [box["width"], box["height"]]
    assert box["width"] <= 2 * large_cases.SELECTION[2]
    assert box["height"] <= 2 * large_cases.SELECTION[3]
    assert box == trips[SMALL]["box"]


@pytest.mark.parametrize("name", LARGE)
def test_a_large_canvas_needs_no_more_memory_than_a_small_one(trips, name):
    assert trips[name]["peak"] < trips[SMALL]["peak"] + 16 * MEGABYTE
