"""The bits of pictures stay what they are, however fast and in however little memory they are made.

The table was written by the straightforward code, whole pictures in double precision. Only what
IEEE arithmetic gives alike on every machine has a hash; what OpenCV resizes is held against whole
pictures elsewhere. `python tests/imaging/test_picture_hashes.py` prints the table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import pytest

from pentimento.core.geometry import Size, Work
from pentimento.imaging import masks, model_input, pixels, saved_pictures
from pentimento.imaging.canvas import Canvas
from pentimento.schema.job import PixelFormat

WIDTH, HEIGHT = 123, 613  # odd, and more rows than any band has
SIZE = Size(WIDTH, HEIGHT)
DEPTHS = ("u1", "u2", "f4")


def source(depth: str, alpha: str) -> np.ndarray:
    """`(h, w, 4)` of every kind of value; in float also NaN, both infinities and out of range."""
    chance = np.random.RandomState(20261130)  # its numbers are frozen for good
    whole = chance.randint(0, 65536, (HEIGHT, WIDTH, 4)).astype(np.uint16)
    whole[:, :, 3] = _alpha(whole[:, :, 3], alpha)
    if depth == "u2":
        return whole
    if depth == "u1":
        return (whole >> 8).astype(np.uint8)
    picture = whole.astype(np.float32) / np.float32(65535)
    colours = picture[..., :3].reshape(-1)
    for step, value in ((97, np.nan), (101, np.inf), (103, -np.inf), (107, -0.25), (109, 1.5)):
        colours[::step] = value
    picture[..., :3] = colours.reshape(HEIGHT, WIDTH, 3)
    return picture


def _alpha(values: np.ndarray, kind: str) -> np.ndarray:
    if kind == "opaque":
        return np.full_like(values, 65535)
    soft = values.copy()
    soft[::3] = 0
    soft[1::3] = 65535
    return soft


def made() -> np.ndarray:
    """What a model paints: `(h, w, 3)` float32, a little beyond 0..1."""
    chance = np.random.RandomState(7)
    values = chance.randint(-4000, 70000, (HEIGHT, WIDTH, 3)).astype(np.float32)
    return values / np.float32(65535)


def mask() -> np.ndarray:
    """`(h, w)` float32 0..255: kept, regenerated and everything between."""
    across = np.arange(WIDTH, dtype=np.float32)[None, :] - 30
    down = np.arange(HEIGHT, dtype=np.float32)[:, None] / 8
    return np.clip(across * 5 + down, 0, 255).astype(np.float32)


def digests() -> Iterator[tuple[str, str]]:
    for depth in DEPTHS:
        for alpha in ("opaque", "transparent"):
            picture = source(depth, alpha)
            name = f"{depth} {alpha}"
            for target in DEPTHS:
                yield f"{name} to {target}", digest(pixels.to_depth(picture, target))
            yield f"{name} seen", digest(model_input.model_rgb(picture, SIZE, "white"))
            yield f"{name} seen_u8", digest(model_input.seen_u8(picture, "gray"))
            for format in PixelFormat:
                if format is not PixelFormat.Y_U8:  # a matrix product, which BLAS adds up its way
                    yield f"{name} as {format}", digest(pixels.convert(picture, format))
            yield f"{name} blended", digest(masks.blend(picture, _layered(picture), mask()))
            yield f"{name} pasted", digest(masks.blend(picture, picture[::-1], mask() // 255 * 255))
            for opaque in (False, True):
                for selected in (None, mask()):
                    held = Canvas(
                        *(SIZE, Work.whole(SIZE), PixelFormat.RGBA_U8, picture, selected),
                        opaque=opaque,
                    )
                    which = (
                        f"{name} finished{' opaque' * opaque}{' masked' * (selected is not None)}"
                    )
                    with np.errstate(invalid="ignore"):
                        yield which, digest(held.finish(made(), blend=True)[0])
    yield "painted to u1", digest(pixels.to_depth(made(), np.uint8))
    yield "painted to u2", digest(pixels.to_depth(made(), np.uint16))
    for format in (PixelFormat.RGB_U8, PixelFormat.RGBA_U8, PixelFormat.RGBA_U16):
        yield f"painted as {format}", digest(pixels.convert(made(), format))
    held = Canvas(SIZE, Work.whole(SIZE), PixelFormat.RGB_U8)
    yield "painted finished", digest(held.finish(made(), blend=True)[0])


def _layered(picture: np.ndarray) -> np.ndarray:
    """What `finish` lays over the source, by its own words."""
    layered = np.empty((HEIGHT, WIDTH, 4), np.float32)
    layered[..., :3] = made()
    layered[..., 3] = pixels.to_float(picture)[..., 3]
    return layered


def digest(picture: np.ndarray) -> str:
    if picture.dtype.kind == "f":  # processors differ in the sign of what is no number
        picture = np.where(np.isnan(picture), picture.dtype.type(np.nan), picture)
    found = hashlib.sha256(f"{picture.dtype.str} {picture.shape} ".encode())
    found.update(np.ascontiguousarray(picture).data)
    return found.hexdigest()[:20]


HASHES: dict[str, str] = {
    "u1 opaque to u1": "b0aaef7e984a17556cdc",
    "u1 opaque to u2": "ab50a068aa213e9d317b",
    "u1 opaque to f4": "d6cf0e71290913665047",
    "u1 opaque seen": "a333c1c05b1b7be4e60a",
    "u1 opaque seen_u8": "343cddc435cb6efbcee5",
    "u1 opaque as rgba-u8": "b0aaef7e984a17556cdc",
    "u1 opaque as rgb-u8": "343cddc435cb6efbcee5",
    "u1 opaque as rgba-u16": "ab50a068aa213e9d317b",
    "u1 opaque as rgba-f32": "d6cf0e71290913665047",
    "u1 opaque blended": "3b73911e0bf93b00917d",
    "u1 opaque pasted": "9506c363e3d48eb72880",
    "u1 opaque finished": "85e109a178bbf25fa3a0",
    "u1 opaque finished masked": "3b73911e0bf93b00917d",
    "u1 opaque finished opaque": "85e109a178bbf25fa3a0",
    "u1 opaque finished opaque masked": "3b73911e0bf93b00917d",
    "u1 transparent to u1": "03b6a29e9a1dd2c8212d",
    "u1 transparent to u2": "14d8ea3975624e1d7a85",
    "u1 transparent to f4": "2b3fd85d1cea46d04f37",
    "u1 transparent seen": "b34cb12a443294a44d9e",
    "u1 transparent seen_u8": "e72706303335b752eaf4",
    "u1 transparent as rgba-u8": "03b6a29e9a1dd2c8212d",
    "u1 transparent as rgb-u8": "343cddc435cb6efbcee5",
    "u1 transparent as rgba-u16": "14d8ea3975624e1d7a85",
    "u1 transparent as rgba-f32": "2b3fd85d1cea46d04f37",
    "u1 transparent blended": "78bd87a882cd0aa044a8",
    "u1 transparent pasted": "db655196e6802df64189",
    "u1 transparent finished": "07798bc894bba302b90c",
    "u1 transparent finished masked": "78bd87a882cd0aa044a8",
    "u1 transparent finished opaque": "85e109a178bbf25fa3a0",
    "u1 transparent finished opaque masked": "3210866c0d2462bb28ad",
    "u2 opaque to u1": "92037e1237620dfebec1",
    "u2 opaque to u2": "6b1d9b4acb2468297c0a",
    "u2 opaque to f4": "2e3d5e58608c5a53c364",
    "u2 opaque seen": "c14b6204e9afc60c9f3c",
    "u2 opaque seen_u8": "31a9e9114c33de82ca9c",
    "u2 opaque as rgba-u8": "92037e1237620dfebec1",
    "u2 opaque as rgb-u8": "31a9e9114c33de82ca9c",
    "u2 opaque as rgba-u16": "6b1d9b4acb2468297c0a",
    "u2 opaque as rgba-f32": "2e3d5e58608c5a53c364",
    "u2 opaque blended": "3da106c211e7cf19cb13",
    "u2 opaque pasted": "14346fe924ce5e0f538c",
    "u2 opaque finished": "d968a7ba2cbfbfd6cf0e",
    "u2 opaque finished masked": "3da106c211e7cf19cb13",
    "u2 opaque finished opaque": "d968a7ba2cbfbfd6cf0e",
    "u2 opaque finished opaque masked": "3da106c211e7cf19cb13",
    "u2 transparent to u1": "9df1bf7d7a9740e660cc",
    "u2 transparent to u2": "67c3a1b98f4fb62e07c6",
    "u2 transparent to f4": "210d621d59162bfdd6f2",
    "u2 transparent seen": "aa37f507b971fe839772",
    "u2 transparent seen_u8": "b177c172ec62258633e6",
    "u2 transparent as rgba-u8": "9df1bf7d7a9740e660cc",
    "u2 transparent as rgb-u8": "31a9e9114c33de82ca9c",
    "u2 transparent as rgba-u16": "67c3a1b98f4fb62e07c6",
    "u2 transparent as rgba-f32": "210d621d59162bfdd6f2",
    "u2 transparent blended": "fdb7f71f2edd21bf1207",
    "u2 transparent pasted": "b6e460a9a1769e9cba90",
    "u2 transparent finished": "1cc7e6064e3eb324fe74",
    "u2 transparent finished masked": "fdb7f71f2edd21bf1207",
    "u2 transparent finished opaque": "d968a7ba2cbfbfd6cf0e",
    "u2 transparent finished opaque masked": "b3dc79528c8bfa6569b3",
    "f4 opaque to u1": "f305f9f9b46bedac70b5",
    "f4 opaque to u2": "d44201aa98172f0094db",
    "f4 opaque to f4": "a14dcad251fbfbe20ae9",
    "f4 opaque seen": "0acd28523b8af2561fff",
    "f4 opaque seen_u8": "93bf13eec0359b7e530b",
    "f4 opaque as rgba-u8": "f305f9f9b46bedac70b5",
    "f4 opaque as rgb-u8": "93bf13eec0359b7e530b",
    "f4 opaque as rgba-u16": "d44201aa98172f0094db",
    "f4 opaque as rgba-f32": "a14dcad251fbfbe20ae9",
    "f4 opaque blended": "9fbc75ddf8ad82ace9bd",
    "f4 opaque pasted": "ca62a0a570f042cb9736",
    "f4 opaque finished": "ae4e11c8d9511184fa16",
    "f4 opaque finished masked": "9fbc75ddf8ad82ace9bd",
    "f4 opaque finished opaque": "ae4e11c8d9511184fa16",
    "f4 opaque finished opaque masked": "9fbc75ddf8ad82ace9bd",
    "f4 transparent to u1": "fefcc02a627d8f4fd9ce",
    "f4 transparent to u2": "39cf024a31ceb0192cdf",
    "f4 transparent to f4": "f40205a948c3235226a6",
    "f4 transparent seen": "1ec370469432637654cc",
    "f4 transparent seen_u8": "91fca21e21479ad30ea7",
    "f4 transparent as rgba-u8": "fefcc02a627d8f4fd9ce",
    "f4 transparent as rgb-u8": "93bf13eec0359b7e530b",
    "f4 transparent as rgba-u16": "39cf024a31ceb0192cdf",
    "f4 transparent as rgba-f32": "f40205a948c3235226a6",
    "f4 transparent blended": "fafda9d899003a20679e",
    "f4 transparent pasted": "c09a6fc6393eace7078a",
    "f4 transparent finished": "fdfcc0ef930d5669cef7",
    "f4 transparent finished masked": "fafda9d899003a20679e",
    "f4 transparent finished opaque": "ae4e11c8d9511184fa16",
    "f4 transparent finished opaque masked": "63167313c873e785fc9c",
    "painted to u1": "623b77b67bf8028863a3",
    "painted to u2": "6942e9d1b7d16f770275",
    "painted as rgb-u8": "623b77b67bf8028863a3",
    "painted as rgba-u8": "85e109a178bbf25fa3a0",
    "painted as rgba-u16": "d968a7ba2cbfbfd6cf0e",
    "painted finished": "408020e14dde00594706",
}


@pytest.fixture(scope="module")
def found() -> dict[str, str]:
    return dict(digests())


def test_the_table_and_the_cases_are_the_same(found: dict[str, str]) -> None:
    assert found.keys() == HASHES.keys()


@pytest.mark.parametrize("name", HASHES)
def test_bits_are_what_they_were(name: str, found: dict[str, str]) -> None:
    assert found[name] == HASHES[name]


def test_saved_bytes_are_the_converted_picture(tmp_path) -> None:
    picture = source("u2", "transparent")
    held = Canvas(SIZE, Work.whole(SIZE), PixelFormat.RGBA_U16, picture)
    file = saved_pictures.save(tmp_path, 0, held, picture)
    assert file.path.read_bytes() == picture.astype("<u2").tobytes()


if __name__ == "__main__":
    for case, value in digests():
        print(f'    "{case}": "{value}",')
