"""A diffusers model folder: what is in it, whether its files are whole, and reading one part.

Only safetensors are read and only classes named in `CLASSES` are built; nothing in a folder is
ever executed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

from pentimento.engine.failures import is_out_of_memory, model_damaged
from pentimento.models import quantised, weights
from pentimento.models.inspect import read_json

CLASSES: dict[str, type[Any]] = {
    "UNet2DConditionModel": diffusers.UNet2DConditionModel,
    "AutoencoderKL": diffusers.AutoencoderKL,
    "AutoencoderTiny": diffusers.AutoencoderTiny,
    "CLIPTextModel": transformers.CLIPTextModel,
    "CLIPTextModelWithProjection": transformers.CLIPTextModelWithProjection,
    "CLIPTokenizer": transformers.CLIPTokenizer,
    "CLIPTokenizerFast": transformers.CLIPTokenizer,
    "SD3Transformer2DModel": diffusers.SD3Transformer2DModel,
    "FluxTransformer2DModel": diffusers.FluxTransformer2DModel,
    "Flux2Transformer2DModel": diffusers.Flux2Transformer2DModel,
    "ZImageTransformer2DModel": diffusers.ZImageTransformer2DModel,
    "QwenImageTransformer2DModel": diffusers.QwenImageTransformer2DModel,
    "ChromaTransformer2DModel": diffusers.ChromaTransformer2DModel,
    "AutoencoderKLFlux2": diffusers.AutoencoderKLFlux2,
    "AutoencoderKLQwenImage": diffusers.AutoencoderKLQwenImage,
    "T5EncoderModel": transformers.T5EncoderModel,
    "T5Tokenizer": transformers.T5Tokenizer,
    "T5TokenizerFast": transformers.T5Tokenizer,
    "Qwen2Tokenizer": transformers.Qwen2Tokenizer,
    "Qwen2TokenizerFast": transformers.Qwen2Tokenizer,
    "Qwen3Model": transformers.Qwen3Model,
    "Qwen3ForCausalLM": transformers.Qwen3ForCausalLM,
    "Qwen2VLProcessor": transformers.Qwen2VLImageProcessorPil,  # its other part is the tokenizer
    "Qwen2_5_VLForConditionalGeneration": transformers.Qwen2_5_VLForConditionalGeneration,
}
HASHED_WHOLE = 1024 * 1024  # bytes; larger files enter the fingerprint with header and size


class ModelFolder:
    """Reads `model_index.json` at once, everything else when asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._index = self._json("model_index.json")

    def config(self, name: str, file: str = "config.json") -> dict[str, Any]:
        return self._json(f"{name}/{file}")

    def data_sheet(self) -> dict[str, Any]:
        """Our own pentimento.json, empty when the folder has none."""
        exists = (self.path / "pentimento.json").is_file()
        return self._json("pentimento.json") if exists else {}

    def identity(self, name: str) -> Hashable:
        """The same for two folders that share a part's files (links), new when a file changes."""
        return folder_identity(self.path / name)

    def place(self, name: str) -> Path:
        """Where a part's weights lie, for messages."""
        return self.path / name

    def quantised(self, name: str) -> bool:
        """Whether a part's weights stay packed in memory."""
        return bool(quantised.method_of(self.path / name))

    def fingerprint(self) -> str:
        """SHA-256 over the files' names, sizes and ends: which model a record was made with."""
        digest = hashlib.sha256()
        for file in sorted(self.path.rglob("*")):
            if not file.is_file():
                continue
            size = file.stat().st_size
            digest.update(f"{file.relative_to(self.path).as_posix()}:{size}\n".encode())
            with file.open("rb") as stream:
                digest.update(stream.read(HASHED_WHOLE))
                if size > 2 * HASHED_WHOLE:
                    stream.seek(-HASHED_WHOLE, os.SEEK_END)
                    digest.update(stream.read())
        return digest.hexdigest()

    def size(self, name: str, dtype: torch.dtype) -> int:
        """Of a part in memory, in bytes, by its files' headers; 0 where they cannot be read."""
        files = list((self.path / name).glob("*.safetensors"))
        if self.quantised(name):
            return sum(file.stat().st_size for file in files)
        return sum(weights.elements(file) for file in files) * dtype.itemsize

    def read(self, name: str, dtype: torch.dtype) -> Any:
        """One part as a module (on the CPU, frozen), a tokenizer or a processor; raises
        model_damaged."""
        kind = self.kind(name)
        folder = self.path / name
        if not folder.is_dir():
            raise model_damaged(folder, f"the folder {name} is missing")
        try:
            if not issubclass(kind, torch.nn.Module):
                return kind.from_pretrained(str(folder), local_files_only=True)
            return read_module(kind, folder, dtype)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise
            raise model_damaged(folder, f"{name} cannot be read ({first_line(error)})") from error

    def kind(self, name: str) -> type[Any]:
        """The class that reads a part; raises model_damaged."""
        entry = self._index.get(name)
        kind = CLASSES.get(str(entry[1])) if isinstance(entry, list) and len(entry) == 2 else None
        if kind is None:
            raise model_damaged(
                self.path / "model_index.json",
                f"model_index.json names no usable {name} (it says {entry!r})",
            )
        return kind

    def _json(self, name: str) -> dict[str, Any]:
        try:
            return read_json(self.path / name)
        except weights.Damaged as damage:
            raise model_damaged(self.path / name, str(damage)) from damage


def read_module(kind: type[Any], folder: Path, dtype: torch.dtype) -> Any:
    """The weights of one folder as a frozen module on the CPU; raises model_damaged."""
    try:
        weights.check_component(folder)
    except weights.Damaged as damage:
        raise model_damaged(folder, str(damage)) from damage
    halves = all(".fp16" in file.name for file in folder.glob("*.safetensors"))
    module, report = kind.from_pretrained(
        str(folder),
        dtype=dtype,
        use_safetensors=True,
        local_files_only=True,
        variant="fp16" if halves else None,
        output_loading_info=True,
    )
    missing = [key for key in report["missing_keys"] if not key.endswith("position_ids")]
    if missing:
        raise model_damaged(
            folder, f"{folder.name} lacks {len(missing)} weights, e.g. {missing[0]}"
        )
    return module.eval().requires_grad_(False)


def folder_identity(folder: Path) -> Hashable:
    return tuple(file_identity(file) for file in sorted(folder.glob("*")))


def file_identity(file: Path) -> Hashable:
    """New when the file changes, the same for two links to one."""
    status = file.stat()
    return (file.name, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def file_fingerprint(file: Path) -> str:
    """SHA-256 over a file's size and ends."""
    size = file.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with file.open("rb") as stream:
        digest.update(stream.read(HASHED_WHOLE))
        stream.seek(-min(size, HASHED_WHOLE), os.SEEK_END)
        digest.update(stream.read())
    return digest.hexdigest()


def first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
