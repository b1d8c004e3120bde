"""LongCat-Image: FLUX.1's blocks, which read Qwen 2.5 VL; for edits that sees the picture too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from diffusers import LongCatImageEditPipeline, LongCatImagePipeline
from diffusers.pipelines.longcat_image.pipeline_longcat_image import prepare_pos_ids
from torch import Tensor

from pentimento.engine.architectures.base import Embeddings, GetPart, behind, by_prefix
from pentimento.engine.architectures.piped import PATCHES, Piped, PipelineRow
from pentimento.models.tables.architectures import Editing

PICTURE = "<|image_pad|>"  # stands for a token of a picture
SHOWN = 2  # the kind of tokens that a picture's are; 0 words, 1 noise


class _LongCat(LongCatImagePipeline):
    """Takes embeddings without the words that they were made of. Places of pictures begin behind
    the last word, and with a picture among the words there are more of those."""

    def encode_prompt(
        self,
        prompt: Any = None,
        num_images_per_prompt: int = 1,
        prompt_embeds: Tensor | None = None,
        device: Any = None,
    ) -> Any:
        if prompt_embeds is None:
            encoder: Any = super()
            return encoder.encode_prompt(prompt)
        self.tokenizer_max_length = prompt_embeds.shape[1]
        places = prepare_pos_ids(num_token=prompt_embeds.shape[1])
        return prompt_embeds, places.to(prompt_embeds.device)


LONGEST = 512  # tokens of a prompt, which is padded to as many; a picture comes on top
PARTS = ("vae", "text_encoder", "tokenizer", "transformer", "scheduler")
FORM = PipelineRow(
    _LongCat,
    absent=(*PARTS, "text_processor"),
    patched=True,
    options={"enable_prompt_rewrite": False},
)


class _Eyes:
    """What its pipeline for edits asks of a processor."""

    def __init__(self, image_processor: Any) -> None:
        self.image_processor = image_processor


class LongCatImage(Piped):
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
        parts = {"tokenizer": part("tokenizer"), "text_encoder": encoder}
        eyes = _Eyes(part("text_processor"))
        pipe: Any = LongCatImageEditPipeline(**(dict.fromkeys(PARTS) | parts), text_processor=eyes)

        def tell(_: Any, positional: Any, named: dict[str, Any]) -> Any:
            """Which tokens are of pictures; without that, transformers 5 does not lay them out in
            two dimensions. Of what the encoder would write nothing is needed."""
            of_pictures = named["input_ids"] == encoder.config.image_token_id
            return positional, {
                **named,
                "mm_token_type_ids": of_pictures.int(),
                "logits_to_keep": 1,
            }

        found: Embeddings = {}
        with encoder.register_forward_pre_hook(tell, with_kwargs=True):
            for prefix, words in by_prefix(prompt, negative, guided):
                said = words.replace(PICTURE, "")
                found[f"{prefix}prompt_embeds"], _ = pipe.encode_prompt(said, image=pictures[0])
        return found

    def arguments(self, embeddings: Embeddings, guidance: float) -> dict[str, Any]:
        """Its pipeline for edits does not weaken strong guidance, as the other one does."""
        edits = embeddings["prompt_embeds"].shape[1] > LONGEST
        return super().arguments(embeddings, guidance) | {"enable_cfg_renorm": not edits}

    def shown(self, arguments: dict[str, Any], pictures: Sequence[Tensor]) -> dict[str, Any]:
        begin = arguments["encoder_hidden_states"].shape[1]
        places = [
            prepare_pos_ids(
                modality_id=SHOWN,
                type="image",
                start=(begin, begin),
                height=one.shape[2] // 2,
                width=one.shape[3] // 2,
            ).to(arguments["img_ids"])
            for one in pictures
        ]
        return {
            **arguments,
            "hidden_states": behind(arguments["hidden_states"], map(PATCHES.pack, pictures)),
            "img_ids": torch.cat([arguments["img_ids"], *places]),
        }
