"""The panel's results out of memory: what is taken from the shelf is what was put there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import pytest
from tests.support import awkward

from studio.shelf import Shelf
from wire import Pixels, Stored


@dataclass(frozen=True)
class Picture:
    """As gimpio.layers.Picture, which needs GIMP."""

    pixels: Any
    name: str


NAMES = list(awkward.PROMPTS.values())[:4]
PICTURES = [
    Picture(Pixels("rgba-u8", 2, 2, bytes(range(16))), NAMES[0]),
    Picture(Stored("R'G'B'A float", 1, 1, os.urandom(16)), NAMES[1]),
    Picture(Pixels("rgb-u8", 0, 0, b""), NAMES[2]),
    Picture(Pixels("y-u8", 300, 200, bytearray(os.urandom(60_000))), NAMES[3]),
]


@pytest.mark.parametrize("on_disk", [True, False])
def test_pictures_come_back_in_any_order_and_more_than_once(tmp_path, on_disk):
    shelf = Shelf(PICTURES, str(tmp_path) if on_disk else None)
    assert len(shelf) == len(PICTURES)
    for index in (3, 0, 3, 1, 2, 0):
        assert shelf.picture(index) == PICTURES[index]
        assert shelf.name(index) == PICTURES[index].name
    assert list(tmp_path.iterdir()) == [], "a name that would be left behind"


def test_pictures_are_out_of_memory(tmp_path):
    shelf = Shelf(PICTURES, str(tmp_path))
    assert [len(one.pixels.data) for one in shelf._pictures] == [0, 0, 0, 0]


def test_without_room_on_the_disk_they_stay_in_memory(tmp_path):
    shelf = Shelf(PICTURES, str(tmp_path / "is not there"))
    assert [shelf.picture(index) for index in range(4)] == PICTURES


def test_a_file_that_lost_its_end_is_an_error_and_no_broken_picture(tmp_path):
    shelf = Shelf(PICTURES, str(tmp_path))
    shelf._file.truncate(40)
    with pytest.raises(OSError, match="gone"):
        shelf.picture(3)
