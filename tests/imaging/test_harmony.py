"""Layers that fit a pasted object to what is around it: laid over one another they give the picture
that was aimed at, whether that is computed or another picture, and each stays what it is called."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.drawn_objects import SIDE, scene

from pentimento.imaging import harmony, harmony_layers, pixels

LEVEL = 1 / 255
DEPTHS = ("u1", "u2", "f4")


def pasted(seed: int = 6, depth: str = "u1", cast: tuple[float, ...] = (1, 1, 1)):
    """A picture with an object of another light in it, `(256, 256, 4)`, and its mask u8."""
    one = scene(seed)
    behind = scene(seed + 500)
    share = one.alpha[..., None]
    ground = cv2.GaussianBlur(behind.picture.astype(np.float32) / 255, (0, 0), 6)
    whole = one.colours * np.float32(cast) + (1 - share) * ground
    opaque = np.concatenate([np.clip(whole, 0, 1), np.ones_like(share)], axis=2)
    mask = np.rint(one.alpha * 255).astype(np.uint8)
    return pixels.to_depth(opaque.astype(np.float32), np.dtype(depth)), mask


def relit(source: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """As an edit model might: the object darker and bluer from one side, a shadow beside it, and a
    pattern on it that no smooth layer can have."""
    rows, columns = np.mgrid[: mask.shape[0], : mask.shape[1]]
    seen = pixels.to_float(source[..., :3])
    light = (0.12 * (columns / SIDE - 0.5))[..., None] * [1.0, 0.6, -0.8] - 0.05
    away = np.hypot((columns - 150) / 60, (rows - 215) / 14)
    shadow = 1 - 0.5 * np.exp(-(away**2))
    share = pixels.to_float(mask)[..., None]
    stripes = 0.2 * ((columns // 4) % 2 == 0)[..., None] * ((rows // 16) % 4 == 0)[..., None]
    inside = seen + light + stripes
    beside = harmony.encoded(harmony.linear(seen) * shadow[..., None].astype(np.float32))
    target = np.clip(share * inside + (1 - share) * beside, 0, 1).astype(np.float32)
    opaque = np.ones((*mask.shape, 1), np.float32)
    return pixels.to_depth(np.concatenate([target, opaque], axis=2), source.dtype)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("seed", [6, 14])
def test_the_layers_give_the_target_again(seed: int, depth: str) -> None:
    source, mask = pasted(seed, depth)
    target = relit(source, mask)
    made = harmony_layers.of(source, mask, target)
    again = harmony_layers.recomposed(source, mask, made)
    assert np.abs(again - pixels.to_float(target[..., :3])).max() <= LEVEL
    assert 0.002 < (made.edge[..., 3] > 0).mean() < 0.5  # the smooth ones do the most of it


@settings(deadline=None, max_examples=25)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    seed=st.integers(0, 10**6),
    kind=st.sampled_from(["noise", "empty", "full", "soft", "dot", "border"]),
    depth=st.sampled_from(DEPTHS),
    aimed=st.booleans(),
)
def test_whatever_the_mask_the_target_comes_back(height, width, seed, kind, depth, aimed) -> None:
    """Noise everywhere: the edge has to take all of it, and nothing becomes NaN."""
    rng = np.random.default_rng(seed)
    noise = rng.random((2, height, width, 4), np.float32)
    noise[..., 3] = 1
    source, target = (pixels.to_depth(one, np.dtype(depth)) for one in noise)
    mask = {
        "noise": rng.integers(0, 256, (height, width)),
        "empty": np.zeros((height, width)),
        "full": np.full((height, width), 255),
        "soft": np.full((height, width), 100),
        "dot": np.zeros((height, width)),
        "border": np.zeros((height, width)),
    }[kind].astype(np.uint8)
    if kind in ("dot", "border"):
        mask[height // 2 if kind == "dot" else -1] = 255
    made = harmony_layers.of(source, mask, target if aimed else None)
    again = harmony_layers.recomposed(source, mask, made)
    assert np.isfinite(again).all()
    if aimed:
        assert np.abs(again - pixels.to_float(target[..., :3])).max() <= LEVEL
    for layer in (made.edge, made.light, made.shadow):
        assert layer.shape == source.shape
        assert layer.dtype == source.dtype


def test_light_is_smooth_and_only_on_the_object() -> None:
    source, mask = pasted(6)
    made = harmony_layers.of(source, mask, relit(source, mask))
    assert np.array_equal(made.light[..., 3], mask)
    steps = np.abs(np.diff(made.light[..., :3].astype(int), axis=1))
    assert steps.max() <= 6
    assert (made.light[mask == 255][:, :3] != 128).any()


@pytest.mark.parametrize("aimed", [False, True])
def test_the_shadow_is_gray_and_the_object_itself_is_not_written_to(aimed: bool) -> None:
    source, mask = pasted(6)
    made = harmony_layers.of(source, mask, relit(source, mask) if aimed else None)
    shadow = made.shadow
    assert (shadow[..., 3] == 255).all()
    assert (shadow[..., :1] == shadow[..., :3]).all()
    assert shadow[..., 0].min() < 230
    assert shadow[:20].min() == 255  # far above the object


@pytest.mark.parametrize("depth", ["u1", "u2"])
def test_what_is_computed_leaves_all_but_the_object_its_edge_and_shadow(depth: str) -> None:
    source, mask = pasted(14, depth)
    made = harmony_layers.of(source, mask)
    edge = made.edge[..., 3] > 0
    assert np.array_equal(edge, (mask > 0) & (mask < 255))
    again = harmony_layers.recomposed(source, mask, made)
    far = (mask == 0) & (made.shadow[..., 0] == made.shadow.max())
    assert far.mean() > 0.3
    assert np.array_equal(again[far], pixels.to_float(source[..., :3])[far])


@pytest.mark.parametrize("seed", [6, 14, 21, 33])
def test_lightness_comes_nearer_to_the_surroundings(seed: int) -> None:
    source, mask = pasted(seed)
    again = harmony_layers.recomposed(source, mask, harmony_layers.of(source, mask))

    def apart(picture: np.ndarray) -> float:
        light = cv2.cvtColor(picture.astype(np.float32), cv2.COLOR_RGB2LAB)[..., 0]
        grown = cv2.dilate(mask, np.ones((61, 61), np.uint8))
        around = (grown > 0) & (mask == 0)
        return abs(float(light[mask == 255].mean() - light[around].mean()))

    before, after = apart(pixels.to_float(source[..., :3])), apart(again)
    assert after < max(0.8 * before, 3.0)


def test_a_cast_on_gray_is_taken_off_and_on_colours_it_is_not() -> None:
    """Gray tells the colour of the light; a red thing in a green place stays red."""
    ground = np.full((120, 120, 4), (120, 120, 120, 255), np.uint8)
    mask = np.zeros((120, 120), np.uint8)
    mask[40:80, 40:80] = 255
    gray, red = ground.copy(), ground.copy()
    gray[40:80, 40:80, :3] = (130, 120, 105)
    red[40:80, 40:80, :3] = (190, 60, 50)
    red[..., :3][mask == 0] = (60, 150, 60)
    fitted = {
        name: harmony_layers.recomposed(one, mask, harmony_layers.of(one, mask))[60, 60]
        for name, one in (("gray", gray), ("red", red))
    }
    assert np.ptp(fitted["gray"]) * 255 < 0.8 * 25
    assert fitted["red"][0] - fitted["red"][1] > 0.35


def test_the_old_background_goes_out_of_the_soft_edge() -> None:
    """A gray disc that was cut out carelessly before white, pasted on dark green."""
    rows, columns = np.mgrid[:160, :160]
    alpha = np.clip((60 - np.hypot(columns - 80, rows - 70)) / 4 + 0.5, 0, 1)[..., None]
    own, old, new = np.float32([90, 90, 96]), np.float32([250, 250, 250]), np.float32([20, 60, 30])
    carried = alpha * own + (1 - alpha) * old  # its colours, mixed with white
    whole = alpha * carried + (1 - alpha) * new
    source = np.concatenate([np.rint(whole), np.full_like(alpha, 255)], axis=2).astype(np.uint8)
    mask = np.rint(alpha[..., 0] * 255).astype(np.uint8)
    made = harmony_layers.of(source, mask)
    again = harmony_layers.recomposed(source, mask, made) * 255
    band = (mask > 80) & (mask < 200) & (rows < 60)  # without the shadow
    wanted = alpha * own + (1 - alpha) * new
    before = np.abs(source[..., :3] - wanted)[band].mean()
    after = np.abs(again - wanted)[band].mean()
    assert after < before / 2


def test_nothing_stands_where_the_object_goes_on_below_the_picture() -> None:
    source, mask = pasted(6)
    rows = np.flatnonzero(mask.max(axis=1))
    cut = slice(0, int(rows[-1]) - 10)
    made = harmony_layers.of(source[cut], mask[cut])
    assert (made.shadow == 255).all()


@pytest.mark.parametrize("aimed", [False, True])
def test_what_is_transparent_stays_so(aimed: bool) -> None:
    source, mask = pasted(6)
    source = source.copy()
    source[:, :100, 3] = 0
    source[:, 100:110, 3] = 128
    made = harmony_layers.of(source, mask, relit(source, mask) if aimed else None)
    assert (made.edge[:, :110, 3] == 0).all()


def test_a_large_picture_is_worked_on_in_parts(monkeypatch) -> None:
    source, mask = pasted(14)
    whole = harmony_layers.of(source, mask, relit(source, mask))
    monkeypatch.setattr(harmony_layers, "ROWS", 37)
    parts = harmony_layers.of(source, mask, relit(source, mask))
    for name in harmony_layers.NAMES:
        assert np.array_equal(getattr(whole, name), getattr(parts, name))


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_picture_that_is_looked_at_reduced_comes_back_as_well(depth: str) -> None:
    """It is larger than the side at which the fields are made."""
    source, mask = pasted(14, depth)
    size = (1000, 900)
    source = cv2.resize(source, size, interpolation=cv2.INTER_LINEAR)
    mask = cv2.resize(mask, size, interpolation=cv2.INTER_LINEAR)
    target = source.copy()
    dark = cv2.GaussianBlur(np.ones(mask.shape, np.float32), (0, 0), 9)
    dark[600:700, 300:700] = 0.6
    shaded = pixels.to_float(source[..., :3]) * cv2.GaussianBlur(dark, (0, 0), 40)[..., None]
    target[..., :3] = pixels.to_depth(shaded, source.dtype)
    made = harmony_layers.of(source, mask, target)
    again = harmony_layers.recomposed(source, mask, made)
    assert np.abs(again - pixels.to_float(target[..., :3])).max() <= LEVEL
