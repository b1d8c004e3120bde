"""Embeddings (textual inversion) at work: vectors that take the place of tokens in a text encoder.

They are put in by a hook for one call, so that the encoder, its vocabulary and the tokenizer, which
jobs share, stay as they are.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from pentimento.core.errors import JobFailed
from pentimento.engine.loading.sources import file_identity
from pentimento.engine_ipc.messages import EmbeddingFile
from pentimento.models.weights import check
from pentimento.models.weights.header import Damaged
from pentimento.prompts import syntax

STANDS_IN = 0  # the token whose place a vector takes; any but the marks for start and end
Vectors = Mapping[str, Tensor]  # name -> (n, width), of one text encoder
Placed = Mapping[tuple[int, int], Tensor]  # row and place in it -> the vector (width,) put there


@dataclass(frozen=True, slots=True)
class Inserted:
    """`of_encoders` has the vectors for each text encoder of a model, in their order."""

    key: Hashable
    of_encoders: tuple[Vectors, ...]


NOTHING = Inserted((), ())


def read(files: Sequence[EmbeddingFile], prompts: Sequence[str]) -> Inserted:
    """Of the files that can be used those that these prompts name. Raises JobFailed."""
    usable = {file.name: file for file in files if not file.problem}
    names = {
        mention.name
        for prompt in prompts
        for mention in syntax.mentioned_embeddings(prompt, usable)
    }
    if not names:
        return NOTHING
    named = [usable[name] for name in sorted(names)]
    read = [(file.name, _vectors(file)) for file in named]
    encoders = range(len(named[0].tensors))
    return Inserted(
        tuple((file.name, file_identity(file.path)) for file in named),
        tuple({name: vectors[encoder] for name, vectors in read} for encoder in encoders),
    )


@contextmanager
def placed(encoder: Any, vectors: Placed) -> Iterator[None]:
    """What the encoder reads in the block has these vectors at their places."""

    def put_in(_module: Any, _inputs: Any, found: Tensor) -> Tensor:
        changed = found.clone()
        for (row, place), vector in vectors.items():
            changed[row, place] = vector.to(found)
        return changed

    if not vectors:
        yield
        return
    with encoder.get_input_embeddings().register_forward_hook(put_in):
        yield


def _vectors(file: EmbeddingFile) -> list[Tensor]:
    """`(n, width)` for each text encoder."""
    try:
        check.check_file(file.path)
        with safe_open(file.path, "pt") as opened:
            return [_rows(opened.get_tensor(name)) for name in file.tensors]
    except (Damaged, OSError, SafetensorError) as error:
        raise JobFailed(
            "embedding_unusable",
            f"The embedding {file.path.stem} cannot be read.",
            "Get its file anew, or leave its name out of the prompt.",
        ) from error


def _rows(tensor: Tensor) -> Tensor:
    return tensor[None] if tensor.ndim == 1 else tensor
