"""Models put together from files: a denoiser by itself, and files of text encoders and of a VAE for
what its base lacks. Configurations and tokenizers come from the base."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import torch

from pentimento.engine.loading import encoders, vaes
from pentimento.engine.loading.sources import DenoiserFile, ModelFolder, file_identity
from pentimento.engine_ipc.messages import VaeFile
from pentimento.models.library import fingerprints
from pentimento.models.library.parts.text_encoder import VAE
from pentimento.models.weights import check


class PutTogether(DenoiserFile):
    """`parts`: part -> the file of its weights. `sees`: its text encoder is shown pictures."""

    def __init__(
        self, path: Path, family: str, base: ModelFolder, parts: Mapping[str, Path], *, sees: bool
    ) -> None:
        super().__init__(path, family, base)
        self._parts = parts
        self._sees = sees

    def place(self, name: str) -> Path:
        return self._parts.get(name) or super().place(name)

    def identity(self, name: str) -> Hashable:
        if name in self._parts:
            return name, file_identity(self._parts[name])
        files = tuple(file_identity(file) for file in self._parts.values())
        return (super().identity(name), files) if name == "." else super().identity(name)

    def fingerprint(self) -> str:
        """SHA-256 over that of the denoiser with its base and those of the files."""
        whole = super().fingerprint()
        for _, file in sorted(self._parts.items()):
            whole = fingerprints.joined(whole, fingerprints.of_file(file))
        return whole

    def size(self, name: str, dtype: torch.dtype) -> int:
        if name in self._parts:  # packed ones are unpacked as they are read
            return check.elements(self._parts[name]) * dtype.itemsize
        return super().size(name, dtype)

    def read(self, name: str, dtype: torch.dtype) -> Any:
        file = self._parts.get(name)
        if file is None:
            return super().read(name, dtype)
        config = self.config(name)
        if name == VAE:
            return vaes.read(VaeFile(file, str(config["_class_name"])), config, dtype)
        folder = self._base.path / name
        return encoders.read(self.kind(name), folder, file, dtype, sees=self._sees)
