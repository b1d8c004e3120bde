"""Checks of weight files by their headers: whole safetensors only, pickles refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from math import prod
from pathlib import Path

from pentimento.models import headers
from pentimento.models.headers import PICKLE_SUFFIXES
from pentimento.models.recognise import Recognised, recognise
from pentimento.models.tensors import Damaged, Shape

__all__ = ["PICKLE_SUFFIXES", "Damaged", "check_component", "check_file", "elements", "shapes"]


def check_component(folder: Path) -> None:
    """Raises Damaged unless `folder` holds whole safetensors weights."""
    files = sorted(folder.glob("*.safetensors"))
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
    stat = file.stat()
    return _shapes(file, stat.st_size, stat.st_mtime_ns)


def elements(file: Path, prefix: str = "") -> int:
    """How many numbers the weights of that prefix have; 0 where the file cannot be read."""
    try:
        found = shapes(file)
    except (Damaged, OSError):
        return 0
    return sum(prod(shape) for name, shape in found.items() if name.startswith(prefix))


def _refuse_missing(folder: Path) -> None:
    pickles = [file.name for file in sorted(folder.iterdir()) if file.suffix in PICKLE_SUFFIXES]
    if pickles:
        raise Damaged(headers.pickle_problem(f"{folder.name}/{pickles[0]}"), "pickle")
    raise Damaged(f"{folder.name} holds no safetensors weights")


def _check_shards(folder: Path, index: Path) -> None:
    try:
        shards = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
    except (ValueError, KeyError, AttributeError) as error:
        raise Damaged(f"{folder.name}/{index.name} cannot be read") from error
    for shard in sorted(shards):
        if Path(shard).name != shard or not (folder / shard).is_file():
            raise Damaged(f"{folder.name}/{shard} is missing")


@lru_cache(maxsize=64)  # thousands of names each
def _shapes(file: Path, size: int, mtime_ns: int) -> Mapping[str, Shape]:
    return {name: entry.shape for name, entry in headers.read(file).tensors.items()}
