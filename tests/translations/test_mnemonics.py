"""No letter opens two widgets of a window, whatever the language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs import mnemonics


@pytest.mark.parametrize(
    ("labels", "given"),
    [
        (["_Reset", "Stee_r by"], ["_Reset", "_Steer by"]),
        (["_Close", "_Cancel", "C_hannel"], ["_Close", "C_ancel", "C_hannel"]),
        (["提示词(_P)", "进度(_P)"], ["提示词(_P)", "进度(_A)"]),
        (["Speichern (_S)", "_Stärke"], ["Speichern (_S)", "S_tärke"]),
        (["_a", "_a"], ["_a", "a"]),
        (["snake__case", "_s"], ["snake__case", "_s"]),
        (["none", "_n"], ["none", "_n"]),
        ([], []),
    ],
)
def test_the_first_keeps_its_letter_and_the_others_get_free_ones(
    labels: list[str], given: list[str]
) -> None:
    assert mnemonics.shared_out(labels) == given


@given(st.lists(st.text(alphabet="ab_ (提)", max_size=8), max_size=8))
def test_no_letter_is_given_twice_and_no_word_is_changed(labels: list[str]) -> None:
    shared = mnemonics.shared_out(labels)
    letters = [letter for label in shared if (letter := mnemonics.letter_of(label))]
    assert len(letters) == len(set(letters))
    assert len(shared) == len(labels)
