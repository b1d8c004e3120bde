"""Qwen-Image: a transformer that reads Qwen 2.5 VL, with a VAE made for videos; its ControlNets.

For edits Qwen 2.5 VL sees the pictures too, as the pipelines of Qwen-Image-Edit call it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from diffusers import QwenImageEditPipeline, QwenImageEditPlusPipeline, QwenImagePipeline
from torch import Tensor
from transformers import BatchFeature

from pentimento.engine.architectures.base import (
    Embeddings,
    FamilyAdapter,
    GetPart,
    Patched,
    behind,
    by_prefix,
    with_factor,
)
from pentimento.engine.conditioning.controlnet import (
    Call,
    Nets,
    Residuals,
    Seen,
    by_ceiling,
    for_all,
    kept,
    summed,
)
from pentimento.models.tables.architectures import Editing


class QwenImageNets(Nets):
    latents = "hidden_states"
    once = True

    def hint(
        self,
        config: Mapping[str, Any],
        vae: Any,
        picture: np.ndarray,
        hole: Tensor | None = None,
    ) -> Tensor:
        """Tokens `(1, n, c)`."""
        found = super().hint(config, vae, picture)
        if hole is not None:
            found = torch.cat([found, kept(hole, found)], 1)
        return Patched().pack(found)

    def added(self, transformer: Any, seen: Sequence[Seen], call: Call, guidance: float) -> Call:
        found = [Residuals(self._read(one, call), by_ceiling) for one in seen]
        return {"controlnet_block_samples": summed(found, len(transformer.transformer_blocks))}

    def _read(self, one: Seen, call: Call) -> Sequence[Tensor]:
        sample = call[self.latents]
        found: Sequence[Tensor] = one.net(
            hidden_states=sample,
            controlnet_cond=for_all(one.hint, sample),
            conditioning_scale=one.weight,
            encoder_hidden_states=call["encoder_hidden_states"],
            encoder_hidden_states_mask=call["encoder_hidden_states_mask"],
            timestep=call["timestep"],
            img_shapes=call["img_shapes"],
            return_dict=False,
        )
        return found


LONGEST = 512  # tokens of a prompt that are read
PARTS = ("vae", "text_encoder", "tokenizer", "transformer", "scheduler")
EDITORS: dict[str, Any] = {
    "qwen-edit": QwenImageEditPipeline,
    "qwen-edit-plus": QwenImageEditPlusPipeline,
}


class QwenImage(Patched, FamilyAdapter):
    nets = QwenImageNets()

    def embed(self, part: GetPart, prompt: str, negative: str, guided: bool) -> Embeddings:
        encoder = part("text_encoder")
        pipe = _pipe(text_encoder=encoder, tokenizer=part("tokenizer"))
        found: Embeddings = {}
        for prefix, words in by_prefix(prompt, negative, guided):
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
        for prefix, words in by_prefix(prompt, negative, guided):
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


PICTURE = "<|image_pad|>"  # stands for a token of a picture


class Processor:
    """What transformers' own processor does with words and pictures; that one cannot be made
    without torchvision, which its part for videos needs."""

    def __init__(self, tokenizer: Any, eyes: Any) -> None:
        self._tokenizer, self._eyes = tokenizer, eyes

    def __call__(
        self, text: Sequence[str], images: Sequence[np.ndarray], **options: Any
    ) -> BatchFeature:
        """`images` are `(h, w, 3)` u8, in the order of their places in the one text."""
        seen = self._eyes(images=list(images), return_tensors="pt")
        first, *parts = text[0].split(PICTURE)
        counts = seen["image_grid_thw"].prod(1) // self._eyes.merge_size**2
        words = first + "".join(
            PICTURE * int(count) + part for count, part in zip(counts, parts, strict=True)
        )
        return BatchFeature({**self._tokenizer([words], **options), **seen})


class Seeing:
    """The encoder, told which tokens are of pictures. Without that, transformers 5 does not lay
    them out in two dimensions, as the model was trained (transformers 4 found out by itself)."""

    def __init__(self, encoder: Any) -> None:
        self._encoder = encoder
        self.dtype = encoder.dtype

    def __call__(self, input_ids: torch.Tensor, **options: Any) -> Any:
        of_pictures = input_ids == self._encoder.config.image_token_id
        return self._encoder(
            input_ids=input_ids, mm_token_type_ids=of_pictures.int(), logits_to_keep=1, **options
        )
