"""Make Control Layer in real GIMP: answers of inside/maps.py."""

from __future__ import annotations

import numpy as np
import pytest

from pentimento.imaging import control_maps

pytestmark = pytest.mark.gimp
ANSWERS = "maps.py"
CASES = ("offset", "group", "visible", "beyond", "adobe", "gray", "many edges")
NAMES = {
    "offset": ("Edges of L", "canny"),
    "group": ("Line art of L", "lineart"),
    "visible": ("Edges of everything visible", "canny"),
}
SQUARE = (slice(12, 30), slice(16, 40))


def pixels(found):
    _x, _y, width, height = found["place"]
    return np.array(found["pixels"], np.uint8).reshape(height, width, 4)


@pytest.mark.parametrize("case", CASES)
def test_a_map_lies_in_a_hidden_group_and_nothing_else_is_touched(facts, case):
    found = facts(case)
    assert found["status"] == "success", found["error"]
    assert found["place"] == found["source"]
    assert found["group"] == ["Control maps", False, False]
    assert found["on top"]
    assert found["selected"]
    assert found["left"] == []
    assert not found["record"]  # it is no result
    name, kind = NAMES.get(case, (found["name"], found["map"]))
    assert (found["name"], found["map"]) == (name, kind)
    assert set(pixels(found)[..., 3].flat) == {255}


@pytest.mark.parametrize("case", ["offset", "adobe", "gray", "visible"])
def test_edges_are_white_on_black_where_the_sources_are(facts, case):
    found = pixels(facts(case))
    source = np.full((*found.shape[:2], 3), 200, np.uint8)
    source[SQUARE] = 30
    wanted = control_maps.draw("canny", source)
    assert np.array_equal(found[..., :3], wanted)
    assert set(found[..., 0].flat) == {0, 255}


def test_other_maps_are_the_servers(facts):
    found = pixels(facts("group"))
    source = np.full((*found.shape[:2], 3), 200, np.uint8)
    source[SQUARE] = 30
    assert np.array_equal(found[..., :3], control_maps.draw("lineart", source))


def test_a_map_that_takes_a_model_says_so_and_changes_nothing(facts):
    found = facts("no depth")
    assert found["status"] == "execution-error"
    assert "Depth Anything" in found["error"]
    assert found["changed"] == []


def test_the_map_and_a_second_layer_steer_a_job(facts):
    found = facts("steering")
    first, second = found["controls"]
    assert (first["start"], first["end"], first.get("preprocess")) == (0.1, 0.8, None)
    assert (second["weight"], second["preprocess"]) == (0.5, True)
    assert first["image"] != second["image"]
    assert found["tattoos"] == [found["layers"]] * 2
    assert found["again"] == found["controls"]


def test_the_thresholds_of_drawn_edges_are_those_of_the_options(facts):
    (own,) = facts("steering")["own"]
    assert (own["low"], own["high"]) == (30, 70)
    assert "image" not in own
