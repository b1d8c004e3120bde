"""Words on pictures: no letter is an empty box, and a line stays in its room."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw
from tests.support import awkward

from pentimento.imaging import lettering
from pentimento.imaging.plot_sheet import draw_plot

INK = (0, 0, 0)


def drawn(text: str, room: float = 4000) -> bytes:
    picture = Image.new("RGB", (int(room), 40), (255, 255, 255))
    lettering.write(ImageDraw.Draw(picture), (0, 4), text, 15, INK, room)
    return picture.tobytes()


@pytest.mark.parametrize("text", ["é", "ж", "日", "🌊", "\ue000", "א", "\x07", "\ud800"])
def test_a_letter_is_never_drawn_as_the_box_for_none(text: str) -> None:
    box = lettering._font("", 15)
    picture = Image.new("RGB", (4000, 40), (255, 255, 255))
    ImageDraw.Draw(picture).text((0, 4 + 15), "\uffff", fill=INK, font=box, anchor="ls")
    assert drawn(text) != picture.tobytes()
    assert drawn(text) != drawn("")


def test_different_letters_look_different() -> None:
    assert len({drawn(text) for text in ("é", "è", "日", "本", "🌊", "🎲")}) == 6


@pytest.mark.parametrize("text", [*awkward.PROMPTS.values(), "W" * 10_000, ""])
@pytest.mark.parametrize("room", [1, 30, 200])
def test_a_line_stays_in_its_room(text: str, room: int) -> None:
    assert lettering.width_of(lettering.fitted(text, 15, room), 15) <= room
    drawn(text, room)


def test_a_sheet_has_a_place_for_each_picture() -> None:
    rng = np.random.default_rng(3)
    pictures = [[rng.random((40, 60, 4)).astype("float32") for _ in range(3)] for _ in range(2)]
    sheet = draw_plot(pictures, ["a", "b 日", "c"], ["x", "W" * 900], "“title”")

    image = Image.open(io.BytesIO(sheet))
    assert image.width < 3 * 340 + 300
    assert image.height > 2 * 213
