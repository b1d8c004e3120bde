"""Awkward inputs that tests take by default: words, names of files, locales, as named cases.

Each table maps an ASCII name, which becomes the test's id, to the value. `cases` turns a table, or
the named rows of it, into parameters of a test:

    @pytest.mark.parametrize("prompt", awkward.cases(awkward.PROMPTS))
    @pytest.mark.parametrize("prompt", awkward.cases(awkward.PROMPTS, "cjk", "quotes"))

The hypothesis strategies at the end draw from the tables and from the full range of text.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import strategies as st

# Words as people type and paste them. All of them can be written as UTF-8.
PROMPTS: dict[str, str] = {
    "cjk": "一只红色的猫，水墨画，高清",
    "japanese": "桜の下の猫、カタカナと漢字",
    "korean": "벚꽃 아래 고양이",
    "arabic_rtl": "قطة حمراء تحت شجرة",
    "hebrew_rtl": "חתול אדום מתחת לעץ",
    "mixed_direction": "a cat \u202eredrum\u202c next to חתול, 50% (big:1.2)",
    "emoji_joined": "👩‍👩‍👧‍👦 and 🏳️‍🌈 in a park 👍🏽",
    "outside_the_basic_plane": "𝔊𝔬𝔱𝔥𝔦𝔠 𠜎 cat",
    "combining_marks": "cafe\u0301 Z͑ͫ̓ͪ̂ͫ̽͏̴̙a͑ͫl̐ǵo ạ̈̈̈",
    "accents": "château près d'une forêt, größer, æther, ñandú",
    "curly_quotes": "a sign that says “open” and ‘closed’ – really…",
    "straight_quotes": 'a "quoted" word, it\'s \\"escaped\\" and `ticked`',
    "markup": "<b>bold</b> &amp; <span foreground='red'>red</span> & <lora>",
    "backslashes": "C:\\new\\table\\u0041 \\",
    "newlines": "a cat\non a mat\r\nin a hat\r\u2028at dusk",
    "tabs_and_spaces": "\ta cat \u00a0\u3000 on\v a\fmat  ",
    "control_characters": "a cat\x01\x02\x1b[31m on\x7f a\x85 mat",
    "null_character": "a cat\x00 on a mat",
    "zero_width": "a\u200b cat\u200d on\ufeff a\u2060 mat",
    "byte_order_mark": "\ufeffa cat",
    "noncharacters": "a cat \ufffe\uffff\U0010ffff \ufdd0",
    "replacement_character": "a \ufffd cat",
    "percent_and_braces": "100% {cat} %s %(name)s ${HOME} $(id) {0} __wildcard",
    "brackets_open": "((((a cat:1.5, [[[[on a mat, {a|b",
    "numbers_like": "1e999",
    "null_word": "null",
    "long": ("a red cat on a blue mat, 猫 " * 320)[:8000],
    "long_word": "a" * 8000,
    "long_line_of_commas": "," * 8000,
    "empty": "",
    "whitespace": " \t\n\u3000 ",
}
assert len(PROMPTS["long"]) == 8000  # the most that the protocol takes

# Text that JSON can carry, but UTF-8 can't.
SURROGATES: dict[str, str] = {
    "lone_high_surrogate": "a cat \ud83d on a mat",
    "lone_low_surrogate": "a cat \ude00 on a mat",
    "reversed_surrogates": "a cat \ude00\ud83d on a mat",
    "undecodable_byte": os.fsdecode(b"a cat \xff on a mat"),
}

ANY_PROMPT: dict[str, str] = PROMPTS | SURROGATES

# A few rows that together have most of the traps, for tests where each case takes seconds.
FEW: dict[str, str] = {
    name: PROMPTS[name]
    for name in ("cjk", "arabic_rtl", "emoji_joined", "straight_quotes", "curly_quotes", "newlines")
}

# Names of files without an ending, as bytes: not all of them are text. None holds "/" or NUL.
NAME_BYTES: dict[str, bytes] = {
    "cjk": "画风".encode(),
    "cjk_two": "水墨".encode(),
    "rtl": "قطة".encode(),
    "rtl_override": "cat\u202egnp".encode(),
    "emoji": "👩‍👩‍👧 style".encode(),
    "composed": "caf\u00e9".encode(),
    "decomposed": "cafe\u0301".encode(),
    "not_utf8": b"caf\xe9 \xff\xfe",
    "shift_jis": "画風".encode("shift_jis"),
    "newline": b"two\nlines",
    "tab": b"tab\there",
    "control": b"bell\x07 and \x1b[31mred",
    "quotes": b'it\'s "quoted" `so`',
    "spaces": b"  spaces  around ",
    "leading_dash": b"-rf --help",
    "equals": b"a=b",
    "trailing_dot": b"cat.",
    "leading_dot": b".hidden",
    "dots": b"...",
    "two_dots_inside": b"a..b",
    "percent": b"100%25 %2e%2e %s",
    "backslash": b"a\\..\\b",
    "colon": b"C:cat:1.0",
    "angle_brackets": b"<lora:cat:1>",
    "brackets": b"my (style) [v2]",
    "glob": b"*?[a-z]",
    "ampersand": b"a&b; echo",
    "hash_and_question": b"a#b?c=d",
    "reserved": b"CON",
    "long": b"n" * 230,
    "long_cjk": "画".encode() * 76,
}


def name(case: str, ending: str = "") -> str:
    """That name as Python's file functions take it: bytes that are no UTF-8 are surrogates."""
    return os.fsdecode(NAME_BYTES[case] + ending.encode())


