"""VAEs that are not part of a model: read from a folder or one file, in the layout of diffusers or
of Stability's programs."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import torch
from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint
from safetensors import safe_open

from pentimento.engine.extras import VaeFile
from pentimento.engine.failures import is_out_of_memory, model_damaged
from pentimento.engine.folder import (
    CLASSES,
    file_identity,
    first_line,
    folder_identity,
    read_module,
)
from pentimento.models import weights
from pentimento.models.inspect import read_json
from pentimento.models.vaes import PREFIX

LDM_MARK = "decoder.up.0.block.0.conv1.weight"
OLD_NAMES = {  # of the attention's weights, in files that diffusers wrote before 0.18
    ".query.": ".to_q.",
    ".key.": ".to_k.",
    ".value.": ".to_v.",
    ".proj_attn.": ".to_out.0.",
}


def config_of(file: VaeFile, own: dict[str, Any]) -> dict[str, Any]:
    """Of the VAE that is read. A file alone does not tell it: it is taken to be built like the
    model's `own` one, or as its class is by default."""
    if file.path.is_dir():
        return read_json(file.path / "config.json")
    if own.get("_class_name") == file.kind:
        return own
    return dict(CLASSES[file.kind]().config) | {"_class_name": file.kind}


def identity(file: VaeFile) -> Hashable:
    return folder_identity(file.path) if file.path.is_dir() else file_identity(file.path)


def read(file: VaeFile, config: dict[str, Any], dtype: torch.dtype) -> Any:
    """A frozen module on the CPU; raises model_damaged where weights and configuration differ."""
    kind = CLASSES[file.kind]
    try:
        if file.path.is_dir():
            return read_module(kind, file.path, dtype)
        weights.check_file(file.path)
        module = kind.from_config(config)
        module.load_state_dict(_weights(file.path, config))
    except weights.Damaged as damage:
        raise model_damaged(file.path, str(damage)) from damage
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise
        reason = f"the VAE {file.path.stem} cannot be read ({first_line(error)})"
        raise model_damaged(file.path, reason) from error
    return module.to(dtype).eval().requires_grad_(False)


def _weights(path: Path, config: dict[str, Any]) -> dict[str, torch.Tensor]:
    """As diffusers calls them."""
    with safe_open(path, "pt") as file:
        names = file.keys()
        found = {name.removeprefix(PREFIX): file.get_tensor(name) for name in names}
    if LDM_MARK in found:
        return dict(convert_ldm_vae_checkpoint(found, config))
    return {_new_name(name): weight for name, weight in found.items()}


def _new_name(name: str) -> str:
    if ".attentions." in name:
        for old, new in OLD_NAMES.items():
            name = name.replace(old, new)
    return name
