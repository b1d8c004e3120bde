"""Qwen-Image: a transformer that reads Qwen 2.5 VL, with a VAE made for videos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from diffusers import QwenImageEditPipeline, QwenImageEditPlusPipeline, QwenImagePipeline
from torch import Tensor

from pentimento.engine.families.base import (
    Embeddings,
    Family,
    GetPart,
    Patched,
    behind,
    with_factor,
)
from pentimento.engine.families.qwen_image_nets import QwenImageNets
from pentimento.engine.families.qwen_seeing import PICTURE, Processor, Seeing
from pentimento.models.families import Editing

LONGEST = 512  # tokens of a prompt that are read
PARTS = ("vae", "text_encoder", "tokenizer", "transformer", "scheduler")
EDITORS: dict[str, Any] = {
    "qwen-edit": QwenImageEditPipeline,
    "qwen-edit-plus": QwenImageEditPlusPipeline,
}


class QwenImage(Patched, Family):
    nets = QwenImageNets()

    def embed(self, part: GetPart, prompt: str, negative: str, guided: bool) -> Embeddings:
        encoder = part("text_encoder")
        pipe = _pipe(text_encoder=encoder, tokenizer=part("tokenizer"))
        found: Embeddings = {}
        wanted = {"": prompt, "negative_": negative} if guided else {"": prompt}
        for prefix, words in wanted.items():
            embedded, mask = pipe.encode_prompt(
                words, device=encoder.device, max_sequence_length=LONGEST
            )
            found[f"{prefix}prompt_embeds"] = embedded
            if mask is not None:
                found[f"{prefix}prompt_embeds_mask"] = mask
        return found

    def embed_seen(
        self,
        part: GetPart,
        prompt: str,
        negative: str,
        guided: bool,
        pictures: Sequence[np.ndarray],
        editing: Editing,
    ) -> Embeddings:
        encoder = part("text_encoder")
        pipe = EDITORS[editing.name](**dict.fromkeys((*PARTS, "processor")))
        pipe.processor = Processor(part("tokenizer"), part("processor"))
        pipe.text_encoder = Seeing(encoder)
        found: Embeddings = {}
        wanted = {"": prompt, "negative_": negative} if guided else {"": prompt}
        for prefix, words in wanted.items():
            said = words.replace(PICTURE, "")
            found[f"{prefix}prompt_embeds"], _ = pipe.encode_prompt(
                said, image=list(pictures), device=encoder.device
            )
        return found

    def shown(self, arguments: dict[str, Any], pictures: Sequence[Tensor]) -> dict[str, Any]:
        sizes = [(1, one.shape[2] // 2, one.shape[3] // 2) for one in pictures]
        return {
            **arguments,
            "hidden_states": behind(arguments["hidden_states"], map(self.pack, pictures)),
            "img_shapes": [[*shapes, *sizes] for shapes in arguments["img_shapes"]],
        }

    def pipeline(self, denoiser: Any, scheduler: Any, factor: int) -> Any:
        parts = dict.fromkeys(PARTS) | {"transformer": denoiser, "scheduler": scheduler}
        return with_factor(_AsEmbedded(**parts), factor)

    def lora_host(self, part: GetPart) -> Any:
        return _pipe(transformer=part("transformer"))

    def arguments(self, embeddings: Embeddings, guidance: float) -> dict[str, Any]:
        return {**embeddings, "true_cfg_scale": guidance}


class _AsEmbedded(QwenImagePipeline):
    """Takes embeddings whole: with pictures in them they are longer than it would cut them to."""

    def encode_prompt(
        self, prompt_embeds: Tensor, prompt_embeds_mask: Tensor | None = None, **_: Any
    ) -> tuple[Tensor, Tensor | None]:
        return prompt_embeds, prompt_embeds_mask


def _pipe(**parts: Any) -> Any:
    return QwenImagePipeline(**(dict.fromkeys(PARTS) | parts))
