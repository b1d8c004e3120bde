"""The plug-in can say every route through a service in its own language, and says the same."""

from __future__ import annotations

import pytest

from dialogs import route_words
from pentimento.services import routing


def same(text: str) -> str:
    return text


def test_the_plug_in_knows_the_words_of_every_route() -> None:
    assert route_words.TEXTS == routing.SENTENCES


def test_a_route_is_translated_and_filled_in() -> None:
    route = {"code": "new_picture", "params": {"title": "fal"}, "sentence": "unused"}
    translated = route_words.text_of(route, lambda text: text.replace("paints", "malt"))
    assert translated == "fal malt a new picture."


@pytest.mark.parametrize(
    "route",
    [
        {"code": "of_a_newer_server", "params": {}, "sentence": "Something new."},
        {"code": "own_map", "params": {"title": "fal"}, "sentence": "Something new."},
    ],
)
def test_what_is_not_known_is_said_in_the_servers_words(route: dict) -> None:
    assert route_words.text_of(route, same) == "Something new."
