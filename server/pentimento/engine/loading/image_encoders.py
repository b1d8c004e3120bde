"""Reads CLIP's image encoder from a folder or from one safetensors file."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from pentimento.engine.failures import model_damaged, weights_missing
from pentimento.engine.loading import accounts
from pentimento.engine.loading.sources import file_identity, folder_identity, read_module
from pentimento.engine.loading.weights import UNUSED
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
    told = module.load_state_dict(load_file(place), strict=False)
    lacking = [name for name in told.missing_keys if not name.endswith("position_ids")]
    if lacking:
        raise weights_missing(place, place.name, lacking)
    unused = [name for name in told.unexpected_keys if not accounts.IDLE.match(name)]
    setattr(module, UNUSED, tuple(sorted(unused)))
    return module.to(dtype).eval().requires_grad_(False)
