"""FLUX.2 Klein and dev: latents are patches of 2 x 2, normalised by statistics of their VAE."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from types import SimpleNamespace
from typing import Any

import torch
from diffusers import Flux2KleinPipeline, Flux2Pipeline
from torch import Tensor

from pentimento.engine.architectures.base import (
    Embeddings,
    FamilyAdapter,
    GetPart,
    behind,
    by_prefix,
    with_factor,
)

APART = 10  # moments between two pictures


class Flux2Klein(FamilyAdapter):
    piped: type[Any] = Flux2KleinPipeline

    def embed(self, part: GetPart, prompt: str, negative: str, guided: bool) -> Embeddings:
        wanted = by_prefix(prompt, negative, guided)
        return {f"{prefix}prompt_embeds": self._read(part, words) for prefix, words in wanted}

    def _read(self, part: GetPart, words: str) -> Tensor:
        encoder = part("text_encoder")
        pipe = self._bare(text_encoder=encoder, tokenizer=part("tokenizer"))
        found: Tensor = pipe.encode_prompt(words, device=encoder.device)[0]
        return found

    def _bare(self, **parts: Any) -> Any:
        absent = ("vae", "text_encoder", "tokenizer", "transformer", "scheduler")
        return self.piped(**(dict.fromkeys(absent) | parts))

    def pipeline(self, denoiser: Any, scheduler: Any, factor: int) -> Any:
        """The pipeline asks a VAE for its statistics at the end; what it then returns is not used,
        so neutral ones do. Its own factor is px per latent before the patches are made."""
        pipe = with_factor(self._bare(transformer=denoiser, scheduler=scheduler), factor // 2)
        channels = denoiser.config.in_channels
        pipe.vae = SimpleNamespace(
            bn=SimpleNamespace(
                running_mean=torch.zeros(channels), running_var=torch.ones(channels)
            ),
            config=SimpleNamespace(batch_norm_eps=0.0),
        )
        return pipe

    def lora_host(self, part: GetPart) -> Any:
        return self._bare(transformer=part("transformer"))

    def start(self, latents: Tensor) -> Tensor:
        return latents

    def pack(self, latents: Tensor) -> Tensor:
        return latents.flatten(2).transpose(1, 2)

    def unpack(self, sample: Tensor, height: int, width: int) -> Tensor:
        return sample.transpose(1, 2).unflatten(2, (height, width))

    def shown(self, arguments: dict[str, Any], pictures: Sequence[Tensor]) -> dict[str, Any]:
        return {
            **arguments,
            "hidden_states": behind(arguments["hidden_states"], map(self.pack, pictures)),
            "img_ids": behind(arguments["img_ids"], map(_place, count(1), pictures)),
        }


class Flux2Dev(Flux2Klein):
    """Guidance is an input of the model itself, so there is no negative prompt."""

    piped = Flux2Pipeline

    def embed(self, part: GetPart, prompt: str, negative: str, guided: bool) -> Embeddings:
        return {"prompt_embeds": self._read(part, prompt)}


def _place(number: int, latents: Tensor) -> Tensor:
    """`(1, h * w, 4)`: where the tokens of the picture of this number are: 10 moments after the one
    before it, the noise being at moment 0."""
    height, width = latents.shape[2:]
    moment = torch.tensor([APART * number])
    axes = (moment, torch.arange(height), torch.arange(width), torch.arange(1))
    return torch.cartesian_prod(*axes)[None]