NAMES: dict[str, str] = {case: name(case) for case in NAME_BYTES}
LONGEST_NAME = 252  # bytes; with ".part" it is over what file systems take


def longest(ending: str) -> str:
    """A name of 252 bytes with that ending."""
    return "n" * (LONGEST_NAME - len(os.fsencode(ending))) + ending


# Environments: what a program sees of the user's language.
LOCALES: dict[str, dict[str, str]] = {
    "c": {"LANG": "C", "LC_ALL": "C"},
    "posix_ascii": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "chinese": {"LANG": "zh_CN.UTF-8", "LC_ALL": "zh_CN.UTF-8", "LANGUAGE": "zh_CN:zh"},
    "german_comma": {"LANG": "de_DE.UTF-8", "LC_ALL": "de_DE.UTF-8"},
    "turkish_i": {"LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8"},
    "latin1": {"LANG": "de_DE.ISO-8859-1", "LC_ALL": "de_DE.ISO-8859-1"},
    "unknown": {"LANG": "xx_YY.nonsense", "LC_ALL": "xx_YY.nonsense"},
    "empty": {"LANG": "", "LC_ALL": "", "LANGUAGE": ""},
}

# JSON values that are legal or nearly so, and seldom meant.
JSON_TEXTS: dict[str, bytes] = {
    "nan": b'{"seed": NaN}',
    "infinity": b'{"seed": Infinity}',
    "minus_infinity": b'{"seed": -Infinity}',
    "float_that_overflows": b'{"seed": 1e999}',
    "huge_integer": b'{"seed": ' + b"9" * 5000 + b"}",
    "deep_lists": b"[" * 200_000,
    "deep_lists_closed": b"[" * 200_000 + b"]" * 200_000,
    "deep_objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "duplicate_keys": b'{"prompt": "a", "prompt": "b"}',
    "byte_order_mark": b'\xef\xbb\xbf{"prompt": "a"}',
    "utf16": '{"prompt": "a"}'.encode("utf-16"),
    "latin1": b'{"prompt": "caf\xe9"}',
    "escaped_surrogate": b'{"prompt": "\\ud800"}',
    "raw_surrogate": b'{"prompt": "\xed\xa0\x80"}',
    "surrogate_in_a_key": b'{"\\udfff": 1}',
    "null_escape": b'{"prompt": "\\u0000"}',
    "control_in_a_string": b'{"prompt": "a\nb"}',
    "empty": b"",
    "only_spaces": b" \n ",
    "a_list": b"[]",
    "a_word": b'"prompt"',
    "null": b"null",
    "a_number": b"1",
    "cut_off": b'{"prompt": "a',
    "something_after": b'{"prompt": "a"} {"prompt": "b"}',
    "single_quotes": b"{'prompt': 'a'}",
    "comment": b'{"prompt": "a" /* why */}',
    "trailing_comma": b'{"prompt": "a",}',
    "form": b"prompt=a",
    "null_bytes": b"\x00" * 64,
}

NUMBERS: dict[str, Any] = {
    "zero": 0,
    "minus_zero": -0.0,
    "minus_one": -1,
    "seed_limit": 2**53 - 1,
    "over_seed_limit": 2**53,
    "int64_limit": 2**63 - 1,
    "over_int64": 2**64,
    "googol": 10**100,
    "tiny": 5e-324,
    "largest_float": 1.7976931348623157e308,
    "as_text": "12",
    "superscript": "²",
    "arabic_digits": "٣",
    "fullwidth_digits": "１２",
    "underscore": "1_0",
    "exponent": "1e3",
    "true": True,
    "null": None,
    "list": [1],
    "object": {"a": 1},
}


def cases(table: Mapping[str, Any], *names: str) -> list[Any]:
    """The table's rows, or those of that name, as parameters that carry their name as id."""
    return [pytest.param(table[name], id=name) for name in names or table]


def without(table: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The table without the rows of those names, each of which must be there."""
    unknown = set(names) - set(table)
    assert not unknown, f"no such cases: {sorted(unknown)}"
    return {name: value for name, value in table.items() if name not in names}


# Every code point that UTF-8 can write, NUL and noncharacters too, and the tables' rows.
texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.sampled_from(sorted(PROMPTS.values())),
)
# With lone surrogates as well: what json.loads gives for hostile input.
any_texts = st.one_of(texts, st.text(max_size=60), st.sampled_from(sorted(SURROGATES.values())))
# One component of a path, as os.fsdecode gives it.
names = st.one_of(
    st.sampled_from(sorted(NAMES.values())),
    st.binary(min_size=1, max_size=80)
    .filter(lambda raw: not {0, ord("/")} & set(raw) and raw not in (b".", b".."))
    .map(os.fsdecode),
)
numbers = st.one_of(
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from(list(NUMBERS.values())),
)
# Any value that json.loads can give, NaN, Infinity and lone surrogates among them.
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, any_texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(any_texts, inner, max_size=4)
    ),
    max_leaves=12,
)
