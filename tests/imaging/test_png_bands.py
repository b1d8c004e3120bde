"""Pictures in bands are the pictures as a whole: PNG files written and read a few rows at a time,
masks, fillings and reductions, for every kind of file that people have."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.support import icc_profiles
from tests.support.awkward_pictures import PICTURES

from pentimento.core.errors import BadInput
from pentimento.core.geometry import Size
from pentimento.imaging import (
    bands,
    decode,
    file_header,
    model_input,
    pixels,
    png_bands,
    png_chunks,
    resize,
)
from pentimento.schema.job import PixelFormat
from pentimento.schema.task import PixelFile

SENT = {name: sample for name, sample in PICTURES.items() if sample.content_type}


@pytest.fixture(autouse=True)
def small_bands(monkeypatch):
    """So that small pictures have many."""
    monkeypatch.setattr(png_bands, "BAND_BYTES", 1000)
    monkeypatch.setattr(png_bands, "IDAT_BYTES", 300)


def noise(width: int, height: int, channels: int, dtype: type, seed: int = 0) -> np.ndarray:
    chance = np.random.default_rng(seed)
    return chance.integers(0, np.iinfo(dtype).max, (height, width, channels), dtype, endpoint=True)


def written(values: np.ndarray, step: int, **more: object) -> bytes:
    out = io.BytesIO()
    parts = (values[top : top + step] for top in range(0, len(values), step))
    png_bands.write(out, Size(values.shape[1], values.shape[0]), parts, **more)
    return out.getvalue()


def joined(parts) -> np.ndarray:
    return np.concatenate(list(parts))


@given(
    width=st.integers(1, 70),
    height=st.integers(1, 70),
    channels=st.integers(1, 4),
    dtype=st.sampled_from((np.uint8, np.uint16)),
    step=st.integers(1, 80),
    seed=st.integers(0, 9),
)
def test_what_is_written_in_bands_is_read_by_all(width, height, channels, dtype, step, seed):
    values = noise(width, height, channels, dtype, seed)
    data = written(values, step)
    assert np.array_equal(joined(png_bands.read(data)), values)
    assert np.array_equal(decode.decode(data, Size(width, height)).values, values)
    by_opencv = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if channels == 3:
        assert np.array_equal(by_opencv[..., ::-1], values)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_every_filter_of_other_writers_is_undone(mode):
    """Smooth pictures: zlib and libpng choose among all five."""
    few = noise(9, 7, 4, np.uint8)
    smooth = cv2.resize(few, (61, 83), interpolation=cv2.INTER_CUBIC)
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "I;16": 1}[mode]
    values = smooth[..., :channels]
    if mode == "I;16":
        values = smooth[..., :1].astype(np.uint16) * 257
    image = Image.fromarray(values if channels > 1 else values[..., 0])
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    filters = cv2.imencode(".png", smooth, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()
    assert np.array_equal(joined(png_bands.read(out.getvalue())), values)
    found = joined(png_bands.read(filters))
    assert np.array_equal(found, smooth[..., [2, 1, 0, 3]])


@pytest.mark.parametrize("deep", [False, True])
def test_a_file_that_is_cut_anywhere_is_damaged(deep):
    data = written(noise(20, 30, 4, np.uint16 if deep else np.uint8), 7)
    for end in range(len(png_chunks.SIGNATURE) + 40, len(data) - 20, 61):
        with pytest.raises(BadInput):
            joined(bands.of_data(data[:end], Size(20, 30)))


def test_pixels_that_were_changed_on_the_way_are_damaged():
    data = bytearray(written(noise(20, 30, 3, np.uint8), 7))
    data[len(data) // 2] ^= 255
    with pytest.raises(BadInput):
        joined(bands.of_data(bytes(data), Size(20, 30)))


def test_text_and_profile_go_along():
    profile = icc_profiles.P3
    data = written(
        noise(5, 5, 3, np.uint8), 2, profile=profile, texts={"parameters": "猫 قطة 👩‍👩‍👧"}
    )
    assert png_chunks.texts(data) == {"parameters": "猫 قطة 👩‍👩‍👧"}
    assert png_chunks.facts(data).profile == profile


@pytest.mark.parametrize("sample", SENT.values(), ids=SENT)
def test_every_awkward_picture_is_the_same_in_bands(sample, tmp_path):
    header = file_header.header(sample.data)
    whole = decode.decode(sample.data, header.size)
    found = bands.of_data(sample.data, header.size)
    assert np.array_equal(joined(found), whole.values)
    assert (found.channels, found.dtype) == (whole.values.shape[2], whole.values.dtype)
    assert found.notices == whole.notices
    assert (found.profile is None) == (whole.profile is None)
    assert found.profile is None or found.profile.data == whole.profile.data
    own = decode.own(whole)
    assert np.array_equal(joined(part.picture for part in found.own()), own.picture)
    file = PixelFile(tmp_path / "猫 “x”", header.size.width, header.size.height)
    file.path.write_bytes(sample.data)
    assert np.array_equal(bands.load(file), decode.load(file))
    assert np.array_equal(bands.load_mask(file), pixels.as_mask(whole.values))
    assert found.is_opaque() == pixels.is_opaque(own.picture)


@pytest.mark.parametrize("format", list(PixelFormat))
def test_raw_pixels_of_every_kind_are_the_same_in_bands(format, tmp_path):
    stored, channels = pixels.LAYOUT[format]
    chance = np.random.default_rng(3)
    values = chance.random((41, 23, channels)) * (1 if stored.kind == "f" else 200)
    path = tmp_path / "of 国"
    values.astype(stored).tofile(path)
    file = PixelFile(path, 23, 41, format)
    assert np.array_equal(joined(bands.of(file)), values.astype(stored))
    out = io.BytesIO()
    bands.write_png(out, bands.of(file))
    kept = decode.decode(out.getvalue(), Size(23, 41)).values
    deep = np.uint8 if stored.itemsize == 1 else np.uint16
    assert np.array_equal(kept, pixels.to_depth(values.astype(stored), deep))
    bands.write_raw(iter(bands.of(file)), format, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BadInput):
        bands.of(file)


def ball(side: int, dtype: type) -> np.ndarray:
    """A coloured disc with a soft edge on transparent black."""
    y, x = np.mgrid[:side, :side] / side - 0.5
    alpha = np.clip((0.4 - np.hypot(x, y)) * 20, 0, 1)
    colours = np.stack([0.2 + 0 * x, 0.8 + 0 * x, 0.5 + 0 * x, alpha], -1)
    colours[alpha == 0, :3] = 0
    return pixels.to_depth(colours.astype(np.float32), dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("fill", ["surroundings", "white", "gray"])
def test_large_pictures_are_seen_as_small_ones_are(dtype, fill, tmp_path, monkeypatch):
    picture = ball(300, dtype)
    path = tmp_path / "ball.png"
    path.write_bytes(pixels.encode_png(picture))
    file = PixelFile(path, 300, 300)
    wanted = model_input.seen_u8(picture, fill).astype(int)
    assert np.array_equal(bands.seen_u8(file, fill), wanted)
    monkeypatch.setattr(bands, "WHOLE", 1000)
    monkeypatch.setattr(bands, "COARSE", 2500)
    apart = np.abs(bands.seen_u8(file, fill) - wanted)
    opaque = picture[..., 3] == pixels.FULL[picture.dtype]
    assert apart[opaque].max() == 0
    assert apart.max() <= (8 if fill == "surroundings" else 0)  # no black comes in from outside


@pytest.mark.parametrize("size", [Size(64, 48), Size(13, 7), Size(1, 1), Size(100, 77)])
def test_a_reduced_picture_is_the_mean_of_what_it_covers(size):
    values = noise(100, 77, 4, np.uint16)
    parts = (values[top : top + 9] for top in range(0, 77, 9))
    found = bands.shrunk(parts, Size(100, 77), size)
    exact = pixels.to_float(values)
    exact[..., :3] *= exact[..., 3:]
    small = cv2.resize(exact, (size.width, size.height), interpolation=cv2.INTER_AREA)
    small[..., :3] /= np.maximum(small[..., 3:], 1e-6)
    assert np.abs(found - small).max() < 1e-4


@pytest.mark.parametrize("way", ["stretch", "crop", "pad"])
def test_one_channel_at_a_time_is_fitted_as_all_together(way, tmp_path, monkeypatch):
    monkeypatch.setattr(resize, "LARGE", 100)
    picture = noise(60, 40, 4, np.uint16)
    picture[0, :2] = [[0], [65_535]]  # what overshoots is held within each channel's own range
    path = tmp_path / "a.png"
    path.write_bytes(pixels.encode_png(picture))
    size = Size(50, 70)
    together = bands.load_fitted(PixelFile(path, 60, 40), size, way)
    monkeypatch.setattr(bands, "MOST_BYTES", 0)
    assert np.array_equal(bands.load_fitted(PixelFile(path, 60, 40), size, way), together)


def test_memory_does_not_grow_with_the_picture(tmp_path: Path):
    """50 MB of pixels are read, written and read again in less than a tenth of that."""
    path = tmp_path / "0.raw"
    with path.open("wb") as stream:
        for row in range(2500):
            stream.write(bytes([row % 256]) * 20_000)
    tracemalloc.start()
    try:
        with (tmp_path / "a.png").open("wb") as out:
            bands.write_png(out, bands.of(PixelFile(path, 2500, 2500, PixelFormat.RGBA_U16)))
        for _ in bands.of(PixelFile(tmp_path / "a.png", 2500, 2500)):
            pass
        assert tracemalloc.get_traced_memory()[1] < 5 * 2**20
    finally:
        tracemalloc.stop()
