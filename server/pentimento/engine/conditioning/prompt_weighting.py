"""Weighted and long prompts for CLIP's text encoders, which read 75 tokens at a time.

A long prompt is read in chunks whose embeddings follow one another, as the UNet's attention takes
any number of them. A token that counts `w` times as much is moved away from what an empty prompt
has in its place: `e + w (z - e)`, which is ComfyUI's way to weigh; 1 leaves it as it is. Of other
encoders, `unread(tokenizer, words)` says what of a prompt is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pentimento.engine.architectures.base import Embeddings
from pentimento.engine.conditioning import textual_inversion
from pentimento.engine.conditioning.textual_inversion import STANDS_IN, Vectors
from pentimento.prompts import syntax
from pentimento.prompts.syntax import Piece, parse_weights

ENDS = 2  # the tokens for start and end, which the limit counts too


@dataclass(frozen=True, slots=True)
class Unread:
    """`words` were not read: of `tokens` tokens a model takes `limit`."""

    words: str
    tokens: int
    limit: int


def unread(tokenizer: Any, words: str) -> Unread | None:
    """None where the model reads all of it."""
    tokens = tokenizer(words, add_special_tokens=False, truncation=False).input_ids
    limit = int(tokenizer.model_max_length) - ENDS
    if len(tokens) <= limit:
        return None
    return Unread(str(tokenizer.decode(tokens[limit:])).strip(), len(tokens), limit)


LAST, LAST_BUT_ONE = -1, -2  # the layer whose states are the embeddings


@dataclass(frozen=True, slots=True)
class Reader:
    """`vectors` stand for words of the prompts."""

    encoder: Any
    tokenizer: Any
    layer: int
    vectors: Vectors = field(default_factory=dict)

    @property
    def room(self) -> int:
        """Tokens of a chunk."""
        return int(self.tokenizer.model_max_length) - ENDS


@dataclass(frozen=True, slots=True)
class Token:
    """`vector` `(c,)` takes its place where it is part of an embedding."""

    id: int
    weight: float = 1.0
    vector: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """Tokens as they are read, start, end and padding included, and how much each counts."""

    tokens: list[Token]


@dataclass(frozen=True, slots=True)
class ReadPrompt:
    """`words` `(1, 77 n, c)`; `pooled` `(1, c)` of the last reader's first chunk."""

    words: Tensor
    pooled: Tensor


def plain(readers: Sequence[Reader], prompts: Sequence[str]) -> bool:
    """Whether they are one chunk each with nothing weighed: then the pipeline itself reads them."""
    return all(
        parse_weights(prompt) == [Piece(prompt)]
        and all(_is_plain(reader, prompt) for reader in readers)
        for prompt in prompts
    )


def read(readers: Sequence[Reader], prompts: Sequence[str]) -> list[ReadPrompt]:
    """All prompts with the same number of chunks, padded with empty ones."""
    laid_out = [[chunks(reader, parse_weights(prompt)) for prompt in prompts] for reader in readers]
    most = max(len(found) for of_reader in laid_out for found in of_reader)
    made = []
    for number in range(len(prompts)):
        parts = [
            _encoded(reader, of_reader[number], most)
            for reader, of_reader in zip(readers, laid_out, strict=True)
        ]
        words = torch.cat([words for words, _pooled in parts], dim=-1)
        made.append(ReadPrompt(words, parts[-1][1]))
    return made


def named(found: Sequence[ReadPrompt], *, pooled: bool = False) -> Embeddings:
    """As a pipeline's call takes them; the second one is the negative prompt's."""
    told: Embeddings = {}
    for name, one in zip(("", "negative_"), found, strict=False):
        told[f"{name}prompt_embeds"] = one.words
        if pooled:
            told[f"{name}pooled_prompt_embeds"] = one.pooled
    return told


def chunks(reader: Reader, pieces: Sequence[Piece]) -> list[Chunk]:
    """At least one; a BREAK ends one early, and so does an embedding that has no room left."""
    rows: list[list[Token]] = [[]]
    for piece in pieces:
        if not piece.text and len(pieces) > 1:
            rows.append([])
            continue
        for together in _units(reader, piece):
            if len(rows[-1]) + min(len(together), reader.room) > reader.room:
                rows.append([])
            for token in together:
                if len(rows[-1]) == reader.room:
                    rows.append([])
                rows[-1].append(token)
    return [_whole(reader, row) for row in rows]


def _units(reader: Reader, piece: Piece) -> Iterator[list[Token]]:
    """What is not to be parted: a token, or the vectors of an embedding."""
    for part in syntax.split_embeddings(piece.text, reader.vectors):
        if isinstance(part, str):
            yield from ([Token(number, piece.weight)] for number in _ids(reader, part))
        else:
            rows = reader.vectors[part.name]
            yield [Token(STANDS_IN, piece.weight, row) for row in rows]


def _is_plain(reader: Reader, prompt: str) -> bool:
    return (
        not syntax.mentioned_embeddings(prompt, reader.vectors)
        and len(_ids(reader, prompt)) <= reader.room
    )


def _whole(reader: Reader, row: Sequence[Token]) -> Chunk:
    tokenizer = reader.tokenizer
    start, end = Token(tokenizer.bos_token_id), Token(tokenizer.eos_token_id)
    padding = [Token(tokenizer.pad_token_id)] * (reader.room - len(row))
    return Chunk([start, *row, end, *padding])


def _ids(reader: Reader, text: str) -> list[int]:
    found: list[int] = reader.tokenizer(text, add_special_tokens=False, truncation=False).input_ids
    return found


@torch.inference_mode()
def _encoded(reader: Reader, found: Sequence[Chunk], most: int) -> tuple[Tensor, Tensor]:
    empty = _whole(reader, [])
    padded = [*found, *[empty] * (most - len(found))]
    states, pooled = _states(reader, padded)
    weights = torch.tensor(
        [[token.weight for token in chunk.tokens] for chunk in padded], device=states.device
    )[..., None]
    if bool((weights != 1).any()):
        base, _pooled = _states(reader, [empty])
        states = torch.where(weights == 1, states, base + (states - base) * weights.to(states))
    return states.reshape(1, -1, states.shape[-1]), pooled[:1]


def _states(reader: Reader, found: Sequence[Chunk]) -> tuple[Tensor, Tensor]:
    """`(n, 77, c)`, and what the encoder makes of each chunk as a whole."""
    encoder = reader.encoder
    ids = torch.tensor(
        [[token.id for token in chunk.tokens] for chunk in found], device=encoder.device
    )
    vectors = {
        (row, place): token.vector
        for row, chunk in enumerate(found)
        for place, token in enumerate(chunk.tokens)
        if token.vector is not None
    }
    with textual_inversion.placed(encoder, vectors):
        answer = encoder(ids, output_hidden_states=True)
    states = answer.last_hidden_state if reader.layer == LAST else answer.hidden_states[-2]
    return states, answer[0]
