"""Which steps are shown, how near two pictures are, and the sheet of all stages."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pentimento.imaging import stages
from pentimento.imaging.stages import Frame


@pytest.mark.parametrize(
    ("count", "wanted", "shown"),
    [
        (0, (), []),
        (1, (), [0]),
        (2, (), [0, 1]),
        (6, (), [0, 1, 2, 3, 4, 5]),
        (12, (), [0, 2, 4, 7, 9, 11]),
        (200, (), [0, 40, 80, 119, 159, 199]),
        (12, (3, 1, 3), [0, 2]),
        (12, (13, 200), []),
    ],
)
def test_the_steps_shown(count, wanted, shown):
    assert stages.chosen_steps(count, wanted) == shown


@given(st.integers(2, 200))
def test_the_first_and_the_last_step_are_always_shown(count):
    shown = stages.chosen_steps(count)
    assert (shown[0], shown[-1]) == (0, count - 1)
    assert len(set(shown)) == min(count, stages.SHOWN)


def test_a_difference_of_one_tenth_is_20_db():
    black = np.zeros((4, 5, 3), np.float32)
    assert stages.psnr(black + 0.1, black) == pytest.approx(20, abs=0.01)
    assert stages.psnr(black, black) == stages.EQUAL


def test_what_has_no_weight_does_not_count():
    black, weight = np.zeros((2, 2, 3), np.float32), np.zeros((2, 2), np.float32)
    other = black.copy()
    other[0] = 1
    weight[1] = 1
    assert stages.psnr(other, black, weight) == stages.EQUAL
    assert stages.psnr(other, black, np.zeros((2, 2), np.float32)) < 4


def frame(picture, **facts):
    told = {"noise": None, "sigma": None, "psnr": None, "seconds": 0.0} | facts
    return Frame("x", "A very long name of a stage that no cell is wide enough for", told, picture)


@pytest.mark.parametrize("count", [1, 4, 5])
def test_a_sheet_holds_pictures_of_all_kinds_and_sizes(count):
    kinds = [
        np.full((40, 30, 3), 90, np.uint8),
        np.full((1, 900, 1), 90, np.uint8),
        np.full((300, 20, 4), 40_000, np.uint16),
        np.full((1, 1, 4), 0.5, np.float32),
        np.full((7, 9, 4), 128, np.uint8),
    ]
    frames = [frame(lambda kind=kind: kind, noise=0.5, sigma=1.0, psnr=9.0) for kind in kinds]
    drawn = stages.draw_sheet(frames[:count], "title")
    with Image.open(io.BytesIO(drawn)) as sheet:
        columns = min(count, stages.COLUMNS)
        assert sheet.width == stages.GAP + columns * (stages.CELL + stages.GAP)
        cell = sheet.getpixel((stages.GAP + stages.CELL // 2, 100))
    assert cell == (90, 90, 90)


def test_transparency_is_shown_as_checks():
    drawn = stages.draw_sheet([frame(lambda: np.zeros((256, 256, 4), np.uint8))], "")
    with Image.open(io.BytesIO(drawn)) as sheet:
        colours = {value for _, value in sheet.crop((16, 52, 272, 300)).getcolors()}
    assert colours == {(value,) * 3 for value in stages.CHECKS}
