"""Stable Diffusion 1.x and 2.x, and SDXL: UNets with CLIP text encoders."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    StableDiffusionControlNetPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLControlNetPipeline,
    StableDiffusionXLPipeline,
)
from torch import Tensor

from pentimento.core.geometry import Size
from pentimento.engine.architectures.base import (
    Embeddings,
    FamilyAdapter,
    GetPart,
    with_factor,
    with_pooled,
)
from pentimento.engine.conditioning import prompt_weighting
from pentimento.engine.conditioning.prompt_weighting import Reader
from pentimento.engine.conditioning.textual_inversion import NOTHING, Inserted


class Clip(FamilyAdapter):
    """Families with a UNet that read their prompts with CLIP alone."""

    layer: int

    def beside(self, picture: Tensor, hole: Tensor, factor: int) -> Tensor:
        """A latent counts as its upper left pixel, as in the models' training."""
        return torch.cat([hole[..., ::factor, ::factor], picture], 1)

    def embed(self, part: GetPart, prompt: str, negative: str, guided: bool) -> Embeddings:
        return self.embed_with(part, prompt, negative, guided, NOTHING)

    def _readers(self, part: GetPart, inserted: Inserted) -> list[Reader]:
        vectors = inserted.of_encoders or ({},) * len(self.encoders)
        return [
            Reader(part(encoder), part(tokenizer), self.layer, of_encoder)
            for encoder, tokenizer, of_encoder in zip(
                self.encoders, self.tokenizers, vectors, strict=True
            )
        ]


class SD15(Clip):
    layer = prompt_weighting.LAST

    def embed_with(
        self, part: GetPart, prompt: str, negative: str, guided: bool, inserted: Inserted
    ) -> Embeddings:
        encoder = part("text_encoder")
        readers = self._readers(part, inserted)
        prompts = [prompt, negative] if guided else [prompt]
        if not prompt_weighting.plain(readers, prompts):
            return prompt_weighting.named(prompt_weighting.read(readers, prompts))
        pipe = _sd(text_encoder=encoder, tokenizer=part("tokenizer"))
        positive, unwanted = pipe.encode_prompt(prompt, encoder.device, 1, guided, negative)
        found = {"prompt_embeds": positive}
        return found | ({"negative_prompt_embeds": unwanted} if guided else {})

    def pipeline(self, denoiser: Any, scheduler: Any, factor: int) -> Any:
        return with_factor(_sd(unet=denoiser, scheduler=scheduler), factor)

    def controlled(self, denoiser: Any, scheduler: Any, factor: int, nets: list[Any]) -> Any:
        parts = {"unet": denoiser, "scheduler": scheduler, "controlnet": nets}
        return with_factor(_sd(StableDiffusionControlNetPipeline, **parts), factor)

    def lora_host(self, part: GetPart) -> Any:
        return _sd(unet=part("unet"), text_encoder=part("text_encoder"))


class SDXL(Clip):
    layer = prompt_weighting.LAST_BUT_ONE

    def embed_with(
        self, part: GetPart, prompt: str, negative: str, guided: bool, inserted: Inserted
    ) -> Embeddings:
        """An empty negative prompt is encoded as words, not as zeros (`None` would be zeros)."""
        names = (*self.encoders, *self.tokenizers)
        readers = self._readers(part, inserted)
        prompts = [prompt, negative] if guided else [prompt]
        if not prompt_weighting.plain(readers, prompts):
            return prompt_weighting.named(prompt_weighting.read(readers, prompts), pooled=True)
        pipe = _sdxl(**{name: part(name) for name in names})
        positive, unwanted, pooled, unwanted_pooled = pipe.encode_prompt(
            prompt,
            device=part("text_encoder").device,
            do_classifier_free_guidance=guided,
            negative_prompt=negative,
        )
        return with_pooled((positive, pooled), (unwanted, unwanted_pooled) if guided else None)

    def pipeline(self, denoiser: Any, scheduler: Any, factor: int) -> Any:
        return with_factor(_sdxl(unet=denoiser, scheduler=scheduler), factor)

    def controlled(self, denoiser: Any, scheduler: Any, factor: int, nets: list[Any]) -> Any:
        parts = {"unet": denoiser, "scheduler": scheduler, "controlnet": nets}
        return with_factor(_sdxl(StableDiffusionXLControlNetPipeline, **parts), factor)

    def sees(self, size: Size) -> dict[str, Any]:
        """It was trained to know how large its picture is: a tile is one of its own."""
        sides = (size.height, size.width)
        return {"original_size": sides, "target_size": sides}

    def lora_host(self, part: GetPart) -> Any:
        return _sdxl(**{name: part(name) for name in ("unet", *self.encoders)})


def _sd(kind: Any = StableDiffusionPipeline, **parts: Any) -> Any:
    absent = ("vae", "text_encoder", "tokenizer", "unet", "scheduler", "safety_checker")
    return kind(
        **(dict.fromkeys(absent) | parts), feature_extractor=None, requires_safety_checker=False
    )


def _sdxl(kind: Any = StableDiffusionXLPipeline, **parts: Any) -> Any:
    absent = ("vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "unet")
    return kind(**(dict.fromkeys((*absent, "scheduler")) | parts), add_watermarker=False)
