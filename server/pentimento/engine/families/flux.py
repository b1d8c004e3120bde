"""FLUX.1 (dev, schnell) and Chroma, which is made from schnell: transformers that read T5."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import ChromaPipeline, FluxPipeline
from torch import Tensor
from torch.nn import functional

from pentimento.engine.families.base import (
    Embeddings,
    Family,
    GetPart,
    Patched,
    behind,
    with_factor,
)
from pentimento.engine.families.flux_nets import FluxNets


class Flux(Patched, Family):
    """Guidance is an input of the model itself, so there is no negative prompt."""

    nets = FluxNets()
    readers = ("tokenizer_2",)

    def embed(self, part: GetPart, prompt: str, negative: str, guided: bool) -> Embeddings:
        pipe = _flux(**{name: part(name) for name in (*self.encoders, *self.tokenizers)})
        words, pooled, _ids = pipe.encode_prompt(prompt, None, device=part("text_encoder").device)
        return {"prompt_embeds": words, "pooled_prompt_embeds": pooled}

    def pipeline(self, denoiser: Any, scheduler: Any, factor: int) -> Any:
        return with_factor(_flux(transformer=denoiser, scheduler=scheduler), factor)

    def beside(self, picture: Tensor, hole: Tensor, factor: int) -> Tensor:
        """The pixels of each latent are channels."""
        pixels = functional.pixel_unshuffle(hole, factor)
        return torch.cat([self.pack(picture), self.pack(pixels)], -1)

    def lora_host(self, part: GetPart) -> Any:
        return _flux(transformer=part("transformer"), text_encoder=part("text_encoder"))

    def shown(self, arguments: dict[str, Any], pictures: Sequence[Tensor]) -> dict[str, Any]:
        places = [_place(picture).to(arguments["img_ids"]) for picture in pictures]
        return {
            **arguments,
            "hidden_states": behind(arguments["hidden_states"], map(self.pack, pictures)),
            "img_ids": torch.cat([arguments["img_ids"], *places]),
        }


class Chroma(Patched, Family):
    def embed(self, part: GetPart, prompt: str, negative: str, guided: bool) -> Embeddings:
        encoder = part("text_encoder")
        pipe = _chroma(text_encoder=encoder, tokenizer=part("tokenizer"))
        words, _ids, mask, unwanted, _ids, unwanted_mask = pipe.encode_prompt(
            prompt, negative, device=encoder.device, do_classifier_free_guidance=guided
        )
        found = {"prompt_embeds": words, "prompt_attention_mask": mask}
        if guided:
            found["negative_prompt_embeds"] = unwanted
            found["negative_prompt_attention_mask"] = unwanted_mask
        return found

    def pipeline(self, denoiser: Any, scheduler: Any, factor: int) -> Any:
        return with_factor(_chroma(transformer=denoiser, scheduler=scheduler), factor)

    def lora_host(self, part: GetPart) -> Any:
        return _chroma(transformer=part("transformer"))


def _place(latents: Tensor) -> Tensor:
    """`(h / 2 * w / 2, 3)`: where the tokens of a shown picture are; those of the noise begin with
    0."""
    height, width = latents.shape[2:]
    axes = (torch.tensor([1]), torch.arange(height // 2), torch.arange(width // 2))
    return torch.cartesian_prod(*axes)


def _flux(**parts: Any) -> Any:
    absent = ("vae", "text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2", "transformer")
    return FluxPipeline(**(dict.fromkeys((*absent, "scheduler")) | parts))


def _chroma(**parts: Any) -> Any:
    absent = ("vae", "text_encoder", "tokenizer", "transformer", "scheduler")
    return ChromaPipeline(**(dict.fromkeys(absent) | parts))
