"""Prompts that leave something to chance: what they draw, from which files, and what stays text."""

from __future__ import annotations

import random
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pentimento.core.errors import BadInput, NotFound, PentimentoError, TooLarge
from pentimento.jobs.admission import words_of_pictures
from pentimento.models.library.registry import Registry
from pentimento.prompts import syntax, templates
from pentimento.prompts.wildcards import Wildcards
from pentimento.schema.job import JobRequest

FILES = {"animal": ["cat", "dog"], "big animal": ["large __animal__"], "self": ["a __self__"]}


def expand(prompt: str, seed: int = 0) -> str:
    draw = random.Random(f"{seed}").random
    return templates.expand(templates.parse(prompt), draw, FILES.__getitem__)


def all_of(prompt: str) -> set[str]:
    return {expand(prompt, seed) for seed in range(60)}


@pytest.mark.parametrize(
    ("prompt", "drawn"),
    [
        ("a {red|blue} ball", {"a red ball", "a blue ball"}),
        ("a{ big|} ball", {"a big ball", "a ball"}),
        ("{a|{b|c}}", {"a", "b", "c"}),
        ("{a {b|c}|d}", {"a b", "a c", "d"}),
        ("{2$$a|b}", {"a, b", "b, a"}),
        ("{2$$ and $$a|b}", {"a and b", "b and a"}),
        ("{0-1$$a|b}", {"", "a", "b"}),
        ("{9$$a|b}", {"a, b", "b, a"}),
        ("{1::a|0::b|0.5::c}", {"a", "c"}),
        ("{2$$1::a|0::b|c}", {"a, c", "c, a"}),
        ("a __animal__", {"a cat", "a dog"}),
        ("__big animal__s", {"large cats", "large dogs"}),
        ("{__animal__|bird}", {"cat", "dog", "bird"}),
        ("({a|b}:1.2) [{c|c}]", {"(a:1.2) [c]", "(b:1.2) [c]"}),
        ("{<lora:x:1>|<lora:y:1>}", {"<lora:x:1>", "<lora:y:1>"}),
        ("{ {x} {a|b} }", {"{ {x} a }", "{ {x} b }"}),
    ],
)
def test_what_is_drawn(prompt: str, drawn: set[str]) -> None:
    assert all_of(prompt) == drawn


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ('{"color": "red"}', '{"color": "red"}'),
        ("{} {{}} {a, b} } {", "{} {{}} {a, b} } {"),
        ("a | b", "a | b"),
        ("{a|b", "{a|b"),
        ("a|b}", "a|b}"),
        (r"\{a|b\}", "{a|b}"),
        (r"{a\|b|a\|b}", "a|b"),
        (r"\__animal__ snake_case _ __ ___", "__animal__ snake_case _ __ ___"),
        (r"\<lora:x:1>", "<lora:x:1>"),
        (r"\(a\) \[b\] \\ \n", r"\(a\) \[b\] \\ \n"),
        (r"\\{a|a}", r"\\a"),
        ("3::1 2$$x", "3::1 2$$x"),
        ("a\\", "a\\"),
        ("", ""),
    ],
)
def test_what_stays_text(prompt: str, words: str) -> None:
    assert all_of(prompt) == {words}


def test_shares_count() -> None:
    found = Counter(expand("{3::a|1::b}", seed) for seed in range(2000))
    assert 1400 < found["a"] < 1600


def test_every_option_is_as_likely_as_another() -> None:
    found = Counter(expand("{a|b|c|d}", seed) for seed in range(2000))
    assert all(400 < found[letter] < 600 for letter in "abcd")


@given(st.text(st.sampled_from("ab{}|\\_:$<>() 12."), max_size=60), st.integers(0, 2**53))
def test_any_text_is_drawn_or_refused(prompt: str, seed: int) -> None:
    try:
        found = expand(prompt, seed)
    except KeyError:
        return  # names a wildcard
    except PentimentoError:
        return
    assert found == expand(prompt, seed)
    syntax.parse_weights(found)


@given(st.lists(st.text("abc ,.:1", min_size=1), min_size=2, max_size=5), st.integers(0, 99))
def test_what_is_drawn_is_one_of_the_options(options: list[str], seed: int) -> None:
    words = {re.sub(f"^{templates.SHARE.pattern}", "", option) for option in options}
    assert expand(f"<{{{'|'.join(options)}}}>", seed)[1:-1] in words


@pytest.mark.parametrize(
    ("prompt", "problem", "word"),
    [
        ("{0::a|0::b}", BadInput, "share"),
        ("{a|" * 17 + "b" + "}" * 17, BadInput, "nested"),
        ("__self__", BadInput, "one another"),
        ("{1$$x|x}" * 1001, BadInput, "1000 times"),
        ("{" + "a" * 9000 + "|" + "a" * 9000 + "}", TooLarge, "8000"),
    ],
)
def test_what_cannot_be_drawn(prompt: str, problem: type[PentimentoError], word: str) -> None:
    with pytest.raises(problem, match=word):
        expand(prompt)


def test_thousands_of_braces_are_read_quickly() -> None:
    assert expand("{" * 8000) == "{" * 8000
    assert expand("{" * 4000 + "}" * 4000) == "{" * 4000 + "}" * 4000


