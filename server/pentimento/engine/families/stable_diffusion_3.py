"""Stable Diffusion 3 and 3.5: a diffusion transformer with two CLIP encoders and T5."""

from __future__ import annotations

from typing import Any

from diffusers import StableDiffusion3Pipeline

from pentimento.engine.families.base import Embeddings, Family, GetPart, with_factor
from pentimento.engine.families.stable_diffusion_3_nets import SD3Nets


class SD3(Family):
    """Steps are spaced evenly down to, but without, 0 as everywhere here; diffusers' own pipeline
    ends them at the smallest trained noise, which spends one of them on next to nothing."""

    nets = SD3Nets()
    readers = ("tokenizer_3",)

    def embed(self, part: GetPart, prompt: str, negative: str, guided: bool) -> Embeddings:
        pipe = _pipe(**{name: part(name) for name in (*self.encoders, *self.tokenizers)})
        positive, unwanted, pooled, unwanted_pooled = pipe.encode_prompt(
            prompt,
            None,
            None,
            device=part("text_encoder").device,
            do_classifier_free_guidance=guided,
            negative_prompt=negative,
        )
        found = {"prompt_embeds": positive, "pooled_prompt_embeds": pooled}
        if guided:
            found["negative_prompt_embeds"] = unwanted
            found["negative_pooled_prompt_embeds"] = unwanted_pooled
        return found

    def pipeline(self, denoiser: Any, scheduler: Any, factor: int) -> Any:
        return with_factor(_pipe(transformer=denoiser, scheduler=scheduler), factor)

    def lora_host(self, part: GetPart) -> Any:
        names = ("transformer", "text_encoder", "text_encoder_2")
        return _pipe(**{name: part(name) for name in names})


def _pipe(**parts: Any) -> Any:
    absent = ("vae", "text_encoder", "text_encoder_2", "text_encoder_3", "transformer")
    tokenizers = ("tokenizer", "tokenizer_2", "tokenizer_3")
    return StableDiffusion3Pipeline(**(dict.fromkeys((*absent, *tokenizers, "scheduler")) | parts))
