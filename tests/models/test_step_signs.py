"""Which words of a prompt AUTOMATIC1111 would change from step to step."""

from __future__ import annotations

import pytest
from hypothesis import given
from tests.support import awkward

from pentimento.prompts import step_signs

CHANGING = {
    "a [cat|dog] here": ["[cat|dog]"],
    "a [cat:dog:0.5]": ["[cat:dog:0.5]"],
    "[cat:10] and [dog::.3]": ["[cat:10]", "[dog::.3]"],
    "[a|b] [a|b]": ["[a|b]"],
    "[[fine] cat|(dog:1.2)]": ["[[fine] cat|(dog:1.2)]"],
    "[猫|狗]": ["[猫|狗]"],
    "a [cat] and [big (dog:1.2)]": [],
    r"a \[cat|dog\] [x\|y]": [],
    "{a|b} (c:1.2) a|b": [],
    "[cat|dog": [],
    "cat|dog]": [],
    "[a: b]": [],
}


@pytest.mark.parametrize("prompt", CHANGING)
def test_brackets_that_would_change_are_found(prompt: str) -> None:
    assert step_signs.changing(prompt) == CHANGING[prompt]


def test_a_long_bracket_is_cut() -> None:
    (told,) = step_signs.changing(f"[{'a' * 500}|b]")
    assert len(told) == step_signs.LONGEST


@pytest.mark.parametrize(
    ("prompt", "joined"),
    [
        ("a cat AND a dog", True),
        ("a cat :1.2 AND a dog :0.5", True),
        ("a cat and a dog", False),
        ("SALT AND PEPPER", False),
        ("SALZ AND ÄPFEL, 2 × 3", False),
        ("一只猫 AND 一只狗", True),
        ("قطة AND كلب", True),
        ("猫 AND DOG", False),
        ("a cat AND DOG", True),
        ("👩‍👩‍👧 AND 🐈", True),
        ("a SAND castle", False),
        ("AND then", False),
        ("a dog AND", False),
    ],
)
def test_and_between_prompts_is_found(prompt: str, joined: bool) -> None:
    assert step_signs.joins(prompt) is joined


@given(awkward.any_texts)
def test_any_text_can_be_looked_at(text: str) -> None:
    assert all(len(told) <= step_signs.LONGEST for told in step_signs.changing(text))
    step_signs.joins(text)
