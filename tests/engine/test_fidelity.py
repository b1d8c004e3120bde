"""Alpha, fills, colour match and drift correction where they matter: in the finished pictures."""

from __future__ import annotations

import numpy as np
import pytest
from tests.engine.bench import Bench, photo

from pentimento.imaging import pixels

SIDE = 64


def disc() -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE]
    return np.where((x - 32) ** 2 + (y - 32) ** 2 < 14**2, 255, 0).astype(np.uint8)


def colour_error(made: np.ndarray, source: np.ndarray, where: np.ndarray) -> float:
    """Distance of the mean colours on some pixels, 0..255."""
    apart = made[where][:, :3].mean(axis=0) - source[where][:, :3].mean(axis=0)
    return float(np.abs(apart).max())


@pytest.mark.parametrize("mode", ["img2img", "inpaint"])
def test_an_opaque_result_has_no_transparency_and_another_its_sources(
    bench: Bench, mode: str
) -> None:
    wanted = {"mode": mode, "source": photo(), "composite": False, "strength": 0.5}
    if mode == "inpaint":
        wanted["mask"] = disc()
    opaque = bench.make(**wanted, alpha="opaque").pixels()
    kept = bench.make(**wanted, alpha="source").pixels()
    assert (opaque[..., 3] == 255).all()
    np.testing.assert_array_equal(kept[..., 3], photo()[..., 3])
    np.testing.assert_array_equal(opaque[..., :3], kept[..., :3])


def test_the_fill_is_what_the_model_sees_of_transparent_places(bench: Bench) -> None:
    source = photo()
    source[:, 32:, 3] = 0
    wanted = {"mode": "img2img", "source": source, "strength": 0.2, "alpha": "opaque"}
    white = bench.make("starter", **wanted, transparent_fill="white").pixels()
    black = bench.make("starter", **wanted, transparent_fill="black").pixels()
    assert white[:, 48:, :3].mean() > black[:, 48:, :3].mean() + 100
    assert abs(int(white[:, :16, :3].mean()) - int(black[:, :16, :3].mean())) < 40


@pytest.mark.parametrize("strength", [0.1, 0.3])
def test_drift_correction_brings_the_colours_nearer_to_the_source(
    bench: Bench, strength: float
) -> None:
    source = photo()
    wanted = {"mode": "img2img", "source": source, "strength": strength, "prompt": ""}
    wanted["detail_correction"] = False
    everywhere = np.ones((SIDE, SIDE), bool)
    with_it = bench.make(**wanted)
    without = bench.make(**wanted, drift_correction=False)
    assert with_it.images[0].facts["drift_corrected"] > 0
    assert "drift_corrected" not in without.images[0].facts
    errors = [colour_error(made.pixels(), source, everywhere) for made in (with_it, without)]
    assert errors[0] < 0.7 * errors[1]


@pytest.mark.parametrize("strength", [0.1, 0.3])
def test_detail_of_the_source_comes_back_where_the_result_still_shows_it(
    bench: Bench, strength: float
) -> None:
    source = photo()
    wanted = {"mode": "img2img", "source": source, "strength": strength, "prompt": ""}
    with_it = bench.make("starter", **wanted)
    without = bench.make("starter", **wanted, detail_correction=False)
    assert 0 < with_it.images[0].facts["detail_given_back"] <= 1 - strength
    assert "detail_given_back" not in without.images[0].facts
    kept = [grain(made.pixels()) / grain(source) for made in (with_it, without)]
    assert kept[0] > 1.5 * kept[1]


def grain(picture: np.ndarray) -> float:
    """The mean step from one pixel to the next."""
    return float(np.abs(np.diff(picture[..., :3].astype(float), axis=1)).mean())


def test_a_colour_cast_is_taken_off_up_to_the_mask(bench: Bench) -> None:
    source, mask = photo(), disc()
    source[..., 3] = 255
    wanted = {"mode": "inpaint", "source": source, "mask": mask, "composite": False}
    matched = bench.make(**wanted, color_match=True)
    plain = bench.make(**wanted, color_match=False)
    facts = matched.images[0].facts["color_match"]
    assert facts["difference_after"] < facts["difference_before"]
    y, x = np.mgrid[:SIDE, :SIDE]
    ring = (mask == 0) & ((x - 32) ** 2 + (y - 32) ** 2 < 20**2)
    errors = [colour_error(made.pixels(), source, ring) for made in (matched, plain)]
    assert errors[0] < 0.5 * errors[1]


def test_a_soft_edge_of_a_deep_picture_has_no_steps_of_eight_bits(bench: Bench) -> None:
    """A slow gradient, blended over a wide soft mask: neighbours differ by far less than 257."""
    ramp = np.linspace(20_000, 24_000, SIDE)[None, :, None]
    source = np.broadcast_to(ramp, (SIDE, SIDE, 4)).astype(np.uint16)
    source[..., 3] = 65_535
    mask = np.tile(np.linspace(0, 255, SIDE).astype(np.uint8)[:, None], (1, SIDE))
    made = bench.make("starter", mode="inpaint", source=source, mask=mask, strength=0.3).pixels()
    assert made.dtype == np.uint16
    eight_bit_levels = (int(made[..., 0].max()) - int(made[..., 0].min())) / 257
    assert len(np.unique(made[..., 0])) > 4 * eight_bit_levels
    multiples = (pixels.to_depth(pixels.to_depth(made, np.uint8), np.uint16) == made).mean()
    assert multiples < 0.3
