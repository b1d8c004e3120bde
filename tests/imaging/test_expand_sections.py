"""Sections of an expansion: they cover what is new, each px once, on ground that is there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pentimento.core.errors import BadInput
from pentimento.core.geometry import Box, Size
from pentimento.imaging.expansion import Sides, fading, sections

amounts = st.integers(0, 130)
every_side = st.builds(Sides, amounts, amounts, amounts, amounts)
sizes = st.builds(Size, st.integers(1, 150), st.integers(1, 150))


@given(size=sizes, sides=every_side, native=st.sampled_from([16, 48, 64, 512]))
def test_every_new_px_is_painted_once_and_everything_else_is_there(
    size: Size, sides: Sides, native: int
) -> None:
    canvas, old = sides.around(size), sides.old(size)
    there = np.zeros((canvas.height, canvas.width), bool)
    there[rows(old)] = True
    for section in sections(size, sides, native):
        whole = Box(0, 0, canvas.width, canvas.height)
        assert whole.contains(section.box)
        painted = np.zeros_like(there)
        for new in section.new:
            assert section.box.contains(new)
            assert not painted[rows(new)].any()
            painted[rows(new)] = True
        assert not (there & painted).any(), "a px is painted twice"
        there |= painted
        assert there[rows(section.box)].all(), "a section shows what is not there"
    assert there.all(), "something new is in no section"


@given(size=sizes, sides=every_side, native=st.sampled_from([16, 32, 48]))
def test_sections_are_new_in_half_at_most_and_overlap_by_a_quarter(
    size: Size, sides: Sides, native: int
) -> None:
    """Where so much is there: nothing can be seen of a picture that is smaller."""
    if min(size.width, size.height) < native:
        return
    for section in sections(size, sides, native):
        new = sum(part.size.pixels for part in section.new)
        assert 2 * new <= section.box.size.pixels

        if len(section.new) == 1:
            [part] = section.new
            across = section.box.width - part.width
            down = section.box.height - part.height
            assert max(across, down) >= native / 4


def test_sections_along_a_side_overlap_by_a_quarter() -> None:
    found = sections(Size(300, 64), Sides(top=20), 64)
    assert len(found) > 3
    for section in found[1:]:
        [new] = section.new
        seen_along = section.box.width - new.width
        assert seen_along >= 64 / 4


def test_a_small_picture_is_continued_on_two_sides_at_once() -> None:
    [one] = sections(Size(400, 300), Sides(left=100, top=80), 512)
    assert one.box == Box(0, 0, 500, 380)
    assert len(one.new) == 2


@pytest.mark.parametrize(
    ("amounts_", "aspect", "expected"),
    [
        ({"left": "25%"}, "", Sides(left=160)),
        ({"left": "120", "bottom": "12,5 %"}, "", Sides(left=120, bottom=50)),
        ({}, "16:9", Sides(left=35, right=36)),
        ({}, "1:1", Sides(top=120, bottom=120)),
        ({"top": "0"}, "1:1", Sides(bottom=240)),
        ({"left": "64px", "right": "0"}, "", Sides(left=64)),
    ],
)
def test_amounts_are_read_as_people_give_them(
    amounts_: dict[str, str], aspect: str, expected: Sides
) -> None:
    assert Sides.asked(Size(640, 400), amounts_, aspect) == expected


@pytest.mark.parametrize(
    ("amounts_", "aspect"),
    [({"left": "viel"}, ""), ({"left": "-5"}, ""), ({}, "breit"), ({}, "0:3"), ({"top": "十"}, "")],
)
def test_what_is_no_amount_is_refused_in_words(amounts_: dict[str, str], aspect: str) -> None:
    with pytest.raises(BadInput, match="is no"):
        Sides.asked(Size(640, 400), amounts_, aspect)


def test_the_old_picture_fades_only_as_far_as_said() -> None:
    size, sides = Size(100, 80), Sides(left=40)
    old = sides.old(size)
    for feather in (0, 1, 12):
        faded = []
        for section in sections(size, sides, 64):
            mask = fading(section, old, feather, between=6)
            touched = old.intersect(section.box)
            assert touched is not None
            inside = touched.to_inner(section.box)
            kept = mask[inside.y : inside.bottom, inside.x : inside.right]
            faded.append((kept > 0).any())
            assert not kept[:, feather + 1 :].any()
            for new in section.new:
                part = new.to_inner(section.box)
                assert (mask[part.y : part.bottom, part.x : part.right] == 255).all()
        assert any(faded) == (feather > 0)


def rows(box: Box) -> tuple[slice, slice]:
    return slice(box.y, box.bottom), slice(box.x, box.right)
