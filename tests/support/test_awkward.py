"""The shared corpus itself: its ids are plain, its rows are what their names say."""

from __future__ import annotations

import os

from tests.support import awkward

TABLES = (
    awkward.ANY_PROMPT,
    awkward.NAMES,
    awkward.LOCALES,
    awkward.JSON_TEXTS,
    awkward.NUMBERS,
    awkward.FEW,
)


def test_every_case_has_a_plain_id() -> None:
    for table in TABLES:
        for case in awkward.cases(table):
            assert case.id.isascii()
            assert case.id.isidentifier()


def test_prompts_can_be_written_as_utf8_and_surrogates_can_not() -> None:
    for text in awkward.PROMPTS.values():
        assert text.encode().decode() == text
    for text in awkward.SURROGATES.values():
        assert text.encode("utf-8", "surrogatepass").decode("utf-8", "replace") != text


def test_names_can_be_given_to_files(tmp_path) -> None:
    for case in awkward.NAME_BYTES:
        file = tmp_path / awkward.name(case, ".safetensors")
        file.touch()
    (tmp_path / awkward.longest(".safetensors")).touch()
    assert len(os.listdir(os.fsencode(tmp_path))) == len(awkward.NAME_BYTES) + 1
