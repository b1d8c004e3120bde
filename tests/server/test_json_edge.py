"""The one edge for JSON: what comes in is understood or refused, what goes out can be read."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import awkward

from pentimento.api import jsontext
from pentimento.core.errors import BadInput, TooLarge
from pentimento.schema.snapshot import Jobs

UNDERSTOOD = {  # of awkward.JSON_TEXTS, and what they mean
    "duplicate_keys": {"prompt": "b"},
    "byte_order_mark": {"prompt": "a"},
    "null_escape": {"prompt": "\x00"},
    "float_that_overflows": {"seed": float("inf")},
    "a_list": [],
    "a_word": "prompt",
    "null": None,
    "a_number": 1,
}


@pytest.mark.parametrize(
    "text", awkward.cases(awkward.without(awkward.JSON_TEXTS, *UNDERSTOOD)), ids=str
)
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(BadInput) as refused:
        jsontext.load(text)
    assert refused.value.code in ("bad_json", "too_large")


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_what_is_json_is_understood(name: str) -> None:
    assert jsontext.load(awkward.JSON_TEXTS[name]) == UNDERSTOOD[name]


@pytest.mark.parametrize("words", ["a", "\ud800"])
def test_numbers_that_json_cannot_say_are_null(words: str) -> None:
    value = {"a": [float("nan"), float("inf"), -float("inf"), 1.5], "b": words}
    assert json.loads(jsontext.dump(value))["a"] == [None, None, None, 1.5]


@given(awkward.json_values)
def test_whatever_is_answered_can_be_read_again(value: object) -> None:
    written = jsontext.dump(value)
    written.decode()
    read = json.loads(written, parse_constant=pytest.fail)
    assert jsontext.load(written) == read


@given(awkward.texts)
def test_text_stays_as_it_is(text: str) -> None:
    assert json.loads(jsontext.dump({text: [text]})) == {text: [text]}


@pytest.mark.parametrize("text", awkward.cases(awkward.SURROGATES))
def test_half_a_surrogate_is_shown_as_replaced(text: str) -> None:
    (shown,) = json.loads(jsontext.dump([text]))
    assert "\ufffd" in shown
    assert shown.startswith("a cat ")
    assert shown.endswith(" on a mat")


def test_many_small_values_are_refused_before_they_take_memory(front) -> None:
    body = b'{"loras": [' + b"{}," * 60_000 + b"1]}"
    answer = front.call("POST", "/v1/jobs", body, {"Content-Type": "application/json"})
    assert (answer.status, answer.code) == (413, "too_large")


def packed(data: bytes) -> jsontext.Base64:
    return jsontext.Base64(io.BytesIO(data))


@pytest.mark.parametrize("size", [0, 1, 2, 3, jsontext.PIECE, jsontext.PIECE + 1])
def test_pictures_go_out_as_base64_between_words_of_any_kind(size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    for words in awkward.ANY_PROMPT.values():
        value = {"a": words, "b": [packed(data[:size]), packed(b"x")], "c": 1}
        parts = list(jsontext.pieces(value))
        assert max(map(len, parts)) <= max(2**20, len(jsontext.dump(words)) + 40)
        read = json.loads(b"".join(parts))
        assert base64.b64decode(read["b"][0]) == data[:size]
        assert (read["b"][1], read["c"]) == ("eA==", 1)


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 500])
def test_a_long_list_is_written_while_others_have_their_turn(count: int) -> None:
    values = [{"prompt": text, "n": n} for n, text in enumerate(awkward.ANY_PROMPT.values())]
    values = [values[n % len(values)] for n in range(count)]
    turns = 0

    async def written() -> bytes:
        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        beside = asyncio.create_task(other())
        made = await jsontext.with_list(Jobs, "jobs", iter(values), {"next": None})
        beside.cancel()
        return bytes(made.body)

    assert asyncio.run(written()) == jsontext.dump({"jobs": values, "next": None})
    assert turns >= count // 10


# The count of a body's parts


def counted(body: bytes, cuts: list[int]) -> int:
    parts, begin = jsontext.Parts(), 0
    for end in [*sorted({cut % (len(body) + 1) for cut in cuts}), len(body)]:
        parts.add(body[begin:end])
        begin = end
    return parts._seen


@given(awkward.json_values, st.lists(st.integers(0, 10_000), max_size=9), st.booleans())
def test_parts_are_counted_outside_of_texts_however_the_body_is_cut(
    value: object, cuts: list[int], escaped: bool
) -> None:
    body = json.dumps(value, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    plain = re.sub(rb'"(?:[^"\\]|\\.)*"', b"", body)
    assert counted(body, cuts) == sum(plain.count(mark) for mark in (b"[", b"{", b","))


@pytest.mark.parametrize("text", ["," * 99_000, '[{"\\' * 20_000, "\\" * 50_001, '"' * 40_000])
def test_a_long_text_is_one_part_whatever_is_in_it(text: str) -> None:
    for size in (1, 7, 4096, 10**6):
        body = json.dumps({"prompt": text}).encode()
        assert counted(body, list(range(0, len(body), size))[:5000]) == 1


@pytest.mark.parametrize("many", [b"[" + b"0," * 9000, b'""' * 20_000, b'{"a":' * 9000])
def test_many_parts_are_refused(many: bytes) -> None:
    with pytest.raises(TooLarge):
        counted(many, [])
