"""Checkpoints that survive a kill at any moment, and the process set-up all trainers share."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch


def one_thread() -> None:
    """One thread a process: on a busy machine, OpenMP threads that wait for each other were
    seven times slower than one alone. Start a second rank instead."""
    torch.set_num_threads(1)


def save_checkpoint(path: Path, parts: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """`parts` have state_dict(); `state` is plain numbers and tensors. Replaces atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    saved = {name: part.state_dict() for name, part in parts.items()}
    temporary = path.with_suffix(".tmp")
    torch.save({"parts": saved, "state": dict(state)}, temporary)
    os.replace(temporary, path)


def load_checkpoint(path: Path, parts: Mapping[str, Any]) -> dict[str, Any]:
    """Fills `parts` and gives the state; empty if there is no checkpoint yet."""
    if not path.exists():
        return {}
    saved = torch.load(path, map_location="cpu", weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(saved["parts"][name])
    return saved["state"]
