"""What /v1/plan says of a prompt's tokens is what the engine reads."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers
from tests.support.awkward import PROMPTS, cases

from pentimento.engine.conditioning import prompt_weighting
from pentimento.engine.loading.sources import clip_tokenizer
from pentimento.models.library import model, tokens
from pentimento.prompts.syntax import parse_weights

STARTER = Path(tokens.__file__).resolve().parents[2] / "starter" / "model"
LONG = 'a yellow moon over 月亮 🌙, "it\'s" night, ' * 20
WORDS = {
    **PROMPTS,
    "long": LONG,
    "break": "a BREAK b",
    "long_breaks": LONG + " BREAK " + LONG,
    "weights": "a (red moon:1.3) [b]",
    "marks": "<|endoftext|> a cat's <|startoftext|>",
}


@pytest.fixture(scope="module")
def starter():
    return model.inspect(STARTER, "starter")


@pytest.fixture(scope="module")
def own():
    return transformers.CLIPTokenizer.from_pretrained(STARTER / "tokenizer")


@pytest.mark.parametrize("words", cases(WORDS))
def test_chunks_are_those_that_are_read(starter, own, words):
    reader = prompt_weighting.Reader(None, own, prompt_weighting.LAST)
    read = prompt_weighting.chunks(reader, parse_weights(words))
    count = sum(
        len(own(piece.text, add_special_tokens=False, truncation=False).input_ids)
        for piece in parse_weights(words)
    )
    found = tokens.count(starter, words)
    assert (found.tokens, found.chunks, found.limit) == (count, len(read), reader.room)
    assert found.unread == ""


NAMED = {
    "one": "a mark1 moon",
    "eight": "a mark8 moon 月亮 🌙",
    "weights": "a (mark8:1.3) [mark1] ((embedding:mark8.safetensors:0.7))",
    "several": "mark1, MARK8, embedding: mark1, mark8 BREAK mark8",
    "part_of_a_word": "mark10 remark8 mark8s",
    "no_room": "a " * 40 + "mark8 b",
    "just_room": "a " * 38 + "mark8",
    "full": "mark8 " * 12,
    "longer_than_a_chunk": "a (mark100:1.1) b mark8",
    "breaks": "BREAK mark8 BREAK",
}


@pytest.mark.parametrize("words", cases(NAMED))
def test_an_embedding_counts_as_its_vectors(starter, own, words):
    vectors = {f"mark{n}": torch.zeros(n, 4) for n in (1, 8, 100)}
    reader = prompt_weighting.Reader(None, own, prompt_weighting.LAST, vectors)
    read = prompt_weighting.chunks(reader, parse_weights(words))
    ends = {own.bos_token_id, own.eos_token_id, own.pad_token_id}
    count = sum(
        token.vector is not None or token.id not in ends for chunk in read for token in chunk.tokens
    )
    found = tokens.count(starter, words, {name: len(rows) for name, rows in vectors.items()})
    assert (found.tokens, found.chunks) == (count, len(read))


@pytest.mark.parametrize("words", cases(WORDS))
def test_checkpoints_in_one_file_are_read_with_clips_own(tmp_path, starter, words):
    file = tmp_path / "one.safetensors"
    own = clip_tokenizer("<|endoftext|>")
    reader = prompt_weighting.Reader(None, own, prompt_weighting.LAST)
    found = tokens.count(replace(starter, path=file, configs="sd15"), words)
    assert found.chunks == len(prompt_weighting.chunks(reader, parse_weights(words)))
    assert found.limit == reader.room


@pytest.mark.parametrize("words", cases(WORDS))
def test_what_is_cut_is_what_the_engine_cuts(tmp_path, starter, own, words):
    """Of a family that does not read in chunks, with the same tokenizer under another name; one
    that has a vocabulary and merges in place of the newer file gives the same."""
    shutil.copytree(STARTER / "tokenizer", tmp_path / "tokenizer_2")
    other = replace(starter, family="flux", path=tmp_path)
    told = prompt_weighting.unread(own, words)
    found = tokens.count(other, words)
    assert (found.tokens > found.limit) == (told is not None)
    if told is not None:
        assert (found.tokens, found.limit) == (told.tokens, told.limit)
        assert found.unread == told.words
    table = json.loads((tmp_path / "tokenizer_2" / "tokenizer.json").read_text("utf-8"))["model"]
    (tmp_path / "tokenizer_2" / "tokenizer.json").unlink()
    (tmp_path / "tokenizer_2" / "vocab.json").write_text(json.dumps(table["vocab"]), "utf-8")
    pairs = [pair if isinstance(pair, str) else " ".join(pair) for pair in table["merges"]]
    (tmp_path / "tokenizer_2" / "merges.txt").write_text(
        "\n".join(["#version: 0.2", *pairs]), "utf-8"
    )
    assert tokens.count(other, words) == found


@pytest.mark.parametrize("damage", [b"", b"{}", b"[1, 2", b"\xff\x00", b"null"])
def test_a_damaged_tokenizer_tells_nothing(tmp_path, starter, damage):
    shutil.copytree(STARTER / "tokenizer", tmp_path / "tokenizer")
    (tmp_path / "tokenizer" / "tokenizer.json").write_bytes(damage)
    assert tokens.count(replace(starter, path=tmp_path), "a moon") is None
