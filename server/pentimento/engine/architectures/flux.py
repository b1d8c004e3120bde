"""FLUX.1 (dev, schnell) and Chroma, which is made from schnell: transformers that read T5.

Their ControlNets are of one kind, of several (union), or XLabs', which read pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from diffusers import ChromaPipeline, FluxPipeline
from torch import Tensor
from torch.nn import functional

from pentimento.engine.architectures.base import (
    Embeddings,
    FamilyAdapter,
    GetPart,
    Patched,
    behind,
    with_factor,
)
from pentimento.engine.conditioning.controlnet import (
    Call,
    Nets,
    Residuals,
    Seen,
    by_ceiling,
    for_all,
    in_turn,
    summed,
)
from pentimento.models.tables.control_types import modes_of


def reads_pixels(config: Mapping[str, Any]) -> bool:
    return config.get("conditioning_embedding_channels") is not None


class FluxNets(Nets):
    latents = "hidden_states"

    def hint(
        self,
        config: Mapping[str, Any],
        vae: Any,
        picture: np.ndarray,
        hole: Tensor | None = None,
    ) -> Tensor:
        """Tokens `(1, n, c)`, or for XLabs' nets pixels `(1, 3, h, w)` -1..1."""
        if reads_pixels(config):
            pixels = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))
            return pixels[None] * 2 - 1
        return Patched().pack(super().hint(config, vae, picture))

    def added(self, transformer: Any, seen: Sequence[Seen], call: Call, guidance: float) -> Call:
        double, single = [], []
        for one in seen:
            ones, others = self._read(one, call, guidance)
            place = in_turn if reads_pixels(one.net.config) else by_ceiling
            double.append(Residuals(ones or (), place))
            single.append(Residuals(others or (), by_ceiling))
        return {
            "controlnet_block_samples": summed(double, len(transformer.transformer_blocks)),
            "controlnet_single_block_samples": summed(
                single, len(transformer.single_transformer_blocks)
            ),
        }

    def _read(
        self, one: Seen, call: Call, guidance: float
    ) -> tuple[Sequence[Tensor] | None, Sequence[Tensor] | None]:
        sample, config = call[self.latents], one.net.config
        modes = modes_of({**config, "_class_name": type(one.net).__name__})
        mode = torch.full((len(sample), 1), modes[one.kind]) if modes else None
        guided = torch.full((len(sample),), guidance) if config.guidance_embeds else None
        found: tuple[Sequence[Tensor] | None, Sequence[Tensor] | None] = one.net(
            hidden_states=sample,
            controlnet_cond=for_all(one.hint, sample),
            controlnet_mode=None if mode is None else mode.to(sample.device),
            conditioning_scale=one.weight,
            encoder_hidden_states=call["encoder_hidden_states"],
            pooled_projections=call["pooled_projections"],
            timestep=call["timestep"],
            img_ids=call["img_ids"],
            txt_ids=call["txt_ids"],
            guidance=None if guided is None else guided.to(sample.device),
            return_dict=False,
        )
        return found


class Flux(Patched, FamilyAdapter):
    """Guidance is an input of the model itself, so there is no negative prompt."""

    nets = FluxNets()

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


class Chroma(Patched, FamilyAdapter):
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
