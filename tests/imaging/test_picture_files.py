"""Every awkward picture file is read as a person sees it: upright, in its colours, at its depth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import awkward, awkward_pictures, icc_profiles, picture_writers
from tests.support.awkward_pictures import DAMAGED, PICTURES, Sample

from pentimento.core.errors import BadInput
from pentimento.core.geometry import Size
from pentimento.imaging import bands, decode, file_header, pixels, png_chunks, profiles
from pentimento.schema.task import PixelFile


def read(data: bytes) -> decode.Decoded:
    return decode.decode(data, file_header.header(data, any_kind=True).size, any_kind=True)


def difference(found: np.ndarray, seen: np.ndarray) -> float:
    """Of alpha anywhere, of colours where they can be seen."""
    assert found.shape == seen.shape
    apart = np.abs(pixels.to_float(found) - seen)
    return float(max(apart[..., 3].max(), apart[seen[..., 3] > 0].max(initial=0)))


@pytest.mark.parametrize("sample", awkward.cases(PICTURES))
def test_it_is_seen_as_it_is(sample: Sample) -> None:
    decoded = read(sample.data)
    assert difference(decode.srgb(decoded), sample.seen) <= sample.exact
    told = " ".join(decoded.notices)
    assert (sample.notice in told) if sample.notice else not told
    assert (decoded.profile.data if decoded.profile else None) == sample.profile
    if sample.stored is not None:
        assert decoded.values.dtype == sample.stored.dtype
        assert np.array_equal(decoded.values, sample.stored)


@pytest.mark.parametrize("data", awkward.cases(DAMAGED))
def test_damaged_files_are_refused_with_a_sentence(data: bytes) -> None:
    with pytest.raises(BadInput, match="cannot be read") as caught:
        read(data)
    assert caught.value.code == "bad_image"


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(sorted(PICTURES)),
    place=st.floats(0, 1),
    change=st.binary(min_size=1, max_size=12),
    cut=st.booleans(),
)
def test_no_damage_does_more_than_refuse(name: str, place: float, change: bytes, cut: bool) -> None:
    data = bytearray(PICTURES[name].data[:200_000])
    at = int(place * (len(data) - 1))
    data[at : at + len(change)] = change
    whole = bytes(data[:at]) if cut else bytes(data)
    try:
        size = file_header.header(whole, any_kind=True).size
        if size.pixels < 1_000_000:
            decode.decode(whole, size, any_kind=True)
    except BadInput:
        return


@pytest.mark.parametrize("name", ["p3", "adobe", "swapped", "linear", "table"])
def test_colours_come_back_into_their_profile(name: str) -> None:
    profile = profiles.read(PICTURES[f"icc_{name}_8"].profile or b"")
    values = awkward_pictures.scene().astype(np.float32)
    back = profile.from_srgb(profile.to_srgb(values))
    held = (profile.to_srgb(values) > 0.002).all(-1) & (profile.to_srgb(values) < 0.998).all(-1)
    assert held.mean() > 0.2
    assert np.abs(back - values)[held].max() < 1 / 4096


def test_a_profile_of_tables_changes_deep_colours_as_littlecms_does_and_keeps_them_fine() -> None:
    exact = profiles.read(icc_profiles.P3)
    tables = profiles.Profile(icc_profiles.P3, "RGB")
    values = awkward_pictures.u16(awkward_pictures.scene(400, 300) * 0.6 + 0.2)
    found, right = tables.to_srgb(values), exact.to_srgb(values)
    apart = np.abs(found.astype(int) - right) / 257
    assert apart.mean() < 0.3
    assert apart[((right > 1500) & (right < 64_000)).all(-1)].max() < 4
    assert len(np.unique(found[..., 0])) > 5000


def test_a_soft_mask_keeps_its_16_bits(tmp_path: Path) -> None:
    ramp = awkward_pictures.u16(awkward_pictures.ramp())
    for kind, data in (("png", pixels.encode_png(ramp[..., None])),):
        path = tmp_path / kind
        path.write_bytes(data)
        mask = bands.load_mask(PixelFile(path, 48, 32))
        assert mask.dtype == np.float32
        assert np.abs(mask / 255 - ramp / 65535).max() < 1e-6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_mask_lies_on_its_picture_however_either_was_stored(
    tmp_path: Path, orientation: int
) -> None:
    dark = awkward_pictures.scene()[..., 0] < 0.3
    path = tmp_path / "mask.png"
    stored = awkward_pictures.laid(np.where(dark, 255, 0).astype("u1"), orientation)
    exif = picture_writers.chunk(b"eXIf", picture_writers.exif(orientation))
    path.write_bytes(picture_writers.png(stored[..., None], 8, 0, exif))
    assert np.array_equal(bands.load_mask(PixelFile(path, 48, 32)) > 0, dark)


def test_a_profile_of_light_does_not_change_a_mask(tmp_path: Path) -> None:
    sample = PICTURES["icc_grey_8"]
    path = tmp_path / "mask.png"
    path.write_bytes(sample.data)
    mask = bands.load_mask(PixelFile(path, 48, 32))
    assert sample.stored is not None
    assert np.array_equal(mask, sample.stored[..., 0])


def test_the_size_is_upright_before_a_pixel_is_decoded() -> None:
    for name, sample in PICTURES.items():
        height, width = sample.seen.shape[:2]
        assert file_header.header(sample.data, any_kind=True).size == Size(width, height), name


def test_a_chunk_behind_the_pixels_that_claims_gigabytes_is_not_believed() -> None:
    whole = PICTURES["png_rgb_16"]
    data = whole.data[:-12] + b"\xd2\x00\x15\xb5tEXt"
    assert png_chunks.facts(png_chunks.whole(data)).plain == whole.data
