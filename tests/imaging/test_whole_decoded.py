"""Large pictures in forms that are decoded as a whole: their bands hold what the decoder of small
ones gives, in every orientation, and none is larger than there is memory for."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from tests.support.large_pictures import as_png, by_pillow
from tests.support.picture_writers import chunk

from pentimento.core.errors import TooLarge
from pentimento.core.geometry import Size
from pentimento.imaging import bands, decode, file_header, pixels

SIZE = (70, 90)
NOISE = np.random.default_rng(3).integers(0, 255, (SIZE[1], SIZE[0], 4), np.uint8)
DEEP = np.random.default_rng(4).integers(0, 65_535, (SIZE[1], SIZE[0], 4)).astype(np.uint16)


def _files(orientation: int) -> dict[str, bytes]:
    grey = NOISE[..., 0]
    deep_grey = Image.fromarray(DEEP[..., 0])
    return {
        "jpeg": by_pillow(NOISE[..., :3], "JPEG", orientation),
        "jpeg-grey": by_pillow(grey, "JPEG", orientation),
        "webp": by_pillow(NOISE[..., :3], "WEBP", orientation),
        "webp-alpha": by_pillow(NOISE, "WEBP", orientation, lossless=True),
        "png": by_pillow(NOISE, "PNG", orientation),
        "png-key": by_pillow(grey // 64 * 64, "PNG", orientation, transparency=64),
        "png-16-grey": by_pillow(np.asarray(deep_grey), "PNG", orientation),
        **{
            f"png-{depth}-{channels}{'-interlaced' * interlaced}": as_png(
                values[..., :channels], interlaced=interlaced, orientation=orientation
            )
            for depth, values in (("8", NOISE), ("16", DEEP))
            for channels in (2, 3, 4)
            for interlaced in (False, True)
        },
    }


@pytest.mark.parametrize("orientation", range(1, 9))
def test_bands_of_the_decoders_own_copy_are_the_picture(
    orientation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, data in _files(orientation).items():
        size = file_header.header(data).size
        expected = decode.decode(data, size)
        monkeypatch.setattr(bands, "LARGE", 0)
        made = bands.of_data(data, size)
        values = np.concatenate(list(made))
        assert (values.dtype, values.shape) == (expected.values.dtype, expected.values.shape), name
        assert (values == expected.values).all(), name
        assert made.notices == expected.notices, name
        monkeypatch.undo()


@pytest.mark.parametrize("kind", ["interlaced", "turned"])
def test_a_deep_picture_beyond_the_memory_is_refused_before_it_is_decoded(kind: str) -> None:
    side = 8000
    values = np.zeros((1, 1, 4), np.uint16)
    file = as_png(values, interlaced=kind == "interlaced", orientation=6 if kind == "turned" else 1)
    facts = struct.pack(">IIBBBBB", side, side, 16, 6, 0, 0, int(kind == "interlaced"))
    claims = file[:8] + chunk(b"IHDR", facts) + file[8 + 25 :]
    assert zlib.crc32(b"IHDR" + facts) == int.from_bytes(claims[29:33])
    with pytest.raises(TooLarge, match="40 megapixels"):
        bands.of_data(claims, Size(side, side))


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_a_large_pictures_hole_gets_the_colours_around_it(
    depth: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bands, "COARSE", 400)
    full = int(pixels.FULL[np.dtype(depth)])
    picture = np.full((60, 80, 4), full, depth)
    picture[:, :40, 0] = 0
    mask = np.zeros((60, 80), np.uint8)
    mask[20:40, 5:15] = mask[20:40, 60:70] = 255
    picture[mask > 0, :3] = full // 3
    picture[30, 30, 3] = 0
    before = picture.copy()
    bands.continue_surroundings(picture, mask)
    assert (picture[mask == 0] == before[mask == 0]).all()
    assert (picture[..., 3] == before[..., 3]).all()
    left, right = picture[20:40, 5:15, :3] / full, picture[20:40, 60:70, :3] / full
    assert left[..., 0].max() < 0.1
    assert left[..., 1:].min() > 0.9
    assert right.min() > 0.9
