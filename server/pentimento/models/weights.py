"""Checks of weight files by their headers: whole safetensors only, pickles refused."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

PICKLE_SUFFIXES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
PICKLE_STARTS = (b"PK\x03\x04", b"\x80")  # a zip of pickles (torch.save) and a bare pickle
HEADER_LIMIT = 100_000_000  # bytes; the limit of the safetensors library itself


class Damaged(Exception):
    """A model folder cannot be used; the text is a sentence for people."""


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
    stat = file.stat()
    problem = _problem(file, stat.st_size, stat.st_mtime_ns)
    if problem:
        raise Damaged(f"{file.parent.name}/{file.name} {problem}")


def _refuse_missing(folder: Path) -> None:
    pickles = [file.name for file in sorted(folder.iterdir()) if file.suffix in PICKLE_SUFFIXES]
    if pickles:
        raise Damaged(
            f"{folder.name}/{pickles[0]} is a pickle, which can run any program when it is opened; "
            "only safetensors weights are accepted"
        )
    raise Damaged(f"{folder.name} holds no safetensors weights")


def _check_shards(folder: Path, index: Path) -> None:
    try:
        shards = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
    except (ValueError, KeyError, AttributeError) as error:
        raise Damaged(f"{folder.name}/{index.name} cannot be read") from error
    for shard in sorted(shards):
        if Path(shard).name != shard or not (folder / shard).is_file():
            raise Damaged(f"{folder.name}/{shard} is missing")


@lru_cache(maxsize=512)
def _problem(file: Path, size: int, mtime_ns: int) -> str:
    """Why the file is not whole, or nothing; remembered until the file changes."""
    with file.open("rb") as stream:
        start = stream.read(8)
        if start.startswith(PICKLE_STARTS) and not _plausible_length(start, size):
            return "is a pickle under another name; only safetensors weights are accepted"
        if not _plausible_length(start, size):
            return "is not a safetensors file, or it is cut short"
        raw = stream.read(int.from_bytes(start, "little"))
    try:
        header = json.loads(raw)
        end = max(
            (entry["data_offsets"][1] for key, entry in header.items() if key != "__metadata__"),
            default=0,
        )
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return "has a header that cannot be read"
    if 8 + len(raw) + end != size:
        return f"is {size} bytes long instead of {8 + len(raw) + end}: the download was cut short"
    return ""


def _plausible_length(start: bytes, size: int) -> bool:
    length = int.from_bytes(start, "little")
    return len(start) == 8 and 2 <= length <= min(HEADER_LIMIT, size - 8)
