"""Weights of a denoiser's file by their bare names: without the prefix under which it lies, and
floating-point ones without the scales that 8-bit files keep beside them.

Packed weights of GGUF stay as they are in linear layers; diffusers unpacks those as it computes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from pentimento.models.weights.check import shapes, whole
from pentimento.models.weights.layouts import ZERO_TIMESTEP, prefix_of

Weights = dict[str, torch.Tensor]
SCALES = (".scale_weight", ".weight_scale")  # ComfyUI's names, of older and newer files
FORMAT = ".comfy_quant"  # JSON as bytes: how a layer is packed
MARKS = (
    ZERO_TIMESTEP,
    "scaled_fp8",
    ".scale_input",
    ".input_scale",
    FORMAT,
)  # of no use in floating point
EIGHT_BITS = ("float8_e4m3fn", "float8_e5m2")


UNUSED = "pentimento_unused"  # attribute of a module: names in its file that it has no place for


def left_over(found: Weights, used: Weights) -> tuple[str, ...]:
    """Names of weights that a change of names passed over; what it kept begins at one place in
    memory with what it was."""
    kept = {weight.data_ptr() for weight in used.values()}
    return tuple(name for name, weight in found.items() if weight.data_ptr() not in kept)


def is_gguf(file: Path) -> bool:
    return whole(file).format == "gguf"


def read(file: Path, dtype: torch.dtype) -> Weights:
    """Raises ValueError for weights that are packed in a way that is not known."""
    if is_gguf(file):
        return _gguf(file, dtype)
    with safe_open(file, "pt") as stream:
        names = stream.keys()
        prefix = prefix_of(names)
        found = {
            name.removeprefix(prefix): stream.get_tensor(name)
            for name in names
            if name.startswith(prefix)
        }
    return without_scales(found, dtype)


def packing(file: Path, dtype: torch.dtype) -> Any:
    """How diffusers is to read what `read` gave; None for plain numbers."""
    if not is_gguf(file):
        return None
    from diffusers import GGUFQuantizationConfig

    return GGUFQuantizationConfig(compute_dtype=dtype)


def unpack_all_but_layers(module: Any, dtype: torch.dtype) -> None:
    """Norms, kernels, biases and loose parameters are computed with directly, so they are unpacked
    once."""
    for layer in module.modules():
        packable = "weight" if type(layer).__name__ == "GGUFLinear" else ""
        for name, weight in layer.named_parameters(recurse=False):
            if name != packable and hasattr(weight, "quant_type"):
                plain = torch.nn.Parameter(unpacked(weight, dtype), requires_grad=False)
                setattr(layer, name, plain)


def _gguf(file: Path, dtype: torch.dtype) -> Weights:
    from diffusers.models.model_loading_utils import load_gguf_checkpoint

    found: Weights = {}
    packed = load_gguf_checkpoint(str(file))
    prefix = prefix_of(packed)
    for name, shape in shapes(file).items():
        weight = packed.pop(name)
        if getattr(weight, "quant_shape", weight.shape) != shape:
            weight = unpacked(weight, dtype).reshape(shape)  # laid out as a matrix to be packed
        found[name.removeprefix(prefix)] = weight
    return found


def unpacked(weight: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    from diffusers.quantizers.gguf.utils import dequantize_gguf_tensor

    plain: torch.Tensor = dequantize_gguf_tensor(weight)
    return plain.to(dtype)


def without_scales(found: Weights, dtype: torch.dtype) -> Weights:
    """Stored eighths times their scale are the weights (ComfyUI's scaled fp8)."""
    for name in [name for name in found if name.endswith(FORMAT)]:
        _check_format(name, found[name])
    for name in [name for name in found if name.endswith(SCALES)]:
        scale = found.pop(name).float()
        layer = name.rsplit(".", 1)[0] + ".weight"
        weight = found[layer].float()
        if scale.numel() not in (1, weight.shape[0]):
            raise ValueError(f"{layer} is scaled in blocks")
        found[layer] = (weight * scale.reshape(-1, *[1] * (weight.ndim - 1))).to(dtype)
    return {name: weight for name, weight in found.items() if not name.endswith(MARKS)}


def _check_format(name: str, told: torch.Tensor) -> None:
    kind = json.loads(bytes(told.tolist())).get("format")
    if kind not in EIGHT_BITS:
        raise ValueError(f"{name.removesuffix(FORMAT)} is packed as {kind}")
