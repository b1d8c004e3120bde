"""References, regions and styles in real GIMP: answers of inside/guides.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.gimp.harness import REPO
from tests.support.tiny_addons import write_ip_adapter

import wire

pytestmark = pytest.mark.gimp
STARTER = REPO / "server" / "pentimento" / "starter" / "model"


@pytest.fixture(scope="session")
def adapter(companion) -> Path:
    """An IP-Adapter with random weights for the starter model."""
    return write_ip_adapter(STARTER, companion.data / "ip_adapters" / "tiny")


@pytest.fixture(scope="session")
def own_style(companion) -> None:
    fields = {"prompt": "{prompt}, blueprint", "negative_prompt": "fog", "steps": 2}
    companion.ask("/v1/styles/Own%20style", "PUT", fields)


@pytest.fixture
def facts(adapter, own_style, answers):
    return lambda name: answers("guides.py")[name]


def test_named_layers_are_regions_with_their_alpha_and_opacity(facts):
    found = facts("regions")
    assert found["status"] == "success", found["error"]
    fire, night = found["request"]["regions"]
    assert (fire["prompt"], fire["weight"]) == ("a fire", 0.4)
    assert (night["prompt"], night.get("weight", 1)) == ("snow at night", 1)
    box = wire.Box.from_rect(found["box"])
    for region, row in zip((night, fire), found["rows"], strict=True):
        cut = bytes(row[box.x : box.x + box.width]) * box.height
        assert region["mask"]["blob"] == wire.Pixels("y-u8", box.width, box.height, cut).blob_id
    assert found["pixels"] != found["plain"]
    assert found["left"] == []


def test_without_the_option_such_layers_are_ordinary_ones(facts):
    found = facts("no regions")
    assert "regions" not in found["request"]
    assert found["pixels"] == found["plain"]


def test_generate_again_reads_the_regions_again(facts):
    found = facts("regions")
    assert found["again"]["regions"] == found["request"]["regions"]
    status, error = found["gone"]
    assert status == "execution-error"
    assert error.startswith("A layer that guided this result is gone.")


def test_regions_without_a_layer_of_that_name_say_so(facts):
    status, error = facts("unnamed")
    assert status == "execution-error"
    assert error.startswith("There is no layer whose name begins with “region:”.")


def test_a_picture_from_text_has_regions_where_it_will_lie(facts):
    (region,) = facts("text")["regions"]
    assert region["prompt"] == "snow"


def test_two_reference_layers_are_read_whole(facts):
    found = facts("reference")
    assert found["error"] == ""
    assert found["differs"]
    first, second = found["request"]["references"]
    assert (first["kind"], first["weight"], first["model"]) == ("style", 0.7, "tiny")
    assert (second.get("kind", "reference"), second["weight"]) == ("reference", 0.4)
    sizes = ((40, 30), (20, 10))
    for reference, size, data in zip((first, second), sizes, found["pixels"], strict=True):
        sent = wire.Pixels("rgba-u8", *size, np.array(data, np.uint8).tobytes())
        assert reference["image"]["blob"] == sent.blob_id
    assert found["again"]["references"] == found["request"]["references"]


def test_a_script_with_a_style_gets_its_words_and_steps(facts):
    found = facts("style")
    request = found["request"]
    assert (request["prompt"], request["negative_prompt"]) == ("a barn, blueprint", "fog")
    assert request["steps"] == 2
    assert "style" not in request
    assert found["facts"]["style"] == "Own style"
    assert found["again"]["prompt"] == "a barn, blueprint"
    assert "no style called “nobody”" in facts("no such style")["error"]
