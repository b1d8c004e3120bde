"""Folders whose weights a library has packed: whether this machine has what unpacks them."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

from pentimento.models import machine
from pentimento.models.tensors import Damaged

CONFIG = "config.json"
BITSANDBYTES = "bitsandbytes"


def check(part: Path) -> None:
    """Raises Damaged where a part of a model's folder is packed in a way that cannot be read."""
    method = method_of(part)
    if not method:
        return
    packed = f"Its {part.name} is packed with {method}"
    if method != BITSANDBYTES:
        raise Damaged(f"{packed}, which is not supported; take the same model in bf16 or fp8")
    if machine.look().vram is None:
        raise Damaged(f"{packed}, which needs a graphics card; take the same model as GGUF or fp8")
    if find_spec(BITSANDBYTES) is None:
        raise Damaged(f"{packed}: `pip install {BITSANDBYTES}` installs what it needs")


def method_of(part: Path) -> str:
    """The library that packed a part's weights, empty where none did."""
    try:
        told = json.loads((part / CONFIG).read_text("utf-8"))
        return str(told["quantization_config"]["quant_method"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""
