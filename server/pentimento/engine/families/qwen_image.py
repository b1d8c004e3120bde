"""Qwen-Image: a transformer that reads Qwen 2.5 VL, with a VAE made for videos."""

from __future__ import annotations

from typing import Any

from diffusers import QwenImagePipeline

from pentimento.engine.families.base import Embeddings, Family, GetPart, Patched, with_factor
from pentimento.engine.families.qwen_image_nets import QwenImageNets


class QwenImage(Patched, Family):
    nets = QwenImageNets()

    def embed(self, part: GetPart, prompt: str, negative: str, guided: bool) -> Embeddings:
        encoder = part("text_encoder")
        pipe = _pipe(text_encoder=encoder, tokenizer=part("tokenizer"))
        found: Embeddings = {}
        wanted = {"": prompt, "negative_": negative} if guided else {"": prompt}
        for prefix, words in wanted.items():
            embedded, mask = pipe.encode_prompt(words, device=encoder.device)
            found[f"{prefix}prompt_embeds"] = embedded
            if mask is not None:
                found[f"{prefix}prompt_embeds_mask"] = mask
        return found

    def pipeline(self, denoiser: Any, scheduler: Any, factor: int) -> Any:
        return with_factor(_pipe(transformer=denoiser, scheduler=scheduler), factor)

    def lora_host(self, part: GetPart) -> Any:
        return _pipe(transformer=part("transformer"))

    def arguments(self, embeddings: Embeddings, guidance: float) -> dict[str, Any]:
        return {**embeddings, "true_cfg_scale": guidance}


def _pipe(**parts: Any) -> Any:
    absent = ("vae", "text_encoder", "tokenizer", "transformer", "scheduler")
    return QwenImagePipeline(**(dict.fromkeys(absent) | parts))
