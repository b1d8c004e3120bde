"""Checks of weight files by their headers: whole safetensors only, pickles refused, and whether
this machine has what unpacks quantized weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from math import prod
from pathlib import Path

from pentimento.core import plain_files
from pentimento.models import machine
from pentimento.models.weights import header
from pentimento.models.weights.detect.recognise import Recognised, recognise
from pentimento.models.weights.header import PICKLE_SUFFIXES, Damaged, Shape

__all__ = ["PICKLE_SUFFIXES", "Damaged", "check_component", "check_file", "elements", "shapes"]


INDEX_LIMIT = 64 * 2**20  # bytes


def check_component(folder: Path) -> None:
    """Raises Damaged unless `folder` holds whole safetensors weights."""
    files = [file for file in plain_files.entries(folder) if file.suffix == ".safetensors"]
    if not files:
        _refuse_missing(folder)
    for index in folder.glob("*.safetensors.index.json"):
        _check_shards(folder, index)
    for file in files:
        check_file(file)


def check_file(file: Path) -> None:
    """Raises Damaged unless `file` is a safetensors file whose length fits its header."""
    if whole(file).format != "safetensors":
        raise Damaged(f"{file.parent.name}/{file.name} is not a safetensors file, but GGUF")


def whole(file: Path) -> Recognised:
    """What a safetensors or GGUF file is. Raises Damaged, with the file's name, where its length
    does not fit its header."""
    try:
        return recognise(file)
    except Damaged as damage:
        raise Damaged(f"{file.parent.name}/{file.name} {damage}", damage.reason) from damage


def precision_of(folder: Path) -> str:
    """What most weights of a component have, by the first of its files."""
    return recognise(min(folder.glob("*.safetensors"))).precision


def shapes(file: Path) -> Mapping[str, Shape]:
    """Of all weights in a file, from its header. Raises Damaged, OSError."""
    stat = header.status(file)
    return _shapes(file, stat.st_size, stat.st_mtime_ns)


def elements(file: Path, prefix: str = "") -> int:
    """How many numbers the weights of that prefix have; 0 where the file cannot be read."""
    try:
        found = shapes(file)
    except (Damaged, OSError):
        return 0
    return sum(prod(shape) for name, shape in found.items() if name.startswith(prefix))


def _refuse_missing(folder: Path) -> None:
    pickles = [file.name for file in plain_files.entries(folder) if file.suffix in PICKLE_SUFFIXES]
    if pickles:
        raise Damaged(header.pickle_problem(f"{folder.name}/{pickles[0]}"), "pickle")
    raise Damaged(f"{folder.name} holds no safetensors weights")


def _check_shards(folder: Path, index: Path) -> None:
    try:
        shards = set(json.loads(plain_files.read(index, INDEX_LIMIT))["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise Damaged(f"{folder.name}/{index.name} cannot be read") from error
    for shard in sorted(shards):
        if Path(shard).name != shard or not plain_files.is_file(folder / shard):
            raise Damaged(f"{folder.name}/{shard} is missing")


@lru_cache(maxsize=64)  # thousands of names each
def _shapes(file: Path, size: int, mtime_ns: int) -> Mapping[str, Shape]:
    return {name: entry.shape for name, entry in header.read(file).tensors.items()}


CONFIG = "config.json"
BITSANDBYTES = "bitsandbytes"


def check_quantised(part: Path) -> None:
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
