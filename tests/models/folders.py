"""Diffusers folders with true configurations and empty weights: enough for everything but torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SCHEDULER = {
    "_class_name": "PNDMScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
}
SAMPLE = {"sd15": 64, "sdxl": 128}
CLASS = {"sd15": "StableDiffusionPipeline", "sdxl": "StableDiffusionXLPipeline"}
ENCODERS = {"sd15": ("text_encoder",), "sdxl": ("text_encoder", "text_encoder_2")}


def safetensors(payload: bytes = bytes(16)) -> bytes:
    """A whole file with one tensor of the payload's length."""
    entry = {"dtype": "U8", "shape": [len(payload)], "data_offsets": [0, len(payload)]}
    header = json.dumps({"tensor": entry}).encode()
    return len(header).to_bytes(8, "little") + header + payload


def write_json(file: Path, data: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(data), "utf-8")


def write_model(
    folder: Path,
    family: str = "sd15",
    *,
    sheet: dict[str, Any] | None = None,
    scheduler: dict[str, Any] | None = None,
    unet: dict[str, Any] | None = None,
) -> Path:
    write_json(folder / "model_index.json", {"_class_name": CLASS[family]})
    write_json(
        folder / "unet" / "config.json",
        {"sample_size": SAMPLE[family], "in_channels": 4, "block_out_channels": [8] * 4}
        | (unet or {}),
    )
    write_json(
        folder / "vae" / "config.json", {"block_out_channels": [8] * 4, "latent_channels": 4}
    )
    write_json(folder / "scheduler" / "scheduler_config.json", SCHEDULER | (scheduler or {}))
    for name in ("unet", "vae"):
        (folder / name / "diffusion_pytorch_model.safetensors").write_bytes(safetensors())
    for name in ENCODERS[family]:
        write_json(folder / name / "config.json", {})
        (folder / name / "model.safetensors").write_bytes(safetensors())
        write_json(folder / name.replace("text_encoder", "tokenizer") / "vocab.json", {})
    if sheet is not None:
        write_json(folder / "pentimento.json", sheet)
    return folder
