"""Pictures are worked on band by band; here each is made at once, in the plainest words, and must
be the same bit for bit."""

from __future__ import annotations

import tracemalloc

import cv2
import numpy as np
import pytest

from pentimento.core.geometry import Size, Work
from pentimento.imaging import colour, detail, masks, model_input, pixels, resize, saved_pictures
from pentimento.imaging.canvas import Canvas
from pentimento.schema.job import PixelFormat

FULL = {"u1": 255.0, "u2": 65535.0, "f4": 1.0}
WIDTH, HEIGHT = 611, 783  # more values than any band has


def source(depth: str, *, clear: bool) -> np.ndarray:
    """`(h, w, 4)`: a gradient with noise; with `clear` places that are soft and transparent."""
    chance = np.random.RandomState(3)
    down, across = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    picture = np.empty((HEIGHT, WIDTH, 4), np.float32)
    picture[..., 0] = across / WIDTH
    picture[..., 1] = down / HEIGHT
    picture[..., 2] = chance.rand(HEIGHT, WIDTH)
    picture[..., 3] = np.clip((across - 100) / 200, 0, 1) if clear else 1
    if depth == "f4":
        picture[5::50, 7::30, 1] = np.nan
        picture[9::50, 7::30, 2] = 3.5
        return picture
    return np.rint(picture * FULL[depth]).astype(depth)


def painted() -> np.ndarray:
    return np.random.RandomState(4).rand(HEIGHT, WIDTH, 3).astype(np.float32)


def plain_floats(picture: np.ndarray) -> np.ndarray:
    full = np.float32(FULL[picture.dtype.str[1:]])
    return np.clip(np.nan_to_num(picture.astype(np.float32) / full), 0, 1)


