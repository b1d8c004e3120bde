"""`pentimento run` with pictures as they come: on their side, deep, with profiles, in inks."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from tests.cli.shell import Shell, photo
from tests.support import awkward, awkward_pictures, picture_writers
from tests.support.awkward_pictures import FEW, PICTURES, Sample
from tests.support.icc_profiles import GREY_18

from pentimento.imaging import decode, file_header, pixels


def as_seen(data: bytes) -> np.ndarray:
    """What a viewer makes of a file that knows profiles and no orientation."""
    header = file_header.header(data)
    assert not header.turned
    return pixels.to_float(decode.srgb(decode.decode(data, header.size)))


def run(shell: Shell, sample: Sample, *options: str, output: str = "b.png") -> tuple[bytes, str]:
    """The result's file and what was said."""
    (shell.folder / f"a.{sample.kind}").write_bytes(sample.data)
    done = shell("run", *options, "--input", f"a.{sample.kind}", "--output", output)
    assert done.returncode == 0, done.stderr
    return (shell.folder / output).read_bytes(), done.stderr


def check(sample: Sample, data: bytes, said: str) -> None:
    found = as_seen(data)
    assert found.shape == sample.seen.shape
    visible = sample.seen[..., 3] > 0
    assert np.abs(found - sample.seen)[visible].max() <= sample.exact
    assert sample.notice in said
    if sample.stored is not None:
        header = file_header.header(data)
        values = decode.decode(data, header.size).values
        assert values.dtype == sample.stored.dtype
        assert np.array_equal(values, sample.stored)
    with Image.open(io.BytesIO(data)) as image:
        assert image.info.get("icc_profile") == sample.profile


@pytest.mark.parametrize("sample", awkward.cases(FEW))
def test_strength_zero_keeps_the_files_own_pixels_and_profile(
    served: Shell, sample: Sample
) -> None:
    check(sample, *run(served, sample, "--strength", "0"))


@pytest.mark.parametrize("sample", awkward.cases(FEW, "tif16_on_8", "icc_grey_16", "jpeg_cmyk"))
def test_strength_zero_keeps_them_without_a_server_too(shell: Shell, sample: Sample) -> None:
    check(sample, *run(shell, sample, "--local", "--strength", "0"))


@pytest.mark.parametrize(
    "sample", awkward.cases(PICTURES, *FEW, "long_strip", "tall_strip", "icc_srgb_8", "trns_rgb_16")
)
def test_every_kind_of_picture_is_repainted(served: Shell, sample: Sample) -> None:
    """It keeps its size, its transparency, its depth and, where that can be, its profile."""
    data, said = run(served, sample, "--strength", "0.6", "--steps", "2", "--seed", "1")
    header = file_header.header(data)
    decoded = decode.decode(data, header.size)
    height, width = sample.seen.shape[:2]
    assert (header.size.width, header.size.height) == (width, height)
    assert np.abs(as_seen(data)[..., 3] - sample.seen[..., 3]).max() < 0.01
    held = None if sample.profile == GREY_18 else sample.profile
    assert (decoded.profile.data if decoded.profile else None) == held
    if sample.stored is not None:
        assert decoded.values.dtype == sample.stored.dtype
    assert sample.notice in said


@pytest.mark.parametrize("output", ["b.jpg", "b.webp"])
def test_results_of_other_kinds_have_the_profile_too(served: Shell, output: str) -> None:
    data, _ = run(served, PICTURES["icc_p3_8"], "--strength", "0", output=output)
    assert np.abs(as_seen(data) - PICTURES["icc_p3_8"].seen).mean() < 0.01


@pytest.mark.parametrize("name", ["icc_swapped_16", "icc_swapped_jpeg", "icc_p3_webp"])
def test_a_repainted_picture_is_tagged_and_looks_like_its_source(served: Shell, name: str) -> None:
    """Hardly any strength, so the colours are the source's as far as the model keeps them."""
    sample = PICTURES[name]
    data, _ = run(served, sample, "--strength", "0.02", "--seed", "1", "--steps", "2")
    with Image.open(io.BytesIO(data)) as image:
        assert image.info.get("icc_profile") == sample.profile
    apart = np.abs(as_seen(data) - sample.seen)[..., :3].mean()
    wrong = np.abs(as_seen(data) - sample.seen[..., [2, 1, 0, 3]])[..., :3].mean()
    assert apart < 0.06
    if "swapped" in name:
        assert wrong > 2 * apart


