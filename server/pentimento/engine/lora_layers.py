"""Whether a LoRA's matrices belong to a transformer, seen before any of them is put into it.

diffusers is generous with those of FLUX.1: it widens layers of the model and overwrites its norms
for files that need that, which would change the model for good.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from torch import nn

DOWN = re.compile(r"(?P<layer>.+)\.(lora_A|lora_down|lora\.down)(\.weight)?$")
UP = {"lora_A": "lora_B", "lora_down": "lora_up", "lora.down": "lora.up"}
ENCODERS = ("text_encoder.", "text_encoder_2.")


def check(host: Any, file: Path) -> None:
    """Raises ValueError for a file that has anything but pairs for layers of `host.transformer`
    and of the text encoders. Keys are diffusers' own after its conversions."""
    state = host.lora_state_dict(
        str(file.parent), weight_name=file.name, local_files_only=True, use_safetensors=True
    )
    foreign = [key for key in state if "lora" not in key and not key.endswith("alpha")]
    if foreign:
        raise ValueError(f"{foreign[0]} is no part of a LoRA")
    own = {key: value for key, value in state.items() if not key.startswith(ENCODERS)}
    downs = {key: found for key in own if (found := DOWN.match(key))}
    if not downs:
        raise ValueError("it has nothing for the transformer")
    for key, found in downs.items():
        up = own[key.replace(found[2], UP[found[2]])]
        layer = host.transformer.get_submodule(found["layer"].removeprefix("transformer."))
        _check_sizes(found["layer"], layer, own[key].shape[1], up.shape[0])


def _check_sizes(name: str, layer: nn.Module, inputs: int, outputs: int) -> None:
    sizes = (getattr(layer, "in_features", None), getattr(layer, "out_features", None))
    if sizes != (inputs, outputs):
        raise ValueError(f"{name} is {sizes[0]} to {sizes[1]} wide, not {inputs} to {outputs}")
