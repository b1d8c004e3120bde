"""Weights of words in a prompt, raised and lowered where the cursor is."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

# by its path: the plug-in's folder on the search path would hide the server's package
FILE = Path(__file__).resolve().parents[2] / "plugin" / "pentimento" / "studio" / "weights.py"
SPEC = importlib.util.spec_from_file_location("weights", FILE)
weights = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(weights)


@pytest.mark.parametrize(
    ("before", "steps", "after"),
    [
        ("a yel|low moon", 1, "a [(yellow:1.1)] moon"),
        ("a yellow moon|", -1, "a yellow [(moon:0.9)]"),
        ("a [yellow moon] at night", 2, "a [(yellow moon:1.2)] at night"),
        ("a (yel|low:1.1) moon", -1, "a [yellow] moon"),
        ("a (yellow: 1.95) m(o|on:2)", 1, "a (yellow: 1.95) m[(oon:2)]"),
        ("[(moon:0.1)]", -2, "[(moon:0)]"),
        ("一弯[黄色]的月亮", 1, "一弯[(黄色:1.1)]的月亮"),
        ("月亮，星|星。", 1, "月亮，[(星星:1.1)]。"),
        ("👩🏽‍🚀 mo|on", 1, "👩🏽‍🚀 [(moon:1.1)]"),
        ("قمر أص|فر", 1, "قمر [(أصفر:1.1)]"),
        ("a [ spaced ] word", 1, "a  [(spaced:1.1)]  word"),
        ("two  |  blanks", 1, "two  []  blanks"),
        ("|", 1, "[]"),
        ("[moon] (sun:1.5)", 1, "[(moon:1.1)] (sun:1.5)"),
    ],
)
def test_the_weight_changes_where_the_cursor_is(before: str, steps: int, after: str) -> None:
    """| is the cursor, [ and ] are the ends of a selection."""
    start, end = _places(before)
    text = before.replace("|", "").replace("[", "").replace("]", "")
    found, first, last = weights.changed(text, start, end, steps)
    assert found[:first] + "[" + found[first:last] + "]" + found[last:] == after


def test_up_and_down_again_is_where_it_was() -> None:
    text, start, end = weights.changed("a moon", 3, 3, 1)
    assert weights.changed(text, start, end, -1)[0] == "a moon"


def _places(text: str) -> tuple[int, int]:
    if "|" in text:
        return text.index("|"), text.index("|")
    return text.index("["), text.index("]") - 1
