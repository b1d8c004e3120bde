"""Weighted and long prompts of CLIP families: what is written as 1 changes nothing, all is read."""

from __future__ import annotations

import numpy as np
import pytest
from tests.engine.bench import Bench

from pentimento.prompts.syntax import Piece, parse_weights

MODELS = ("sd15", "sdxl")
SIZE = {"mode": "txt2img", "width": 64, "height": 64, "steps": 2}
LONG = "a ball and " * 40


@pytest.mark.parametrize(
    ("prompt", "pieces"),
    [
        ("a red house", [("a red house", 1)]),
        ("a (red:1.3) house", [("a ", 1), ("red", 1.3), (" house", 1)]),
        ("(red) [house]", [("red", 1.1), (" ", 1), ("house", 0.909091)]),
        ("((a))", [("a", 1.21)]),
        ("((a:2):3)", [("a", 6)]),
        ("(a (b:1.5) c:1.2)", [("a ", 1.2), ("b", 1.8), (" c", 1.2)]),
        (r"a \(b\)", [("a (b)", 1)]),
        ("a ( b", [("a ( b", 1)]),
        ("a) b", [("a) b", 1)]),
        ("(a]", [("(a]", 1)]),
        ("(x:far)", [("x:far", 1.1)]),
        ("(a:999)", [("a", 10)]),
        ("a BREAK b", [("a ", 1), ("", 1), (" b", 1)]),
        ("BREAKFAST", [("BREAKFAST", 1)]),
        ("", [("", 1)]),
        ("(:1.2)", [("", 1)]),
    ],
)
def test_signs_mean_weights(prompt: str, pieces: list[tuple[str, float]]) -> None:
    assert parse_weights(prompt) == [Piece(text, weight) for text, weight in pieces]


@pytest.mark.parametrize("model", MODELS)
def test_a_weight_of_1_changes_nothing_and_others_do(bench: Bench, model: str) -> None:
    made = [
        bench.make(model, prompt=prompt, **SIZE).pixels()
        for prompt in ("a red ball", "(a red ball:1)", "a (red:1.5) ball", "a (red:0.5) ball")
    ]
    np.testing.assert_array_equal(made[0], made[1])
    assert len({picture.tobytes() for picture in made}) == 3


@pytest.mark.parametrize("model", MODELS)
def test_a_weight_of_0_takes_the_word_for_nothing_in_its_place(bench: Bench, model: str) -> None:
    """At the last word nothing else has heard of it but the marks behind it."""
    with_word = bench.make(model, prompt="a ball (red:0)", **SIZE).pixels()
    stronger = bench.make(model, prompt="a ball (red:1)", **SIZE).pixels()
    assert (with_word != stronger).any()


@pytest.mark.parametrize("model", MODELS)
def test_all_of_a_long_prompt_is_read(bench: Bench, model: str) -> None:
    made = bench.make(model, prompt=LONG, negative_prompt="red", **SIZE)
    longer = bench.make(model, prompt=LONG + "in a box", negative_prompt="red", **SIZE)
    assert "notices" not in made.facts
    assert (made.pixels() != longer.pixels()).any()


@pytest.mark.parametrize("model", MODELS)
def test_break_begins_a_new_chunk(bench: Bench, model: str) -> None:
    made = bench.make(model, prompt="a ball BREAK a box", **SIZE).pixels()
    joined = bench.make(model, prompt="a ball a box", **SIZE).pixels()
    assert (made != joined).any()
