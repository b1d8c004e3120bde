"""Which words a model's text encoders know, read from the files of its tokenizers without loading
any of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from pentimento.models.library.checkpoint import CONFIGS
from pentimento.models.tables.architectures import FAMILIES
from pentimento.prompts.scripts import unread_share

CLIP_MERGES = CONFIGS / "clip_merges.txt"  # of checkpoints in one file, which bring no tokenizer
MOST_BYTES = 20_000_000  # of a tokenizer's file; those of one language are far below
UNREAD = 0.5  # share of the letters from which on a prompt is not understood
END_OF_WORD, START_OF_WORD, INSIDE_WORD = "</w>", "▁", "##"


class Model(Protocol):
    """What is needed of a registry's entry or of what the engine is told of it."""

    @property
    def family(self) -> str: ...
    @property
    def path(self) -> Path: ...
    @property
    def base(self) -> Path | None: ...
    @property
    def configs(self) -> str: ...


def understands(model: Model, words: str) -> bool:
    """Whether at least half of the letters of a prompt are in pieces of words that some tokenizer
    of the model knows. True also where that can't be told, and for what is written in Latin
    letters: a tokenizer does not tell English from German."""
    family = FAMILIES.get(model.family)
    if words.isascii() or family is None or family.multilingual:
        return True
    known = [pieces for pieces in _vocabularies(model, family.tokenizers) if pieces]
    return not known or min(unread_share(words, pieces) for pieces in known) <= UNREAD


def _vocabularies(model: Model, names: Iterable[str]) -> list[frozenset[str]]:
    folders = [folder for folder in (model.path, model.base) if folder and folder.is_dir()]
    found = [_of_folder(str(folder / name)) for folder in folders for name in names]
    if model.configs and not any(found):
        found.append(_of_merges(CLIP_MERGES))
    return found


@lru_cache(maxsize=8)
def _of_folder(folder: str) -> frozenset[str]:
    """Empty where there is no tokenizer, or none that can be read."""
    place = Path(folder)
    try:
        for name, read in READERS.items():
            file = place / name
            if file.is_file() and file.stat().st_size <= MOST_BYTES:
                return read(file)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        pass  # what is damaged is told when the model is loaded
    return frozenset()


def _of_tokenizer_json(file: Path) -> frozenset[str]:
    """The form that holds all of a tokenizer: a table of tokens, or a list with their weights."""
    content = json.loads(file.read_text(encoding="utf-8"))
    vocabulary = content["model"]["vocab"]
    tokens = [str(entry[0] if isinstance(entry, list) else entry) for entry in vocabulary]
    by_bytes = '"ByteLevel"' in json.dumps(content.get("pre_tokenizer"))
    return _texts(tokens) if by_bytes else _plain(tokens)


def _of_vocabulary(file: Path) -> frozenset[str]:
    return _texts(json.loads(file.read_text(encoding="utf-8")))


@lru_cache(maxsize=1)
def _of_merges(file: Path) -> frozenset[str]:
    pairs = (line.split() for line in file.read_text(encoding="utf-8").splitlines())
    return _texts("".join(pair) for pair in pairs if len(pair) == 2)


def _of_word_pieces(file: Path) -> frozenset[str]:
    return _plain(file.read_text(encoding="utf-8").splitlines())


READERS = {
    "tokenizer.json": _of_tokenizer_json,
    "vocab.json": _of_vocabulary,
    "vocab.txt": _of_word_pieces,
}


def _plain(tokens: Iterable[str]) -> frozenset[str]:
    """Tokens that are text, as SentencePiece and WordPiece have them."""
    return frozenset(
        token.removeprefix(START_OF_WORD).removeprefix(INSIDE_WORD).lower() for token in tokens
    )


def _texts(tokens: Iterable[str]) -> frozenset[str]:
    """Tokens that are bytes, as GPT-2 and CLIP have them; what ends inside a letter is none."""
    found = set()
    for token in tokens:
        bare = token.removesuffix(END_OF_WORD)
        try:
            found.add(bytes(BYTES[sign] for sign in bare).decode().strip().lower())
        except (KeyError, UnicodeDecodeError):
            continue
    return frozenset(found)


def _byte_signs() -> dict[str, int]:
    """The signs that stand for bytes in byte-level vocabularies (Radford et al. 2019, GPT-2): bytes
    that can be printed stand for themselves, the others follow from U+0100 on."""
    printed = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printed]
    own = {chr(byte): byte for byte in printed}
    return own | {chr(256 + number): byte for number, byte in enumerate(others)}


BYTES = _byte_signs()