# Files


@pytest.fixture
def wildcards(tmp_path: Path) -> Wildcards:
    folder = tmp_path / "wildcards"
    (folder / "animals").mkdir(parents=True)
    (folder / "colors.txt").write_text("# warm\nred\n\n  orange  \n", "utf-8")
    (folder / "animals" / "birds.txt").write_bytes("﻿Käuzchen\r\nMöwe\r\n".encode())
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "latin.txt").write_bytes("Möwe".encode("latin-1"))
    (folder / "empty.txt").write_text("# nothing\n")
    (folder / "binary.txt").write_bytes(b"a\0b")
    (folder / ".hidden.txt").write_text("x")
    return Wildcards(tmp_path)


def test_files_have_one_entry_a_line(wildcards: Wildcards) -> None:
    assert wildcards.lines("colors") == ("red", "orange")
    assert wildcards.lines("Colors") == ("red", "orange")
    assert wildcards.lines("animals/birds") == ("Käuzchen", "Möwe")
    assert wildcards.names() == ["animals/birds", "binary", "colors", "empty", "latin"]


@pytest.mark.parametrize(
    "name", ["out", "../secret", "animals/../../secret", "/etc/passwd", ".hidden", "animals", ""]
)
def test_nothing_outside_the_folder_is_read(wildcards: Wildcards, name: str) -> None:
    with pytest.raises(NotFound):
        wildcards.lines(name)


def test_an_unknown_file_tells_those_like_it(wildcards: Wildcards, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="“__colour__”") as refused:
        wildcards.lines("colour")
    assert refused.value.code == "wildcard_not_found"
    assert "colors" in refused.value.hint
    with pytest.raises(NotFound) as refused:
        Wildcards(tmp_path / "other").lines("colour")
    assert "colour.txt" in refused.value.hint


@pytest.mark.parametrize(
    ("name", "why"), [("latin", "UTF-8"), ("empty", "no entries"), ("binary", "no text")]
)
def test_a_file_that_cannot_be_used_says_why(wildcards: Wildcards, name: str, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        wildcards.lines(name)


def test_a_file_that_is_too_large_is_not_read(wildcards: Wildcards) -> None:
    with (wildcards.folder / "colors.txt").open("r+b") as stream:
        stream.truncate(9 * 2**20)
    with pytest.raises(BadInput, match="8 MiB"):
        wildcards.lines("colors")


def test_a_changed_file_counts_at_once(wildcards: Wildcards) -> None:
    assert len(wildcards.lines("colors")) == 2
    (wildcards.folder / "colors.txt").write_text("green")
    assert wildcards.lines("colors") == ("green",)


# Pictures of a job


@pytest.fixture
def registry(wildcards: Wildcards, tmp_path: Path) -> Registry:
    return Registry(tmp_path)


def test_each_picture_has_the_words_of_its_seed(registry: Registry) -> None:
    asked = {"prompt": "{a|b|c|d} __colors__", "negative_prompt": "{a|b|c|d}"}
    region = {"mask": {"blob": "0" * 64}, "prompt": "{a|b|c|d}"}
    many = words_of_pictures(
        JobRequest(**asked, model="starter", seed=5, count=16, regions=[region] * 2), registry
    )
    assert len(set(many)) > 10
    one = words_of_pictures(
        JobRequest(**asked, model="starter", seed=8, regions=[region] * 2), registry
    )
    assert one == many[3:4]
    assert any(words.prompt[0] != words.negative_prompt for words in many)
    assert any(words.regions[0] != words.regions[1] for words in many)


def test_the_words_of_a_seed_stay_the_same() -> None:
    """On every machine and in every version: pictures are to be made again."""
    found = words_of_pictures(
        JobRequest(prompt="{a|b|c|d|e|f}", model="starter", seed=7, count=8), Registry(Path("none"))
    )
    assert "".join(words.prompt for words in found) == "ffbbbbbc"


def test_facts_tell_what_differs_only(registry: Registry) -> None:
    plain = JobRequest(prompt="a ball", negative_prompt="red", seed=1, model="starter")
    assert words_of_pictures(plain, registry)[0].facts(plain) == {}
    drawn = JobRequest(prompt="a {ball|ball}", negative_prompt="red", seed=1, model="starter")
    assert words_of_pictures(drawn, registry)[0].facts(drawn) == {"prompt": "a ball"}


def test_an_unknown_file_is_refused_even_if_it_is_not_drawn(registry: Registry) -> None:
    for seed in range(4):
        request = JobRequest(prompt="{a|{b|__no__}}", model="starter", seed=seed)
        with pytest.raises(NotFound, match="__no__"):
            words_of_pictures(request, registry)


def test_loras_can_be_drawn(registry: Registry) -> None:
    asked = JobRequest(
        prompt="a house {<lora:blueprint:0.5>|in ink}", model="starter", seed=0, count=8
    )
    found = {words.prompt: words.loras for words in words_of_pictures(asked, registry)}
    assert found == {"a house": (("blueprint", 0.5),), "a house in ink": ()}
    facts = [words.facts(asked) for words in words_of_pictures(asked, registry)]
    assert {"prompt": "a house", "loras": [{"id": "blueprint", "weight": 0.5}]} in facts
