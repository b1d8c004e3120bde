"""Cut Out Subject in real GIMP: answers of inside/cut_out.py."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from pentimento.imaging import cut_out

pytestmark = pytest.mark.gimp
ANSWERS = "cut_out.py"
SIZE = (64, 48)
ALONE = ("subject", "group", "u16", "off canvas", "adobe")


def unpacked(text, size=SIZE, channels=4):
    width, height = size
    values = np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, channels)
    return values if channels > 1 else values[..., 0]


def disc(x, y, radius, size=SIZE):
    rows, columns = np.mgrid[: size[1], : size[0]]
    return np.clip(radius + 0.5 - np.hypot(columns - x, rows - y), 0, 1)


def agreement(mask, there):
    here, there = mask > 127, there > 0.5
    return (here & there).sum() / (here | there).sum()


@pytest.mark.parametrize("case", ALONE)
def test_the_subject_is_a_masked_layer_above_the_untouched_one(facts, case):
    found = facts(case)
    assert found["status"] == "success", found["error"]
    assert (found["name"], found["made"]) == ("L, cut out", found["place"])
    assert found["above"]
    assert found["chosen"]
    assert found["hidden"] == [True, True]
    assert found["untouched"]
    assert found["selection"]
    mask = unpacked(found["mask"], channels=1)
    assert agreement(mask, disc(30, 22, 13.5)) > 0.95
    assert np.abs(mask / 255 - disc(30, 22, 13.5)).mean() < 0.02


def test_the_colors_at_the_edge_are_the_objects_own(facts):
    found = facts("subject")
    source, pixels = unpacked(found["source"]), unpacked(found["pixels"])
    mask = unpacked(found["mask"], channels=1)
    wanted = cut_out.of(source, mask.astype(np.float32) / 255)
    assert np.array_equal(pixels[..., :3], wanted[..., :3])
    edge = (mask > 64) & (mask < 192)
    own = np.array([220, 146, 40])
    assert np.abs(pixels[edge][:, :3] - own).mean() < np.abs(source[edge][:, :3] - own).mean() / 2


@pytest.mark.parametrize(
    ("case", "inside", "outside"),
    [("left", (18, 20), (46, 26)), ("right", (46, 26), (18, 20))],
)
def test_of_several_things_the_selected_one_is_cut_out(facts, case, inside, outside):
    found = facts(case)
    assert found["status"] == "success", found["error"]
    mask = unpacked(found["mask"], channels=1)
    assert agreement(mask, disc(*inside, 10.5)) > 0.95
    assert not (mask[disc(*outside, 10.5) > 0]).any()


@pytest.mark.parametrize("case", ["careful", "careful u16"])
def test_what_was_selected_with_care_is_kept_whole(facts, case):
    """The disc and a tab on it that looks like the background."""
    found = facts(case)
    assert found["status"] == "success", found["error"]
    assert found["selection"]
    mask = unpacked(found["mask"], channels=1)
    whole = disc(30, 22, 13.5)
    assert (
        agreement(
            np.where(np.arange(48)[:, None] < 12, 0, mask),
            np.where(np.arange(48)[:, None] < 12, 0, whole),
        )
        > 0.95
    )
    assert mask[4:8, 30].min() == 255
    assert not mask[:, 50:].any()


def test_of_all_that_is_visible_nothing_is_hidden(facts):
    found = facts("visible")
    assert found["status"] == "success", found["error"]
    assert found["hidden"] == [False, True]
    assert found["name"] == "Visible, cut out"


def test_a_selection_beside_the_layer_says_so_and_changes_nothing(facts):
    found = facts("elsewhere")
    assert found["status"] == "execution-error"
    assert "outside" in found["error"]
    assert found["layers"]
