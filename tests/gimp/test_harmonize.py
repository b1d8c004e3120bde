"""Harmonize Layer in real GIMP: answers of inside/harmonizing.py."""

from __future__ import annotations

import base64
import shutil

import numpy as np
import pytest
from tests.support.tiny_flow_models import write_flux2_klein

from pentimento.imaging import harmony_layers, pixels

pytestmark = pytest.mark.gimp
LEVEL = 1 / 255
COMPUTED = (
    *("u8", "u16", "float", "gray", "off canvas", "below another", "masked", "translucent"),
    *("own group", "whole group", "adobe"),
)
BY_MODEL = ("by a model", "by a model u16", "automatic")
REFUSED = {
    "hidden": "hidden",
    "two": "One layer",
    "outside": "canvas",
    "indexed": "Indexed",
    "no such model": "nobody",
    "empty": "empty",
}


@pytest.fixture(scope="module")
def editor(companion):
    """A model with random weights that follows instructions; gone after these tests."""
    folder = write_flux2_klein(companion.data / "models" / "klein")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def facts(editor, answers):
    return lambda name: answers("harmonizing.py")[name]


def unpacked(found, name, kind=np.float32, channels=4):
    width, height = found["places"][0][2:]
    values = np.frombuffer(base64.b64decode(found[name]), kind)
    return values.reshape(height, width, channels) if channels > 1 else values.reshape(height, -1)


@pytest.mark.parametrize("case", [*COMPUTED, *BY_MODEL])
def test_three_layers_lie_around_the_untouched_one(facts, case):
    found = facts(case)
    assert found["error"] == ""
    assert found["modes"] == ["normal", "grain-merge", "multiply"]
    item = found["item"]
    assert found["names"] == [f"{item}: {what}" for what in ("edge", "light and color", "shadow")]
    assert len({tuple(place) for place in found["places"]}) == 1
    for fact in ("order", "returned", "chosen", "kept"):
        assert found[fact], fact


@pytest.mark.parametrize("case", COMPUTED)
def test_they_give_the_computed_picture(facts, case):
    found = facts(case)
    before, after = unpacked(found, "before"), unpacked(found, "after")
    mask = unpacked(found, "alone", np.uint8, 1)
    made = harmony_layers.of(np.ascontiguousarray(before), mask)
    wanted = harmony_layers.recomposed(before, mask, made)
    opaque = before[..., 3] >= 1
    off = np.abs(after[..., :3] - np.clip(wanted, 0, 1))[opaque]
    assert off.max() <= (3 if case == "adobe" else 1) * LEVEL
    if case != "masked":  # by a mask that is nearly everywhere half transparent
        assert np.abs(after - before)[..., :3].max() > 4 * LEVEL


@pytest.mark.parametrize("case", BY_MODEL)
def test_they_give_the_models_picture(facts, companion, case):
    found = facts(case)
    width, height = found["places"][0][2:]
    jobs = companion.ask("/v1/jobs?limit=500")["jobs"]
    after = unpacked(found, "after")
    edits = [job for job in jobs if job["record"]["request"]["mode"] == "edit"]
    pictures = []
    for job in edits:
        image = job["images"][0]
        if (image["width"], image["height"]) != (width, height):
            continue
        kind, body = companion.fetch(image["url"], "application/x-pixels")
        depth = "u1" if "u8" in kind else "<u2"
        picture = np.frombuffer(body, depth).reshape(height, width, -1)
        pictures.append(pixels.to_float(picture)[..., :3])
    assert pictures
    assert min(np.abs(after[..., :3] - picture).max() for picture in pictures) <= LEVEL


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_be_fitted_says_why_and_changes_nothing(facts, case):
    found = facts(case)
    assert REFUSED[case].lower() in found["error"].lower()
    assert found["unchanged"]


def test_in_a_locked_group_it_works_or_nothing_is_changed(facts):
    found = facts("locked group")
    assert found["error"] == "" or found["unchanged"]
