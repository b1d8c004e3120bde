"""Weighted and long prompts for CLIP's text encoders, which read 75 tokens at a time.

A long prompt is read in chunks whose embeddings follow one another, as the UNet's attention takes
any number of them. A token that counts `w` times as much is moved away from what an empty prompt
has in its place: `e + w (z - e)`, which is ComfyUI's way to weigh; 1 leaves it as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pentimento.engine.families.base import Embeddings
from pentimento.prompting.weights import Piece, parse

LAST, LAST_BUT_ONE = -1, -2  # the layer whose states are the embeddings
ENDS = 2  # the tokens for start and end


@dataclass(frozen=True, slots=True)
class Reader:
    encoder: Any
    tokenizer: Any
    layer: int

    @property
    def room(self) -> int:
        """Tokens of a chunk."""
        return int(self.tokenizer.model_max_length) - ENDS


@dataclass(frozen=True, slots=True)
class Chunk:
    """Tokens as they are read, start, end and padding included, and how much each counts."""

    ids: list[int]
    weights: list[float]


@dataclass(frozen=True, slots=True)
class Read:
    """`words` `(1, 77 n, c)`; `pooled` `(1, c)` of the last reader's first chunk."""

    words: Tensor
    pooled: Tensor


def plain(readers: Sequence[Reader], prompts: Sequence[str]) -> bool:
    """Whether they are one chunk each with nothing weighed: then the pipeline itself reads them."""
    return all(
        parse(prompt) == [Piece(prompt)]
        and all(len(_ids(reader, prompt)) <= reader.room for reader in readers)
        for prompt in prompts
    )


def read(readers: Sequence[Reader], prompts: Sequence[str]) -> list[Read]:
    """All prompts with the same number of chunks, padded with empty ones."""
    laid_out = [[chunks(reader, parse(prompt)) for prompt in prompts] for reader in readers]
    most = max(len(found) for of_reader in laid_out for found in of_reader)
    made = []
    for number in range(len(prompts)):
        parts = [
            _encoded(reader, of_reader[number], most)
            for reader, of_reader in zip(readers, laid_out, strict=True)
        ]
        words = torch.cat([words for words, _pooled in parts], dim=-1)
        made.append(Read(words, parts[-1][1]))
    return made


def named(found: Sequence[Read], *, pooled: bool = False) -> Embeddings:
    """As a pipeline's call takes them; the second one is the negative prompt's."""
    told: Embeddings = {}
    for name, one in zip(("", "negative_"), found, strict=False):
        told[f"{name}prompt_embeds"] = one.words
        if pooled:
            told[f"{name}pooled_prompt_embeds"] = one.pooled
    return told


def chunks(reader: Reader, pieces: Sequence[Piece]) -> list[Chunk]:
    """At least one; a BREAK ends one early."""
    rows: list[list[tuple[int, float]]] = [[]]
    for piece in pieces:
        if not piece.text and len(pieces) > 1:
            rows.append([])
            continue
        for token in _ids(reader, piece.text):
            if len(rows[-1]) == reader.room:
                rows.append([])
            rows[-1].append((token, piece.weight))
    return [_whole(reader, row) for row in rows]


def _whole(reader: Reader, row: Sequence[tuple[int, float]]) -> Chunk:
    tokenizer = reader.tokenizer
    rest = reader.room - len(row)
    ids = [tokenizer.bos_token_id, *(token for token, _ in row), tokenizer.eos_token_id]
    weights = [1.0, *(weight for _, weight in row), 1.0]
    return Chunk(ids + [tokenizer.pad_token_id] * rest, weights + [1.0] * rest)


def _ids(reader: Reader, text: str) -> list[int]:
    found: list[int] = reader.tokenizer(text, add_special_tokens=False, truncation=False).input_ids
    return found


@torch.inference_mode()
def _encoded(reader: Reader, found: Sequence[Chunk], most: int) -> tuple[Tensor, Tensor]:
    empty = _whole(reader, [])
    padded = [*found, *[empty] * (most - len(found))]
    states, pooled = _states(reader, padded)
    weights = torch.tensor([chunk.weights for chunk in padded], device=states.device)[..., None]
    if bool((weights != 1).any()):
        base, _pooled = _states(reader, [empty])
        states = torch.where(weights == 1, states, base + (states - base) * weights.to(states))
    return states.reshape(1, -1, states.shape[-1]), pooled[:1]


def _states(reader: Reader, found: Sequence[Chunk]) -> tuple[Tensor, Tensor]:
    """`(n, 77, c)`, and what the encoder makes of each chunk as a whole."""
    encoder = reader.encoder
    ids = torch.tensor([chunk.ids for chunk in found], device=encoder.device)
    answer = encoder(ids, output_hidden_states=True)
    states = answer.last_hidden_state if reader.layer == LAST else answer.hidden_states[-2]
    return states, answer[0]
