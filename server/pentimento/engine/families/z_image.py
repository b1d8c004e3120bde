"""Z-Image: a transformer that reads the hidden states of a Qwen 3 language model."""

from __future__ import annotations

from typing import Any

from diffusers import ZImagePipeline

from pentimento.engine.families.base import Embeddings, Family, GetPart, with_factor
from pentimento.engine.families.z_image_nets import ZImageNets


class ZImage(Family):
    nets = ZImageNets()

    def embed(self, part: GetPart, prompt: str, negative: str, guided: bool) -> Embeddings:
        encoder = part("text_encoder")
        pipe = _pipe(text_encoder=encoder, tokenizer=part("tokenizer"))
        positive, unwanted = pipe.encode_prompt(prompt, encoder.device, guided, negative)
        found = {"prompt_embeds": positive[0]}
        return found | ({"negative_prompt_embeds": unwanted[0]} if guided else {})

    def pipeline(self, denoiser: Any, scheduler: Any, factor: int) -> Any:
        return with_factor(_pipe(transformer=denoiser, scheduler=scheduler), factor)

    def lora_host(self, part: GetPart) -> Any:
        return _pipe(transformer=part("transformer"))

    def arguments(self, embeddings: Embeddings, guidance: float) -> dict[str, Any]:
        """Lists, one entry a picture, as prompts are not padded. The pipeline guides from 0 on,
        everyone else from 1 on."""
        found: dict[str, Any] = {name: [words] for name, words in embeddings.items()}
        return found | {"guidance_scale": guidance if guidance > 1 else 0.0}


def _pipe(**parts: Any) -> Any:
    absent = ("vae", "text_encoder", "tokenizer", "transformer", "scheduler")
    return ZImagePipeline(**(dict.fromkeys(absent) | parts))
