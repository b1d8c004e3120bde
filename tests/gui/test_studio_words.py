"""Weights of words in a prompt, raised and lowered where the cursor is; names that go on with the
word that is being typed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

# by its path: the plug-in's folder on the search path would hide the server's package
FOLDER = Path(__file__).resolve().parents[2] / "plugin" / "pentimento" / "studio"


def loaded(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


completion, weights = loaded("completion"), loaded("weights")


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


LISTS = {
    "loras": [
        {
            "id": "水墨",
            "triggers": ["ink wash", "山水"],
            "weight": 0.8,
            "fits": ["sd15"],
            "ok": True,
        },
        {"id": "paint-drip", "triggers": [], "weight": 1.0, "fits": ["sd15", "xl"], "ok": True},
        {"id": "painted-broken", "triggers": [], "weight": 1.0, "fits": ["sd15"], "ok": False},
    ],
    "embeddings": [{"id": "EasyNegative", "fits": ["sd15"], "ok": True}],
    "wildcards": ["animals/birds", "paints"],
    "styles": [{"name": "Oil Painting", "prompt": "oil on canvas", "ok": True}],
}


@pytest.mark.parametrize(
    ("text", "model", "texts"),
    [
        ("a 水", "sd15", ["<lora:水墨:0.8>, ink wash, 山水"]),
        ("a 水", "xl", []),
        ("<lora:", "sd15", ["<lora:paint-drip:1>", "<lora:水墨:0.8>, ink wash, 山水"]),
        ("a cat, pain", "sd15", ["<lora:paint-drip:1>", "__paints__", ""]),
        ("a cat, pain", "", ["<lora:paint-drip:1>", "__paints__", ""]),
        ("(EASY", "sd15", ["EasyNegative"]),
        ("EasyNegative", "sd15", []),
        ("__bird", "sd15", ["__animals/birds__"]),
        ("pa", "sd15", []),
        ("paint ", "sd15", []),
        ("", "sd15", []),
        ("👩🏽‍🚀pain", "sd15", []),
        ("قمر", "sd15", []),
    ],
)
def test_names_that_go_on_with_the_word(text: str, model: str, texts: list[str]) -> None:
    known = completion.offers(LISTS)
    start, found = completion.at(text, len(text), known, model)
    assert [offer.text for offer in found] == texts
    if found:
        assert text[:start].endswith(("a ", "a cat, ", "(")) or start == 0


@pytest.mark.parametrize(
    ("text", "name", "left"),
    [
        ("an oil pain", "Oil painting", "an "),
        ("an OIL painting", "Oil painting", "an "),
        ("foil pain", "Oil painting", "foil "),
        ("pain", "Oil painting", ""),
        ("一幅水彩", "水彩", ""),
        ("a fox, straße i", "Straße im Regen", "a fox, "),
        ("👩🏽‍🚀 in oil paint", "Oil painting", "👩🏽‍🚀 in "),
    ],
)
def test_an_offer_takes_the_place_of_the_words_that_it_begins_with(
    text: str, name: str, left: str
) -> None:
    offer = completion.Offer(completion.STYLE, name, "")
    start, _found = completion.at(text, len(text), [offer], "")
    assert text[: completion.begin_of(offer, text, start, len(text))] == left


def test_only_the_word_at_the_cursor_counts() -> None:
    known = completion.offers(LISTS)
    start, found = completion.at("a pain of a cat", 6, known, "sd15")
    assert (start, [offer.name for offer in found][:1]) == (2, ["paint-drip"])
    assert completion.at("a pain of a cat", 15, known, "sd15")[1] == []
