"""Upscale in real GIMP: answers of inside/growing.py."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.gimp
ANSWERS = "growing.py"


@pytest.mark.parametrize("depth", ["8 bits", "16 bits", "32 bits"])
def test_a_new_image_is_as_deep_as_the_old_one_which_stays(facts, depth):
    found = facts(f"plain, {depth}")
    assert found["error"] == ""
    assert not found["same_image"]
    assert found["size"] == [108, 84]
    assert found["old_size"] == [72, 56]
    assert found["precision"]
    assert found["place"] == [0, 0, 108, 84]
    assert found["request"]["upscaler"] == "plain"
    assert found["values"] > 500


def test_the_network_that_comes_along_is_used_by_itself(facts):
    found = facts("learned")
    assert found["error"] == ""
    assert found["size"] == [144, 112]
    assert found["request"]["upscaler"] == "compact-photo"


def test_the_image_itself_is_scaled_with_all_its_layers(facts):
    found = facts("this image")
    assert found["error"] == ""
    assert found["same_image"]
    assert found["size"] == [144, 112]
    assert len(found["layers"]) == len(found["names"]) + 1
    assert set(found["names"]) <= set(found["layers"])
    assert found["places"]["background"] == [0, 0, 144, 112]
    assert found["places"]["above"] == [-18, 22, 80, 60]
    assert found["place"] == [-18, 22, 80, 60]
    assert found["layers"].index("above") == 1, "the result lies above its source"


def test_an_upscaler_that_is_not_there_is_refused_and_nothing_grows(facts):
    found = facts("too large")
    assert "gibt-es-nicht" in found["error"]
    assert found["size"] == [72, 56]
