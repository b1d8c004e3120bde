"""No letter opens two widgets of a window, whatever the language."""

from __future__ import annotations

import gettext
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gui.gui import PLUGIN

import procedures
from dialogs import mnemonics

LANGUAGES = ("", "zh_CN", "de", "es", "fr", "ja", "pt_BR")


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


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_letter_opens_two_entries_of_a_menu(language: str) -> None:
    said = gettext.translation(
        "pentimento", str(PLUGIN / "locale"), [language], fallback=not language
    ).gettext
    menus: dict[str, list[str]] = {
        procedures.MENU: [procedures.SETUP_LABEL, procedures.VARIATIONS_LABEL],
        procedures.VARIATIONS: [],
        procedures.SETUP: [],
    }
    for action in procedures.ACTIONS:
        for menu in set(action.menus) & set(menus):
            menus[menu].append(action.label)
    for menu, labels in menus.items():
        letters = Counter(mnemonics.letter_of(said(label)) for label in labels)
        assert letters.pop("", 0) == 0, menu
        assert set(letters.values()) <= {1}, (menu, [said(label) for label in labels])
