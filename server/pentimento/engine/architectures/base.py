"""What a family adapter does. Adding a family is one such class and a row
in models/tables/architectures.py."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pentimento.core.geometry import Size
from pentimento.engine.conditioning.controlnet import Nets
from pentimento.engine.conditioning.textual_inversion import Inserted
from pentimento.models.tables.architectures import Editing, Family

Embeddings = dict[str, Tensor]  # of the prompts; `arguments` makes a pipeline's call of them
GetPart = Callable[[str], Any]  # a component by its name in model_index.json


class FamilyAdapter(ABC):
    nets: Nets | None = None  # how ControlNets steer its transformers, where there are such

    def __init__(self, row: Family) -> None:
        self.name = row.name
        self.encoders, self.tokenizers = row.encoders, row.tokenizers
        self.readers = row.readers or row.tokenizers  # whose limit is the prompt's
        self.reads_all = row.reads_in_chunks
        self.denoiser = row.denoiser
        self.shift = row.shift
        self.flow = row.flow
        self.parts = (self.denoiser, "vae", *self.encoders)  # that have weights

    @abstractmethod
    def embed(self, part: GetPart, prompt: str, negative: str, guided: bool) -> Embeddings:
        """Embeddings of both prompts; without guidance the negative one is not computed."""

    def embed_with(
        self, part: GetPart, prompt: str, negative: str, guided: bool, inserted: Inserted
    ) -> Embeddings:
        """The same with vectors that stand for words; only for families that read with CLIP alone,
        there never are any for others."""
        return self.embed(part, prompt, negative, guided)

    def embed_seen(
        self,
        part: GetPart,
        prompt: str,
        negative: str,
        guided: bool,
        pictures: Sequence[np.ndarray],
        editing: Editing,
    ) -> Embeddings:
        """As `embed`, of an instruction about pictures `(h, w, 3)` u8 that the text encoder sees;
        only for pipelines whose row says so."""
        raise NotImplementedError

    @abstractmethod
    def pipeline(self, denoiser: Any, scheduler: Any, factor: int) -> Any:
        """A diffusers pipeline for embeddings and latents only; `factor` is px per latent."""

    def controlled(self, denoiser: Any, scheduler: Any, factor: int, nets: list[Any]) -> Any:
        """The same with ControlNets; only for families whose row says they take them."""
        raise NotImplementedError

    def beside(self, picture: Tensor, hole: Tensor, factor: int) -> Tensor:
        """What a model that was trained to fill holes sees besides the latents of each step, with
        as many axes as these: `picture` are latents `(1, c, h, w)`, `hole` is `(1, 1, H, W)` in
        px, 1 where the picture has none. Only for families whose row has `inpainting`."""
        raise NotImplementedError

    @abstractmethod
    def lora_host(self, part: GetPart) -> Any:
        """A pipeline of the parts that LoRAs change."""

    def arguments(self, embeddings: Embeddings, guidance: float) -> dict[str, Any]:
        """Prompts and guidance as the pipeline's call takes them."""
        return {**embeddings, "guidance_scale": guidance}

    def sees(self, size: Size) -> dict[str, Any]:
        """What its pipeline's call takes besides where the denoiser sees `size` px of a larger
        picture."""
        return {}

    def start(self, latents: Tensor) -> Tensor:
        """Latents `(1, c, h, w)` as the pipeline's call takes them."""
        return self.pack(latents)

    def pack(self, latents: Tensor) -> Tensor:
        """Latents `(1, c, h, w)` as the pipeline's steps have them."""
        return latents

    def unpack(self, sample: Tensor, height: int, width: int) -> Tensor:
        """The opposite; `height` and `width` in latents."""
        return sample

    def shown(self, arguments: dict[str, Any], pictures: Sequence[Tensor]) -> dict[str, Any]:
        """The denoiser's arguments with tokens of pictures, latents `(1, c, h, w)`, behind those of
        the noise; only for families with pipelines that edit."""
        raise NotImplementedError


def by_prefix(prompt: str, negative: str, guided: bool) -> Iterator[tuple[str, str]]:
    """What is to be read, each with what its arguments begin with in a pipeline's call."""
    yield "", prompt
    if guided:
        yield "negative_", negative


def behind(tokens: Tensor, more: Iterable[Tensor]) -> Tensor:
    """All of `(1, n, c)` in a row, on the device and in the type of the first."""
    return torch.cat([tokens, *(one.to(tokens) for one in more)], dim=1)


class Patched:
    """For families whose steps have tokens of 2 x 2 latents, `(1, h / 2 * w / 2, 4 c)`."""

    def pack(self, latents: Tensor) -> Tensor:
        n, c, h, w = latents.shape
        patches = latents.view(n, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 1, 3, 5)
        return patches.reshape(n, (h // 2) * (w // 2), 4 * c)

    def unpack(self, sample: Tensor, height: int, width: int) -> Tensor:
        n, _, channels = sample.shape
        patches = sample.view(n, height // 2, width // 2, channels // 4, 2, 2)
        return patches.permute(0, 3, 1, 4, 2, 5).reshape(n, channels // 4, height, width)


def with_pooled(
    positive: tuple[Tensor, Tensor], negative: tuple[Tensor, Tensor] | None
) -> Embeddings:
    """Of encoders that give a vector for the whole prompt besides one for each token: `(words,
    pooled)` of the prompt and, with guidance, of the negative one."""
    found = {"prompt_embeds": positive[0], "pooled_prompt_embeds": positive[1]}
    if negative:
        found["negative_prompt_embeds"], found["negative_pooled_prompt_embeds"] = negative
    return found


def with_factor(pipe: Any, factor: int) -> Any:
    """The pipeline learns it from a VAE, which it does not get: it only sees latents."""
    pipe.vae_scale_factor = factor
    pipe.set_progress_bar_config(disable=True)
    return pipe
