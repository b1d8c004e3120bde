"""What a family adapter has to offer. Adding a family is one such class and a row in the table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from torch import Tensor

Embeddings = dict[str, Tensor]  # named as the pipeline's call takes them
GetPart = Callable[[str], Any]  # a component by its name in model_index.json


class Family(Protocol):
    name: str
    encoders: tuple[str, ...]  # modules that read the prompt
    tokenizers: tuple[str, ...]
    denoiser: str

    def embed(self, part: GetPart, prompt: str, negative: str, guided: bool) -> Embeddings:
        """Embeddings of both prompts; without guidance the negative one is not computed."""
        ...

    def pipeline(self, denoiser: Any, scheduler: Any, factor: int) -> Any:
        """A diffusers pipeline for embeddings and latents only; `factor` is px per latent."""
        ...
