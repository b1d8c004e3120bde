"""Writes the trained upscaler as the package ships it: float16 safetensors, one for each scale.

python -m training.export_upscaler OUT/checkpoint.pt FOLDER/x2.safetensors
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import save_file


def export(checkpoint: Path, target: Path) -> None:
    """The averaged weights, in the layout that other programs read as "Compact"."""
    found = torch.load(checkpoint, map_location="cpu", weights_only=True)["parts"]["average"]
    weights = {name: value.half().contiguous() for name, value in found.items()}
    target.parent.mkdir(parents=True, exist_ok=True)
    about = {"modelspec.title": "Compact Photo", "modelspec.license": "Apache-2.0"}
    save_file(weights, target, about)
    print(f"{target}: {sum(value.numel() for value in weights.values())} parameters")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Export the trained upscaler.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("target", type=Path)
    args = parser.parse_args()
    export(args.checkpoint, args.target)
