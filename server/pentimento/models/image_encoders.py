"""CLIP's image encoders in one safetensors file, as ComfyUI keeps them in `clip_vision`: which one
it is, and which one an IP-Adapter needs. Their weights have transformers' names. No torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pentimento.models.tensors import Damaged, Shape
from pentimento.models.weights import check_file, shapes

ROLE = "image_encoder"  # as headers tell it
LAYER = "vision_model.encoder.layers."
PATCHES = "vision_model.embeddings.patch_embedding.weight"
PLACES = "vision_model.embeddings.position_embedding.weight"
KNOWN = {1024: (16, "quick_gelu"), 1280: (16, "gelu"), 1664: (16, "gelu")}  # CLIP-L, OpenCLIP-H, -G


@dataclass(frozen=True, slots=True)
class Read:
    """What an adapter reads of an encoder: its one vector or its tokens, and how wide these are."""

    tokens: bool
    width: int

    def fits(self, encoder: Path) -> bool:
        projection = shapes(encoder).get("visual_projection.weight", (0, 0))
        return bool(projection[1 if self.tokens else 0] == self.width)


def read_by(adapter: Mapping[str, Shape]) -> Read:
    """Raises Damaged for a kind of adapter that is not known."""
    for name, tokens in (("image_proj.proj.weight", False), ("image_proj.proj_in.weight", True)):
        if name in adapter:
            return Read(tokens, adapter[name][1])
    raise Damaged("It is an IP-Adapter of a kind that is not known")


def config_of(file: Path) -> dict[str, Any]:
    """Its configuration, of which the header tells all but what KNOWN says; raises Damaged."""
    check_file(file)
    found = shapes(file)
    try:
        hidden, _, patch, _ = found[PATCHES]
        heads, act = KNOWN[hidden]
        side = round((found[PLACES][0] - 1) ** 0.5)
        return {
            "hidden_size": hidden,
            "intermediate_size": found[f"{LAYER}0.mlp.fc1.weight"][0],
            "num_hidden_layers": len({n.split(".")[3] for n in found if n.startswith(LAYER)}),
            "num_attention_heads": heads,
            "image_size": side * patch,
            "patch_size": patch,
            "projection_dim": found["visual_projection.weight"][0],
            "hidden_act": act,
        }
    except (KeyError, ValueError) as problem:
        raise Damaged(f"{file.name} is not an image encoder of CLIP that is known") from problem
