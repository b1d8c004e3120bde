"""ControlNets for Stable Diffusion 3 and 3.5: InstantX' and Stability's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pentimento.engine import latents
from pentimento.engine.families.nets import (
    Call,
    Nets,
    Residuals,
    Seen,
    by_share,
    for_all,
    lend,
    summed,
)

NO_POOLED = "force_zeros_for_pooled_projection"  # in a config: one of InstantX'; so is its absence


class SD3Nets(Nets):
    latents = "hidden_states"

    def hint(self, config: Mapping[str, Any], vae: Any, picture: np.ndarray) -> Tensor:
        """InstantX' were trained on latents that are scaled but not shifted."""
        found = latents.encode(vae, picture)
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
            lend(transformer.pos_embed, sample.device)
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
