"""Soft edges of fills over a 16-bit gradient in real GIMP: no banding."""

from __future__ import annotations

import numpy as np
import pytest
from tests.gimp.inside import banding_case as case

pytestmark = pytest.mark.gimp
ROUNDING = 1  # of 65535
EIGHT_BITS = 257


@pytest.fixture
def found(answers):
    return lambda name: answers("banding.py")[name]


def band_steps(found: dict) -> np.ndarray:
    """Steps between neighbours of what is seen, where the fill is seen in part."""
    mask = np.zeros(case.SIZE[0])
    mask[found["left"] : found["left"] + len(found["mask"])] = found["mask"]
    soft = (mask > 0) & (mask < 0.999)
    assert soft.sum() > case.FEATHER
    return np.diff(found["shown"])[soft[1:] & soft[:-1]]


@pytest.mark.parametrize("name", ["unchanged", "smooth"])
def test_no_step_in_a_soft_edge_is_larger_than_the_gradients(found, name):
    assert np.abs(band_steps(found(name))).max() <= case.STEP + ROUNDING


def test_the_smooth_fill_is_seen(found):
    shown = np.array(found("smooth")["shown"]) - case.source_row()
    assert shown.min() < -0.9 * case.JUMP
    assert shown.max() > 0.9 * case.JUMP


def test_what_is_generated_is_finer_than_eight_bits(found):
    made = np.array(found("generated")["layer"])
    assert (made % EIGHT_BITS != 0).mean() > 0.9


def test_what_is_generated_is_blended_without_rounding_to_eight_bits(found):
    facts = found("generated")
    box = slice(facts["left"], facts["left"] + len(facts["mask"]))
    made, source = light(facts["layer"]), light(case.source_row()[box])
    wanted = source + np.array(facts["mask"]) * (made - source)
    assert np.abs(wanted - light(facts["shown"][box])).max() < 4 / 65535


def test_the_layer_mask_is_the_selection(found):
    facts = found("generated")
    box = slice(facts["left"], facts["left"] + len(facts["mask"]))
    assert facts["mask"] == facts["selection"][box]


def light(encoded: object) -> np.ndarray:
    """GIMP's Normal mode mixes light, not encoded values."""
    value = np.array(encoded) / 65535
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
