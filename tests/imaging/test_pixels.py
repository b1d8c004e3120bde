"""Files and raw pixels in and out at their full depth; what models get to see."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.imaging.strategies import DEPTHS, picture

from pentimento.core.errors import BadInput
from pentimento.core.geometry import Size
from pentimento.imaging import bands, decode, model_input, pixels
from pentimento.schema.job import PixelFormat
from pentimento.schema.task import PixelFile

FORMAT_OF = {
    np.uint8: PixelFormat.RGBA_U8,
    np.uint16: PixelFormat.RGBA_U16,
    np.float32: PixelFormat.RGBA_F32,
}


def saved(folder: Path, data: bytes, width: int = 31, height: int = 23) -> PixelFile:
    path = folder / "picture"
    path.write_bytes(data)
    return PixelFile(path, width, height)


@pytest.mark.parametrize("depth", DEPTHS)
def test_raw_pixels_come_back_bit_for_bit(tmp_path: Path, depth: type) -> None:
    values = picture(depth, 1)
    path = tmp_path / "0.raw"
    pixels.store(values, FORMAT_OF[depth], path)
    assert path.stat().st_size == 31 * 23 * FORMAT_OF[depth].bytes_per_pixel
    loaded = decode.load(PixelFile(path, 31, 23, FORMAT_OF[depth]))
    assert loaded.dtype == depth
    assert loaded.tobytes() == values.tobytes()
    assert [entry.name for entry in tmp_path.iterdir()] == ["0.raw"]


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_png_keeps_depth_and_channels(tmp_path: Path, depth: type, channels: int) -> None:
    values = picture(depth, 2)[..., :channels]
    loaded = decode.load(saved(tmp_path, pixels.encode_png(values)))
    assert loaded.dtype == depth
    assert np.array_equal(
        loaded[..., : max(channels, 3)],
        np.broadcast_to(values, loaded[..., : max(channels, 3)].shape),
    )
    assert channels == 4 or (loaded[..., 3] == np.iinfo(depth).max).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "I;16"])
def test_every_kind_of_png_looks_the_same(tmp_path: Path, mode: str) -> None:
    gradient = np.tile(np.linspace(0, 255, 31).astype(np.uint8), (23, 1))
    grey = Image.fromarray((gradient > 127).astype(np.uint8) * 255)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    else:
        image = grey.convert("L").convert("P" if mode == "PA" else mode)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    loaded = decode.load(saved(tmp_path, buffer.getvalue()))
    as_bytes = pixels.to_depth(loaded, np.uint8)
    assert np.array_equal(as_bytes[..., :3], np.asarray(grey.convert("RGB")))
    assert (as_bytes[..., 3] == 255).all()


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_jpeg_and_webp_are_read(tmp_path: Path, kind: str) -> None:
    image = Image.new("RGB", (31, 23), (200, 40, 90))
    buffer = io.BytesIO()
    image.save(buffer, kind, quality=95)
    loaded = decode.load(saved(tmp_path, buffer.getvalue()))
    assert abs(loaded[..., :3].astype(int) - (200, 40, 90)).max() <= 4


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("cut", [8, 40, 400, -60])
def test_a_truncated_png_is_refused(tmp_path: Path, cut: int, deep: bool) -> None:
    whole = pixels.encode_png(picture(np.uint16 if deep else np.uint8, 3))
    with pytest.raises(BadInput) as caught:
        decode.load(saved(tmp_path, whole[:cut]))
    assert caught.value.code == "bad_image"


def test_other_formats_and_sizes_are_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (31, 23)).save(buffer, "GIF")
    with pytest.raises(BadInput, match="not a PNG"):
        decode.load(saved(tmp_path, buffer.getvalue()))
    with pytest.raises(BadInput, match="31 × 23 px, not 30 × 23"):
        decode.load(saved(tmp_path, pixels.encode_png(picture(np.uint8, 1)), width=30))
    (tmp_path / "raw").write_bytes(bytes(10))
    with pytest.raises(BadInput, match="10 bytes"):
        decode.load(PixelFile(tmp_path / "raw", 2, 2, PixelFormat.RGBA_U8))


def test_masks_are_grey_values_or_luminance_times_alpha(tmp_path: Path) -> None:
    path = tmp_path / "mask"
    path.write_bytes(bytes([0, 7, 255, 128]))
    assert bands.load_mask(PixelFile(path, 2, 2, PixelFormat.Y_U8)).tolist() == [
        [0, 7],
        [255, 128],
    ]
    coloured = np.array([[[255, 255, 255, 255], [255, 255, 255, 51], [0, 255, 0, 255]]], np.uint8)
    found = bands.load_mask(saved(tmp_path, pixels.encode_png(coloured), 3, 1))
    assert found.tolist() == [[255, 51, 182]]


def test_transparent_pixels_are_filled_from_around() -> None:
    values = np.zeros((64, 64, 4), np.uint8)
    values[:, :20] = (200, 30, 30, 255)
    values[:, 44:] = (30, 30, 200, 255)
    filled = model_input.model_rgb(values, Size(64, 64))
    assert np.array_equal(filled[:, :20], pixels.to_float(values)[:, :20, :3])
    assert filled[:, 20:24, 0].min() > 0.5
    assert filled[:, 40:44, 2].min() > 0.5
    assert filled.max(axis=2).min() > 0.25  # no dark seam anywhere


def test_an_empty_picture_is_neutral_and_values_out_of_range_are_limited() -> None:
    assert (model_input.model_rgb(np.zeros((8, 8, 4), np.uint16), Size(4, 4)) == 0.5).all()
    wild = np.full((4, 4, 4), 1, np.float32)
    wild[0, 0, :3] = (np.nan, np.inf, -7)
    seen = model_input.model_rgb(wild, Size(8, 8))
    assert np.isfinite(seen).all()
    assert seen.min() >= 0
    assert seen.max() <= 1


@pytest.mark.parametrize(("fill", "value"), [("white", 1.0), ("black", 0.0), ("gray", 0.5)])
def test_transparent_places_can_lie_on_a_plain_colour(fill: str, value: float) -> None:
    source = np.full((8, 8, 4), 200, np.uint8)
    source[:4, :, 3], source[4:, :, 3] = 0, 255
    seen = model_input.model_rgb(source, Size(8, 8), fill)
    assert np.allclose(seen[:4], value)
    assert np.allclose(seen[4:], 200 / 255)


def test_eight_bits_survive_the_other_depths() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    for depth in (np.uint16, np.float32):
        assert np.array_equal(pixels.to_depth(pixels.to_depth(values, depth), np.uint8), values)


@pytest.mark.parametrize("size", [Size(62, 46), Size(7, 5), Size(62, 5), Size(1, 1)])
def test_resizing_keeps_flat_colours_and_range(size: Size) -> None:
    flat = np.full((23, 31, 4), (10, 100, 200, 255), np.uint8)
    seen = model_input.model_rgb(flat, size)
    assert seen.shape == (size.height, size.width, 3)
    assert abs(seen - np.float32([10, 100, 200]) / 255).max() < 1e-5
    noisy = model_input.model_rgb(picture(np.uint8, 5), size)
    assert noisy.min() >= 0
    assert noisy.max() <= 1


@pytest.mark.parametrize("bits", [0x7FA00000, 0x7FC00000, 0xFFC00001, 0xFF800000])
def test_no_kind_of_nan_is_more_than_black_or_warned_of(bits: int) -> None:
    """Raw pixels may hold any bits; among them are NaN that signal."""
    wild = np.full((2, 3, 1), bits, np.uint32).view(np.float32)
    for depth in (np.uint8, np.uint16):
        assert not pixels.to_depth(wild, depth).any()
