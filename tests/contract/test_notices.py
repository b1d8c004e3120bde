"""The plug-in can say every notice of a plan in its own language, and says the same."""

from __future__ import annotations

import pytest

from dialogs import notices
from pentimento.schema import wording

IN_FACTS = {
    "prompt_cut",
    "negative_prompt_cut",
    "region_prompt_cut",
    "embedding_unused",
    "lora_partly_used",
    "weights_unused",
    "steps_as_words",
    "and_as_word",
}  # of a finished job, not of a plan


def same(text: str) -> str:
    return text


def test_the_plug_in_knows_the_words_of_every_notice_of_a_plan() -> None:
    server = {code: text for code, text in wording.NOTICES.items() if code not in IN_FACTS}
    assert server == notices.TEXTS


def test_a_notice_is_translated_and_filled_in() -> None:
    notice = wording.few_steps(2).model_dump()
    translated = notices.text_of(notice, lambda text: text.replace("Only", "Nur"))
    assert translated == "Nur" + notice["message"][len("Only") :]


@pytest.mark.parametrize(
    "notice",
    [
        {"code": "of_a_newer_server", "message": "Something new.", "params": {}},
        {"code": "few_steps", "message": "Something new.", "params": {"other": 1}},
    ],
)
def test_what_is_not_known_is_said_in_the_servers_words(notice: dict) -> None:
    assert notices.text_of(notice, same) == "Something new."
