"""How many tokens a model reads of a prompt, and what it does not read: by its own tokenizers,
which are read from their files without the model. No torch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from pentimento.models.library.vocabulary import BYTES, CLIP_MERGES, END_OF_WORD, Model
from pentimento.models.tables.architectures import FAMILIES, Family
from pentimento.prompts import syntax
from pentimento.schema.plan import Tokens

if TYPE_CHECKING:
    import tokenizers

ENDS = 2  # the tokens for start and end, which a tokenizer's limit counts too
CLIP_LIMIT = 77
MOST_LIMIT = 100_000  # more is no limit
MOST_BYTES = 5_000_000  # of a tokenizer's file; larger ones are language models', which read it all
START, END = "<|startoftext|>", "<|endoftext|>"
WORDS = (  # CLIP's pieces (Radford et al. 2021)
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)


@dataclass(frozen=True, slots=True)
class WordReader:
    """`limit` is the tokens of a prompt, or of one of its chunks."""

    tokenizer: tokenizers.Tokenizer
    limit: int

    def ids(self, words: str) -> list[int]:
        found: list[int] = self.tokenizer.encode(words, add_special_tokens=False).ids
        return found


def count(
    model: Model, prompt: str, embeddings: Mapping[str, int] = MappingProxyType({})
) -> Tokens | None:
    """As the engine reads it; None where the model's tokenizers have no limit or cannot be read.
    Tags of LoRAs are no words. `embeddings` are those that the model can use, by name, and how many
    vectors each has: in place of its name it is read as so many tokens."""
    family = FAMILIES.get(model.family)
    if family is None:
        return None
    words, _tags = syntax.cut_lora_tags(prompt)
    readers = [one for one in _readers(model, family) if one is not None]
    found = [
        _in_chunks(one, words, embeddings)
        if family.reads_in_chunks
        else _as_far_as_it_goes(one, words)
        for one in readers
    ]
    return max(found, key=lambda one: one.tokens / one.limit, default=None)


def _in_chunks(reader: WordReader, words: str, embeddings: Mapping[str, int]) -> Tokens:
    """All of it, so many tokens at a time; a BREAK begins a new chunk, and so does an embedding
    that has no room left in one."""
    tokens, chunks, used = 0, 1, 0
    pieces = syntax.parse_weights(words)
    for piece in pieces:
        if not piece.text and len(pieces) > 1:
            chunks, used = chunks + 1, 0
            continue
        for part in syntax.split_embeddings(piece.text, embeddings):
            if isinstance(part, str):
                length, together = len(reader.ids(part)), 1
            else:
                length = together = embeddings[part.name]
            tokens += length
            if used + min(length, together, reader.limit) > reader.limit:
                chunks, used = chunks + 1, 0
            more = max(0, -(-(used + length) // reader.limit) - 1)
            chunks, used = chunks + more, used + length - more * reader.limit
    return Tokens(tokens=tokens, limit=reader.limit, chunks=chunks)


def _as_far_as_it_goes(reader: WordReader, words: str) -> Tokens:
    ids = reader.ids(words)
    decoded = str(reader.tokenizer.decode(ids[reader.limit :]))
    unread = decoded.replace(END_OF_WORD, " ").strip()
    return Tokens(tokens=len(ids), limit=reader.limit, unread=unread)


def _readers(model: Model, family: Family) -> Iterable[WordReader | None]:
    for name in family.readers or family.tokenizers:
        folders = [folder for folder in (model.path, model.base) if folder and folder.is_dir()]
        found = (_of_folder(folder / name) for folder in folders if (folder / name).is_dir())
        yield next((one for one in found if one), _clip() if model.configs else None)


def _of_folder(folder: Path) -> WordReader | None:
    """None where it cannot be read: that is told when the model is loaded."""
    try:
        known = [file for file in map(folder.joinpath, FILES) if file.is_file()]
        if not known or any(file.stat().st_size > MOST_BYTES for file in known):
            return None
        changed = tuple(file.stat().st_mtime_ns for file in known)
        return _read(folder, changed)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


FILES = ("tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json")


@lru_cache(maxsize=4)
def _read(folder: Path, _changed: tuple[int, ...]) -> WordReader | None:
    import tokenizers

    told = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    limit = int(min(float(told.get("model_max_length") or MOST_LIMIT), MOST_LIMIT))
    if not ENDS < limit < MOST_LIMIT:
        return None
    try:
        if (folder / "tokenizer.json").is_file():
            made = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        else:
            lines = (folder / "merges.txt").read_text("utf-8").splitlines()
            vocabulary = json.loads((folder / "vocab.json").read_text("utf-8"))
            made = _clip_like(vocabulary, lines)
    except OSError:
        return None
    except Exception as error:  # tokenizers raises that class itself
        raise ValueError(folder.name) from error
    made.no_padding()
    made.no_truncation()
    return WordReader(made, limit - ENDS)


@lru_cache(maxsize=1)
def _clip() -> WordReader:
    """CLIP's own, for checkpoints in one file: its vocabulary follows from its merges."""
    lines = CLIP_MERGES.read_text("utf-8").splitlines()
    words = [*BYTES, *(sign + END_OF_WORD for sign in BYTES)]
    words += ["".join(line.split()) for line in lines] + [START, END]
    vocabulary = {word: number for number, word in enumerate(words)}
    return WordReader(_clip_like(vocabulary, lines), CLIP_LIMIT - ENDS)


def _clip_like(vocabulary: dict[str, int], merges: Iterable[str]) -> tokenizers.Tokenizer:
    import tokenizers
    from tokenizers import decoders, models, normalizers, pre_tokenizers

    pairs = [tuple(line.split()) for line in merges if not line.startswith("#version")]
    model = models.BPE(
        vocab=vocabulary,
        merges=[pair for pair in pairs if len(pair) == 2],
        end_of_word_suffix=END_OF_WORD,
        continuing_subword_prefix="",
        unk_token=END,
    )
    made = tokenizers.Tokenizer(model)
    spaces = normalizers.Replace(tokenizers.Regex(r"\s+"), " ")
    made.normalizer = normalizers.Sequence([normalizers.NFC(), spaces, normalizers.Lowercase()])
    split = pre_tokenizers.Split(tokenizers.Regex(WORDS), "removed", invert=True)
    by_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.pre_tokenizer = pre_tokenizers.Sequence([split, by_bytes])
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([START, END])
    return made