def plain_spread(weighted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    mean = weighted / np.maximum(weight, 1e-6)
    height, width = weight.shape[:2]
    if max(height, width) == 1 or weight.min() >= 1:
        return mean
    half = (max(1, (width + 1) // 2), max(1, (height + 1) // 2))
    around = plain_spread(
        cv2.resize(weighted, half, interpolation=cv2.INTER_AREA).reshape(half[1], half[0], 3),
        cv2.resize(weight, half, interpolation=cv2.INTER_AREA).reshape(half[1], half[0], 1),
    )
    coarse = cv2.resize(around, (width, height), interpolation=cv2.INTER_LINEAR)
    return mean * weight + coarse.reshape(height, width, 3) * (1 - weight)


def plain_depth(values: np.ndarray, depth: str) -> np.ndarray:
    if depth == "f4":
        return values
    wide = np.clip(np.nan_to_num(values.astype(np.float64)), 0, 1) * FULL[depth]
    return np.rint(wide).astype(depth)


@pytest.mark.parametrize("depth", FULL)
@pytest.mark.parametrize("size", [Size(WIDTH, HEIGHT), Size(200, 256), Size(900, 512)], ids=str)
def test_what_a_model_sees(depth: str, size: Size) -> None:
    for clear in (False, True):
        picture = source(depth, clear=clear)
        values = plain_floats(picture)
        rgb, weight = values[..., :3], values[..., 3:]
        if clear:
            weighted = rgb * weight
            rgb = np.clip(weighted + plain_spread(weighted, weight) * (1 - weight), 0, 1)
        rgb = np.clip(resize.resize(np.ascontiguousarray(rgb), size), 0, 1)
        before = picture.copy()
        assert np.array_equal(model_input.model_rgb(picture, size), rgb)
        assert picture.tobytes() == before.tobytes()


def test_filling_leaves_its_input_alone() -> None:
    values = plain_floats(source("u1", clear=True))
    rgb, alpha = values[..., :3].copy(), values[..., 3].copy()
    for fill in ("surroundings", "white"):
        model_input.fill_transparent(rgb, alpha, fill)
        assert np.array_equal(rgb, values[..., :3])


@pytest.mark.parametrize("depth", FULL)
@pytest.mark.parametrize("work", [Size(WIDTH, HEIGHT), Size(256, 328)], ids=str)
def test_finishing(depth: str, work: Size) -> None:
    picture = source(depth, clear=True)
    made = painted()[: work.height, : work.width]
    selected = np.zeros((HEIGHT, WIDTH), np.float32)
    selected[300:420, 350:500] = 255
    selected = cv2.GaussianBlur(selected, (0, 0), 4)
    held = Canvas(
        *(Size(WIDTH, HEIGHT), Work.whole(work), PixelFormat.RGBA_U8, picture, selected), match=True
    )
    large = resize.resize(made, Size(WIDTH, HEIGHT))
    floats = picture.astype(np.float32) / np.float32(FULL[depth])
    where = colour.surroundings(selected, floats[..., 3])
    known = np.isfinite(floats[..., :3])
    correction = colour.measure(
        large, np.where(known, floats[..., :3], 0).astype(np.float32), where & known.all(axis=2)
    )
    assert correction is not None
    assert np.isfinite(correction.gain).all()
    layered = np.concatenate([large, floats[..., 3:]], axis=2)
    layered[..., :3] = np.clip(large * correction.gain + correction.offset, 0, 1)
    result, facts = held.finish(made, blend=True)
    # Sums of parts may differ from the sum of all in their last bit, which only floats show.
    slack = 0.0 if picture.dtype != np.float32 else 2e-7
    blended = masks.blend(picture, layered, selected)
    np.testing.assert_allclose(result, blended, rtol=0, atol=slack)
    assert facts.get("color_match") == (correction.facts())
    whole, _ = held.finish(made, blend=False)
    np.testing.assert_allclose(whole, plain_depth(layered, depth), rtol=0, atol=slack)


def test_drift_in_both_sizes_and_in_place() -> None:
    made = painted()
    for shape in ((HEIGHT, WIDTH), (97, 131)):
        drift = np.random.RandomState(5).rand(*shape, 3).astype(np.float32) - np.float32(0.5)
        if shape == (HEIGHT, WIDTH):
            expected = np.clip(made + drift * 0.3, 0, 1)
            assert np.array_equal(colour.undo_drift(made, drift, 0.3), expected)
        apart = colour.undo_drift(made, drift, 0.3)
        place = made.copy()
        assert colour.undo_drift(place, drift, 0.3, place) is place
        assert np.array_equal(place, apart)


def test_detail_is_the_same_in_bands_of_any_height(monkeypatch: pytest.MonkeyPatch) -> None:
    made, returned = painted(), np.clip(painted() + 0.02, 0, 1).astype(np.float32)
    seen = np.clip(painted() - 0.03, 0, 1).astype(np.float32)
    found = []
    for band in (2**30, 2**20, 1):
        monkeypatch.setattr(detail, "BAND", band)
        copy = made.copy()
        share = detail.give_back(copy, lambda a, b: seen[a:b], returned, 0.4)
        found.append((copy.tobytes(), round(share, 5)))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("format", list(PixelFormat))
def test_files_are_the_picture_converted_at_once(format: PixelFormat, tmp_path) -> None:
    picture = source("u2", clear=True)
    pixels.store(picture, format, tmp_path / "a.raw")
    held = Canvas(Size(WIDTH, HEIGHT), Work.whole(Size(WIDTH, HEIGHT)), format)
    saved_pictures.save(tmp_path, 0, held, picture)
    expected = pixels.convert(picture, format).tobytes()
    assert (tmp_path / "a.raw").read_bytes() == expected
    assert (tmp_path / "0.raw").read_bytes() == expected


def test_memory_of_a_large_opaque_picture() -> None:
    """Beyond what is answered, not even the picture's own size is taken."""
    side = 2048
    picture = np.full((side, side, 4), 255, np.uint8)
    made = np.full((side, side, 3), 0.5, np.float32)
    held = Canvas(Size(side, side), Work.whole(Size(side, side)), PixelFormat.RGBA_U8, picture)
    answers = {
        "seen": lambda: model_input.model_rgb(picture, Size(side, side)),
        "to_depth": lambda: pixels.to_depth(made, np.uint8),
        "finish": lambda: held.finish(made, blend=True)[0],
    }
    for name, answer in answers.items():
        tracemalloc.start()
        answered = answer().nbytes
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak - answered < picture.nbytes, name