def test_what_is_not_painted_keeps_the_files_own_numbers(served: Shell) -> None:
    sample = PICTURES["icc_p3_16"]
    mask = np.zeros((32, 48), np.uint8)
    mask[8:24, 10:30] = 255
    Image.fromarray(mask).save(served.folder / "m.png")
    data, _ = run(served, sample, "--mask", "m.png", "--steps", "2", "--prompt", "a ball")
    values = decode.decode(data, file_header.header(data).size).values
    assert values.dtype == np.uint16
    assert sample.stored is not None
    assert np.array_equal(values[mask == 0], sample.stored[mask == 0])
    assert (values[mask > 0] != sample.stored[mask > 0]).any(axis=1).mean() > 0.9
    with Image.open(io.BytesIO(data)) as image:
        assert image.info.get("icc_profile") == sample.profile


@pytest.mark.parametrize("kind", ["png", "tif16"])
@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_mask_and_its_photo_both_end_upright(served: Shell, orientation: int, kind: str) -> None:
    """The photo lies one way, the mask another; white is where the scene is dark in red."""
    photo_of = PICTURES["jpg_on_6"]
    (served.folder / "a.jpg").write_bytes(photo_of.data)
    dark = awkward_pictures.scene()[..., 0] < 0.3
    stored = awkward_pictures.laid(np.where(dark, 65535, 0).astype(np.uint16), orientation)
    tag = picture_writers.exif(orientation)
    if kind == "png":
        mask = picture_writers.png(stored[..., None], 16, 0, picture_writers.chunk(b"eXIf", tag))
    else:
        mask = picture_writers.tiff(stored, orientation)
    name = f"m.{kind.removesuffix('16')}"
    (served.folder / name).write_bytes(mask)
    done = served(
        *("run", "--input", "a.jpg", "--mask", name, "--prompt", "snow", "--steps", "2"),
        *("--seed", "3", "--output", "b.png"),
    )
    assert done.returncode == 0, done.stderr
    found = as_seen((served.folder / "b.png").read_bytes())
    changed = np.abs(found - photo_of.seen)[..., :3].max(axis=-1) > 0.031
    assert not changed[~dark].any()
    assert changed[dark].mean() > 0.5


@pytest.mark.parametrize("name", ["tiff_grey_16", "tiff_float", "pgm_16"])
def test_a_deep_ramp_is_a_soft_mask_and_a_control_map(served: Shell, name: str) -> None:
    sample = PICTURES[name]
    source = photo(served.folder / "source.png", np.uint16, 48, 32)
    (served.folder / f"m.{sample.kind}").write_bytes(sample.data)
    done = served(
        *("run", "--input", "source.png", "--mask", f"m.{sample.kind}", "--prompt", "snow"),
        *("--control", f"canny=m.{sample.kind}:0.5", "--steps", "2", "--output", "b.png"),
    )
    assert done.returncode == 0, done.stderr
    found = pixels.to_float(
        decode.decode(
            (data := (served.folder / "b.png").read_bytes()), file_header.header(data).size
        ).values
    )
    moved = np.abs(found[..., ::-1][..., :3] - source / 65535).mean(axis=-1)
    assert moved[:4].mean() < 0.3 * moved[-8:].mean()  # the mask grows downward


def test_damaged_pictures_are_refused_by_name(shell: Shell) -> None:
    for name, data in awkward_pictures.DAMAGED.items():
        (shell.folder / f"{name}.png").write_bytes(data)
    for name in ("empty", "png_cut", "jpeg_cut"):
        done = shell(
            "run", "--local", "--input", f"{name}.png", "--strength", "0", "--output", "b.png"
        )
        assert done.returncode == 1
        assert f"{name}.png" in done.stderr
        assert "cannot be read" in done.stderr
        assert "Traceback" not in done.stderr
