"""VAEs that are not part of a model: read from a folder or one file, in the layout of diffusers or
of Stability's programs."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers.loaders.single_file_utils import (
    convert_ldm_vae_checkpoint,
    convert_wan_vae_to_diffusers,
)
from safetensors import safe_open

from pentimento.engine.failures import is_out_of_memory, model_damaged, weights_missing
from pentimento.engine.loading.sources import (
    CLASSES,
    file_identity,
    first_line,
    folder_identity,
    read_module,
)
from pentimento.engine.loading.weights import UNUSED, left_over
from pentimento.engine_ipc.messages import VaeFile
from pentimento.models.library.parts.vae import PREFIX, TINY
from pentimento.models.library.sidecar import read_json
from pentimento.models.weights import check
from pentimento.models.weights.detect.recognise import recognise
from pentimento.models.weights.header import Damaged

PREFIXES = (PREFIX, "vae.")
TINY_LAYER = re.compile(
    r"^(?:tae\w+_)?(?:(?P<side>encoder|decoder)\.)?(?P<number>\d+)\.(?P<rest>.+)$"
)
WAN_MARK = "decoder.middle.0.residual.0.gamma"
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
    default = dict(CLASSES[file.kind]().config) | {"_class_name": file.kind}
    if file.kind == TINY:
        default["latent_channels"] = recognise(file.path).latent_channels
    return default


def identity(file: VaeFile) -> Hashable:
    return folder_identity(file.path) if file.path.is_dir() else file_identity(file.path)


def read(file: VaeFile, config: dict[str, Any], dtype: torch.dtype) -> Any:
    """A frozen module on the CPU; raises model_damaged where weights and configuration differ."""
    kind = CLASSES[file.kind]
    try:
        if file.path.is_dir():
            return read_module(kind, file.path, dtype)
        check.check_file(file.path)
        module = kind.from_config(config)
        found = _found(file.path)
        named = _named(found, config)
        unused = left_over(found, named)
        missing, foreign = module.load_state_dict(named, strict=False)
        if _may_lack_encoder(config):
            missing = [name for name in missing if not name.startswith("encoder.")]
        _check(file.path, missing, foreign)
    except Damaged as damage:
        raise model_damaged(file.path, str(damage)) from damage
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise
        reason = f"the VAE {file.path.stem} cannot be read ({first_line(error)})"
        raise model_damaged(file.path, reason) from error
    setattr(module, UNUSED, unused)
    return module.to(dtype).eval().requires_grad_(False)


def _may_lack_encoder(config: dict[str, Any]) -> bool:
    """A tiny one is for previews alone, and some files have only what decodes."""
    return bool(config["_class_name"] == TINY)


def _check(path: Path, missing: Sequence[str], foreign: Sequence[str]) -> None:
    """Raises JobFailed for less than its weights, ValueError for more: what has layers that it
    should not have is another kind of VAE."""
    if missing:
        raise weights_missing(path, f"the VAE {path.stem}", missing)
    if foreign:
        raise ValueError(f"{sorted(foreign)[0]} is no part of it")


def _found(path: Path) -> dict[str, torch.Tensor]:
    with safe_open(path, "pt") as file:
        names = file.keys()
        return {_bare(name): file.get_tensor(name) for name in names}


def _named(found: dict[str, torch.Tensor], config: dict[str, Any]) -> dict[str, torch.Tensor]:
    """As diffusers calls them."""
    if LDM_MARK in found:
        changed = dict(convert_ldm_vae_checkpoint(dict(found), config))
        return changed | {name: found[name] for name in found if name.startswith("bn.")}
    if WAN_MARK in found:  # the names of Qwen-Image's own layout, too
        return dict(convert_wan_vae_to_diffusers(found))
    if config["_class_name"] == TINY:
        return {_of_tiny(name): weight for name, weight in found.items()}
    return {_new_name(name): weight for name, weight in found.items()}


def _bare(name: str) -> str:
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _of_tiny(name: str) -> str:
    """The authors' decoder begins with a clamp, which has no weights and counts as its layer 0."""
    if not (found := TINY_LAYER.match(name)):
        return name
    side, number, rest = found["side"] or "decoder", int(found["number"]), found["rest"]
    return f"{side}.layers.{number - 1 if side == 'decoder' else number}.{rest}"


def _new_name(name: str) -> str:
    if ".attentions." in name:
        for old, new in OLD_NAMES.items():
            name = name.replace(old, new)
    return name
