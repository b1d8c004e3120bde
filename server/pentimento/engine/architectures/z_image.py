"""Z-Image: a transformer that reads the hidden states of a Qwen 3 language model.

Its ControlNets work with parts of the transformer that they steer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from diffusers import ZImageControlNetModel, ZImagePipeline
from torch import Tensor
from torch.nn import functional

from pentimento.engine.architectures.base import Embeddings, FamilyAdapter, GetPart, with_factor
from pentimento.engine.conditioning.controlnet import Call, Nets, Seen, kept, move_to_device

SMALL = ("t_embedder", "all_x_embedder", "cap_embedder", "x_pad_token", "cap_pad_token")
SHARED = (*SMALL, "noise_refiner", "context_refiner", "rope_embedder", "t_scale")


class ZImageNets(Nets):
    latents = "x"
    positional = ("x", "t", "cap_feats")

    def hint(
        self,
        config: Mapping[str, Any],
        vae: Any,
        picture: np.ndarray,
        hole: Tensor | None = None,
    ) -> Tensor:
        """Latents of one frame `(1, c, 1, h, w)`. Later nets have room for a picture to fill and
        its mask; without them zeros are there."""
        found = super().hint(config, vae, picture)
        if hole is not None:  # no map, only what is around
            return torch.cat([torch.zeros_like(found), kept(hole, found), found], 1).unsqueeze(2)
        empty = int(config["control_in_dim"]) - found.shape[1]
        return functional.pad(found, (0, 0, 0, 0, 0, empty)).unsqueeze(2)

    def added(self, transformer: Any, seen: Sequence[Seen], call: Call, guidance: float) -> Call:
        total: dict[int, Tensor] = {}
        device = call["x"][0].device
        for name in SMALL:
            move_to_device(getattr(transformer, name), device)
        for one in seen:
            for layer, found in self._read(one, call).items():
                total[layer] = total[layer] + found if layer in total else found
        return {"controlnet_block_samples": total}

    def _read(self, one: Seen, call: Call) -> dict[int, Tensor]:
        pictures = call["x"]
        hint = one.hint.to(pictures[0])
        found: dict[int, Tensor] = one.net(
            pictures, call["t"], call["cap_feats"], [hint[0]] * len(pictures), one.weight
        )
        return found

    @contextmanager
    def bound(self, net: Any, transformer: Any) -> Iterator[None]:
        """Only for the time of a picture: what is the transformer's is not to be counted, moved or
        kept with the net."""
        ZImageControlNetModel.from_transformer(net, transformer)
        try:
            yield
        finally:
            for name in SHARED:
                setattr(net, name, None)


class ZImage(FamilyAdapter):
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
