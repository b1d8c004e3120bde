"""A checkpoint in one safetensors file, in the layout of Stability's own programs, read offline:
its configuration and vocabulary come from `pentimento/configs`.

It looks like a `ModelFolder` to everyone else, and reads only the part that is asked for.
"""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import torch
import transformers
from diffusers.loaders.single_file_utils import create_diffusers_clip_model_from_ldm
from safetensors import safe_open

from pentimento.engine.failures import is_out_of_memory, model_damaged
from pentimento.engine.folder import CLASSES, file_fingerprint, file_identity, first_line
from pentimento.models import weights
from pentimento.models.checkpoint import CONFIGS, FIRST
from pentimento.models.inspect import INDEX, read_json

MERGES = CONFIGS / "clip_merges.txt"
PREFIXES = {  # part -> how its weights are called in the file, by family
    "sd15": {
        "unet": "model.diffusion_model.",
        "vae": "first_stage_model.",
        "text_encoder": "cond_stage_model.",
    },
    "sdxl": {
        "unet": "model.diffusion_model.",
        "vae": "first_stage_model.",
        "text_encoder": "conditioner.embedders.0.",
        "text_encoder_2": "conditioner.embedders.1.",
    },
}
PADDING = {"tokenizer": "<|endoftext|>", "tokenizer_2": "!"}  # SDXL's second one pads with 0


class ModelFile:
    def __init__(self, path: Path, family: str, configs: Path | None = None) -> None:
        """`configs` is laid out as a model's folder, by default the family's own one."""
        self.path = path
        self._configs = configs or CONFIGS / family
        self._prefixes = PREFIXES[family]
        self._index = read_json(self._configs / INDEX)

    def config(self, name: str, file: str = "config.json") -> dict[str, Any]:
        return read_json(self._configs / name / file)

    def data_sheet(self) -> dict[str, Any]:
        return {}

    def identity(self, name: str) -> Hashable:
        return name, file_identity(self.path)

    def fingerprint(self) -> str:
        """Which model a record was made with."""
        return file_fingerprint(self.path)

    def place(self, name: str) -> Path:
        return self.path

    def quantised(self, name: str) -> bool:
        return False

    def size(self, name: str, dtype: torch.dtype) -> int:
        """Of a part in memory, in bytes, by the file's header; 0 where it cannot be read."""
        return weights.elements(self.path, self._prefixes.get(name, "?")) * dtype.itemsize

    def read(self, name: str, dtype: torch.dtype) -> Any:
        """One part as a module (on the CPU, frozen) or a tokenizer; raises model_damaged."""
        if name in PADDING:
            return clip_tokenizer(self._padding(name))
        try:
            weights.check_file(self.path)
            module = self._module(name, dtype)
        except weights.Damaged as damage:
            raise model_damaged(self.path, str(damage)) from damage
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError) as error:
            if is_out_of_memory(error):
                raise
            reason = f"{name} cannot be read ({first_line(error)})"
            raise model_damaged(self.path, reason) from error
        missing = [key for key, weight in module.named_parameters() if weight.is_meta]
        if missing:
            reason = f"{name} lacks {len(missing)} weights, e.g. {missing[0]}"
            raise model_damaged(self.path, reason)
        return module.eval().requires_grad_(False)

    def _padding(self, name: str) -> str:
        told = self._configs / name / "tokenizer_config.json"
        return str(read_json(told)["pad_token"]) if told.is_file() else PADDING[name]

    def _module(self, name: str, dtype: torch.dtype) -> Any:
        kind = CLASSES[self._index[name][1]]
        part = self._weights(self._prefixes[name])
        if not part:
            raise ValueError(f"the file has no weights called {self._prefixes[name]}…")
        where: dict[str, Any] = {
            "config": str(self._configs),
            "subfolder": name,
            "local_files_only": True,
        }
        if name.startswith("text_encoder"):
            encoder = create_diffusers_clip_model_from_ldm(kind, part, torch_dtype=dtype, **where)
            return encoder.to(dtype)
        if name == "unet":  # the bundled configuration is that of the ordinary variant
            where["in_channels"] = part[FIRST].shape[1]
        return kind.from_single_file(part, dtype=dtype, **where)

    def _weights(self, prefix: str) -> dict[str, torch.Tensor]:
        with safe_open(self.path, "pt") as file:
            names = file.keys()
            return {name: file.get_tensor(name) for name in names if name.startswith(prefix)}


def clip_tokenizer(padding: str) -> transformers.CLIPTokenizer:
    """CLIP's, whose vocabulary follows from its merges: the bytes, the bytes that end a word, one
    word for each merge, two marks (Radford et al. 2021)."""
    lines = MERGES.read_text("utf-8").splitlines()
    merges: list[Any] = [tuple(line.split()) for line in lines]
    letters = _byte_letters()
    words = [*letters, *(letter + "</w>" for letter in letters)]
    words += ["".join(pair) for pair in merges]
    words += ["<|startoftext|>", "<|endoftext|>"]
    return transformers.CLIPTokenizer(
        vocab={word: number for number, word in enumerate(words)},
        merges=merges,
        model_max_length=77,
        pad_token=padding,
    )


def _byte_letters() -> list[str]:
    """The printable stand-ins for the 256 bytes that byte-level BPE uses (Radford et al. 2019)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = 256 - len(plain)
    return [chr(byte) for byte in plain] + [chr(256 + place) for place in range(others)]
