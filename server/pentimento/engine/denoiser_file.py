"""A model whose denoiser is a file by itself, safetensors or GGUF, in the layout of its authors,
ComfyUI or diffusers; all other parts are those of its base, a diffusers folder.

It looks like a `ModelFolder` to everyone else. The base's parts keep their identity, so that what
is in memory for the base itself serves here too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel

from pentimento.engine import loose_weights
from pentimento.engine.failures import is_out_of_memory, model_damaged
from pentimento.engine.folder import ModelFolder, file_fingerprint, file_identity, first_line
from pentimento.models import weights
from pentimento.models.families import FAMILIES

LDM = "model.diffusion_model."  # what diffusers' conversion of UNets wants names to begin with


class DenoiserFile:
    def __init__(self, path: Path, family: str, base: ModelFolder) -> None:
        self.path = path
        self._base = base
        self._name = FAMILIES[family].denoiser

    def config(self, name: str, file: str = "config.json") -> dict[str, Any]:
        return self._base.config(name, file)

    def data_sheet(self) -> dict[str, Any]:
        return self._base.data_sheet()

    def place(self, name: str) -> Path:
        return self.path if name == self._name else self._base.place(name)

    def identity(self, name: str) -> Hashable:
        if name == self._name:
            return name, file_identity(self.path)
        own = self._base.identity(name)
        return (own, file_identity(self.path)) if name == "." else own

    def fingerprint(self) -> str:
        """SHA-256 over that of the base and that of the file."""
        both = self._base.fingerprint() + file_fingerprint(self.path)
        return hashlib.sha256(both.encode()).hexdigest()

    def quantised(self, name: str) -> bool:
        return name == self._name and loose_weights.is_gguf(self.path)

    def size(self, name: str, dtype: torch.dtype) -> int:
        """Of a part in memory, in bytes; GGUF stays packed there."""
        if name != self._name:
            return self._base.size(name, dtype)
        if self.quantised(name):
            return self.path.stat().st_size
        return weights.elements(self.path) * dtype.itemsize

    def read(self, name: str, dtype: torch.dtype) -> Any:
        """One part as a module (on the CPU, frozen) or a tokenizer; raises model_damaged."""
        if name != self._name:
            return self._base.read(name, dtype)
        try:
            return self._denoiser(dtype)
        except weights.Damaged as damage:
            raise model_damaged(self.path, str(damage)) from damage
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError) as error:
            if is_out_of_memory(error):
                raise
            reason = f"{self.path.name} does not fit its base ({first_line(error)})"
            raise model_damaged(self.path, reason) from error

    def _denoiser(self, dtype: torch.dtype) -> Any:
        told = weights.whole(self.path)
        kind = self._base.kind(self._name)
        found = loose_weights.read(self.path, dtype)
        if kind is UNet2DConditionModel and told.layout == "original":
            found = {LDM + name: weight for name, weight in found.items()}
        module = kind.from_single_file(
            found,
            config=str(self._base.path),
            subfolder=self._name,
            local_files_only=True,
            dtype=dtype,
            quantization_config=loose_weights.packing(self.path, dtype),
        )
        missing = [key for key, weight in module.named_parameters() if weight.is_meta]
        if missing:
            raise ValueError(f"it lacks {len(missing)} weights, e.g. {missing[0]}")
        loose_weights.unpack_all_but_layers(module, dtype)
        return module.eval().requires_grad_(False)
