"""ControlNets for Qwen-Image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from pentimento.engine.families.base import Patched
from pentimento.engine.families.nets import (
    Call,
    Nets,
    Residuals,
    Seen,
    by_ceiling,
    for_all,
    summed,
)


class QwenImageNets(Nets):
    latents = "hidden_states"
    once = True

    def hint(self, config: Mapping[str, Any], vae: Any, picture: np.ndarray) -> Tensor:
        """Tokens `(1, n, c)`."""
        return Patched().pack(super().hint(config, vae, picture))

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
