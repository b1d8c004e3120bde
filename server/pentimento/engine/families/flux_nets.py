"""ControlNets for FLUX.1: of one kind, of several (union), and XLabs', which read pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pentimento.engine.families.base import Patched
from pentimento.engine.families.nets import (
    Call,
    Nets,
    Residuals,
    Seen,
    by_ceiling,
    for_all,
    in_turn,
    summed,
)
from pentimento.models.control_kinds import modes_of


def reads_pixels(config: Mapping[str, Any]) -> bool:
    return config.get("conditioning_embedding_channels") is not None


class FluxNets(Nets):
    latents = "hidden_states"

    def hint(self, config: Mapping[str, Any], vae: Any, picture: np.ndarray) -> Tensor:
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
