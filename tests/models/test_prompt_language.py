"""Whether a model reads the language of a prompt, by the tokenizers that models really have."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pentimento.jobs.plan import make_plan
from pentimento.models.library import vocabulary
from pentimento.models.library.registry import STARTER_FOLDER, Registry
from pentimento.models.tables.architectures import FAMILIES
from pentimento.schema.plan import PlanRequest

STARTER = SimpleNamespace(family="sd15", path=STARTER_FOLDER, base=None, configs="")
FOREIGN = [
    "一弯黄色的月亮",
    "猫",
    "Замок на холме, туман",
    "قصر على التل",
    "산 위의 집",
    "a 花园里的一座房子 🌙",
]
READ = [
    *(
        "",
        "a cat",
        "a cathedral, 4k",
        "🌙🌙",
        "über den Wolken, Häuser",
        "1234 !?",
        "a lighthouse 猫",
    ),
    'it\'s "quoted" {night|day} (moon:1.2)',
]


def single_file(tmp_path: Path) -> Any:
    file = tmp_path / "模型 x.safetensors"
    file.write_bytes(b"")
    return SimpleNamespace(family="sd15", path=file, base=None, configs="sd15")


def with_tokenizer(folder: Path, family: str, **files: Any) -> Any:
    place = folder / FAMILIES[family].tokenizers[-1]
    place.mkdir(parents=True)
    for name, content in files.items():
        file = place / name.replace("_json", ".json").replace("_txt", ".txt")
        file.write_text(content if isinstance(content, str) else json.dumps(content))
    return SimpleNamespace(family=family, path=folder, base=None, configs="")


@pytest.mark.parametrize("words", FOREIGN)
def test_the_starter_does_not_read_other_writings(words: str) -> None:
    assert not vocabulary.understands(STARTER, words)


@pytest.mark.parametrize("words", READ)
def test_the_starter_is_not_doubted_for_latin_letters_and_signs(words: str) -> None:
    assert vocabulary.understands(STARTER, words)


@pytest.mark.parametrize("words", ["一弯黄色的月亮", "산 위의 집"])
def test_clip_does_not_read_chinese_and_korean(tmp_path: Path, words: str) -> None:
    model = single_file(tmp_path)
    assert not vocabulary.understands(model, words)
    assert vocabulary.understands(model, "a yellow moon")


def test_a_sentence_piece_vocabulary_is_read_as_text(tmp_path: Path) -> None:
    pieces = {"model": {"type": "Unigram", "vocab": [["<unk>", 0], ["▁a", -1], ["月亮", -2]]}}
    model = with_tokenizer(tmp_path / "flux", "flux", tokenizer_json=pieces)
    assert vocabulary.understands(model, "月亮")
    assert not vocabulary.understands(model, "一座房子")


def test_a_model_with_a_chinese_vocabulary_reads_chinese(tmp_path: Path) -> None:
    model = with_tokenizer(tmp_path / "taiyi", "sd15", vocab_txt="[UNK]\n月\n亮\n黄\n色\n##的\n")
    assert vocabulary.understands(model, "黄色的月亮")
    assert not vocabulary.understands(model, "замок на холме")


@pytest.mark.parametrize(
    "broken", ["", "{", "[]", '{"model": 3}', "\udcff".encode("utf-8", "replace").decode()]
)
def test_where_nothing_can_be_told_nothing_is_said(tmp_path: Path, broken: str) -> None:
    model = with_tokenizer(tmp_path / "m", "sd15", tokenizer_json=broken)
    assert vocabulary.understands(model, "一弯黄色的月亮")
    assert vocabulary.understands(SimpleNamespace(**(vars(STARTER) | {"family": "unknown"})), "猫")


@pytest.mark.parametrize("family", ["flux2-klein", "z-image", "qwen-image"])
def test_multilingual_families_are_never_doubted(tmp_path: Path, family: str) -> None:
    model = with_tokenizer(tmp_path / "m", family, vocab_json={"a": 0})
    assert vocabulary.understands(model, "一弯黄色的月亮")


@pytest.mark.parametrize(
    ("words", "strength", "told"),
    [("一弯黄色的月亮", 0.5, True), ("一弯黄色的月亮", 0, False), ("a moon", 0.5, False)],
)
def test_the_plan_says_it(tmp_path: Path, words: str, strength: float, told: bool) -> None:
    request = {
        "mode": "img2img",
        "prompt": words,
        "strength": strength,
        "source": {"width": 320, "height": 224},
    }
    plan = make_plan(PlanRequest(**request), Registry(tmp_path))
    assert ("prompt_language" in [notice.code for notice in plan.notices]) is told
