"""How much of a prompt in a writing other than Latin a model's vocabulary has words for.

Byte-level vocabularies can spell anything in bytes, so nothing fails with a language that a model
was never shown: it paints something else. What is spelled in bytes or in single letters was not
learned as words.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator

LONGEST_PIECE = 16  # letters; longer pieces of other writings are not in any vocabulary
# Writings whose single signs are syllables or words.
WHOLE_BY_THEMSELVES = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL")


def unread_share(words: str, pieces: Collection[str]) -> float:
    """The share, 0..1, of a text's letters that are in another writing than Latin and that none of
    `pieces` (the vocabulary as text, without marks for the ends of words) has as a part of a word.
    """
    letters = [sign for sign in words if sign.isalpha()]
    foreign = [word for word in _words(words) if not _is_latin(word[0])]
    unread = sum(len(word) - _read(word, pieces) for word in foreign)
    return unread / len(letters) if letters else 0.0


def _words(text: str) -> Iterator[str]:
    """Runs of letters and their marks in one writing, Latin or other."""
    word = ""
    for sign in unicodedata.normalize("NFC", text).lower():
        belongs = sign.isalpha() or (word and unicodedata.category(sign).startswith("M"))
        if word and (not belongs or (sign.isalpha() and _is_latin(sign) != _is_latin(word[0]))):
            yield word
            word = ""
        word += sign if belongs else ""
    if word:
        yield word


def _read(word: str, pieces: Collection[str]) -> int:
    """How many letters of a word lie in pieces that mean something, the longest pieces first."""
    done = start = 0
    while start < len(word):
        rest = word[start : start + LONGEST_PIECE]
        ends = range(len(rest), 0, -1)
        length = next((end for end in ends if rest[:end] in pieces), 0)
        means = length > 1 or (length == 1 and (len(word) == 1 or _whole_by_itself(rest[0])))
        done += length if means else 0
        start += length or 1
    return done


def _is_latin(letter: str) -> bool:
    return letter.isascii() or "LATIN" in unicodedata.name(letter, "")


def _whole_by_itself(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith(WHOLE_BY_THEMSELVES)
