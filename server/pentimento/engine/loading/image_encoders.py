"""Reads CLIP's image encoder from a folder or from one safetensors file."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from pentimento.engine.failures import model_damaged
from pentimento.engine.loading.sources import file_identity, folder_identity, read_module
from pentimento.models.library.parts.ip_adapter import config_of
from pentimento.models.weights.header import Damaged


def identity(place: Path) -> Hashable:
    return file_identity(place) if place.is_file() else folder_identity(place)


def read(place: Path, dtype: torch.dtype) -> Any:
    """Frozen, on the CPU; raises model_damaged."""
    if place.is_dir():
        return read_module(CLIPVisionModelWithProjection, place, dtype)
    try:
        module: Any = CLIPVisionModelWithProjection(CLIPVisionConfig(**config_of(place)))
    except Damaged as damage:
        raise model_damaged(place, str(damage)) from damage
    missing = module.load_state_dict(load_file(place), strict=False).missing_keys
    lacking = [name for name in missing if not name.endswith("position_ids")]
    if lacking:
        raise model_damaged(place, f"{place.name} lacks {len(lacking)} weights, e.g. {lacking[0]}")
    return module.to(dtype).eval().requires_grad_(False)
