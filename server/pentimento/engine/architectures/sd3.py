"""Stable Diffusion 3 and 3.5: a diffusion transformer with two CLIP encoders and T5, and its
ControlNets, InstantX' and Stability's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusion3Pipeline
from torch import Tensor

from pentimento.engine.architectures.base import (
    Embeddings,
    FamilyAdapter,
    GetPart,
    with_factor,
    with_pooled,
)
from pentimento.engine.conditioning.controlnet import (
    Call,
    Nets,
    Residuals,
    Seen,
    by_share,
    for_all,
    kept,
    move_to_device,
    summed,
)
from pentimento.engine.sampling import latents

NO_POOLED = "force_zeros_for_pooled_projection"  # in a config: one of InstantX'; so is its absence


class SD3Nets(Nets):
    latents = "hidden_states"

    def hint(
        self,
        config: Mapping[str, Any],
        vae: Any,
        picture: np.ndarray,
        hole: Tensor | None = None,
    ) -> Tensor:
        """InstantX' were trained on latents that are scaled but not shifted, those that fill on
        shifted ones."""
        found = latents.encode(vae, picture)
        if hole is not None:
            return torch.cat([found, kept(hole, found)], 1)
        if config.get(NO_POOLED, True):
            shift, spread = latents.normalisation(vae, found.shape[1])
            found = found + shift / spread
        return found

    def added(self, transformer: Any, seen: Sequence[Seen], call: Call, guidance: float) -> Call:
        found = [Residuals(self._read(transformer, one, call), by_share) for one in seen]
        total = summed(found, len(transformer.transformer_blocks))
        return {"block_controlnet_hidden_states": total} if total else {}

    def _read(self, transformer: Any, one: Seen, call: Call) -> Sequence[Tensor]:
        config, sample = one.net.config, call[self.latents]
        pooled, words = call["pooled_projections"], call["encoder_hidden_states"]
        if not config.use_pos_embed:  # Stability's for the 8B model place tokens as the model does
            move_to_device(transformer.pos_embed, sample.device)
        found: Sequence[Tensor] = one.net(
            hidden_states=sample if config.use_pos_embed else transformer.pos_embed(sample),
            timestep=call["timestep"],
            encoder_hidden_states=None if config.joint_attention_dim is None else words,
            pooled_projections=torch.zeros_like(pooled) if config[NO_POOLED] else pooled,
            controlnet_cond=for_all(one.hint, sample),
            conditioning_scale=one.weight,
            return_dict=False,
        )[0]
        return found


class SD3(FamilyAdapter):
    """Steps are spaced evenly down to, but without, 0 as everywhere here; diffusers' own pipeline
    ends them at the smallest trained noise, which spends one of them on next to nothing."""

    nets = SD3Nets()

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
        return with_pooled((positive, pooled), (unwanted, unwanted_pooled) if guided else None)

    def pipeline(self, denoiser: Any, scheduler: Any, factor: int) -> Any:
        return with_factor(_pipe(transformer=denoiser, scheduler=scheduler), factor)

    def lora_host(self, part: GetPart) -> Any:
        names = ("transformer", "text_encoder", "text_encoder_2")
        return _pipe(**{name: part(name) for name in names})


def _pipe(**parts: Any) -> Any:
    absent = ("vae", "text_encoder", "text_encoder_2", "text_encoder_3", "transformer")
    tokenizers = ("tokenizer", "tokenizer_2", "tokenizer_3")
    return StableDiffusion3Pipeline(**(dict.fromkeys((*absent, *tokenizers, "scheduler")) | parts))
