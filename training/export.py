"""Puts a trained model into the package: float16, no traces of the machine, swapped in file by
file so that a reader always finds whole files.

    python -m training.export RUN/ema server/pentimento/starter/model
    python -m training.export RUN/canny/ema server/pentimento/starter/canny --part controlnet
    python -m training.export RUN/blueprint/ema server/pentimento/starter/blueprint --part lora
    python -m training.export RUN/quick/ema server/pentimento/starter/quick --part few-steps \
      --steps 4 --guidance 1
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderTiny, ControlNetModel, StableDiffusionPipeline
from safetensors.torch import load_file, save_file

from training.autoencoder import to_tensor
from training.scenes import make_scene

NATIVE_SIZE = 128
LORA = "pytorch_lora_weights.safetensors"
MACHINE_KEYS = ("_name_or_path", "is_local", "local_files_only")


@torch.no_grad()
def latent_colours(vae: AutoencoderTiny, scenes: int = 96) -> dict[str, list]:
    """Linear latents -> RGB for step previews: rgb = matrix @ latent + bias, each -1..1.

    Least squares over scenes; latents as the denoiser sees them (scaled).
    """
    rng = np.random.default_rng(11)
    x = to_tensor(np.stack([make_scene(rng, 128, 128)[0] for _ in range(scenes)]))
    z = vae.encode(x).latents * vae.config.scaling_factor
    known = z.permute(0, 2, 3, 1).reshape(-1, 4).numpy()
    known = np.c_[known, np.ones(len(known))]
    wanted = F.avg_pool2d(x, 4).permute(0, 2, 3, 1).reshape(-1, 3).numpy()
    fit, *_ = np.linalg.lstsq(known, wanted, rcond=None)
    rounded = np.round(fit.astype(float), 5)
    return {"matrix": rounded[:4].T.tolist(), "bias": rounded[4].tolist()}


def card(vae: AutoencoderTiny, sampler: str, steps: int, guidance: float) -> dict[str, object]:
    """What the server needs to know of the model, as `pentimento.json`."""
    return {
        "id": "starter",
        "title": "Starter model",
        "family": "sd15",
        "native_size": NATIVE_SIZE,
        "min_size": 64,
        "max_pixels": 192 * 192,
        "multiple": 32,
        "default_steps": steps,
        "default_guidance": guidance,
        "default_sampler": sampler,
        "licence": "Apache-2.0",
        "note": "simple painted scenes; for photographs get a full model",
        "latent_rgb": latent_colours(vae),
    }


def clean(folder: Path) -> None:
    """Takes the training machine's paths out of the configuration files."""
    for path in folder.rglob("*.json"):
        config = json.loads(path.read_text())
        if any(key in config for key in MACHINE_KEYS):
            kept = {key: value for key, value in config.items() if key not in MACHINE_KEYS}
            path.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")


def save_model(source: Path, fresh: Path, sampler: str, steps: int, guidance: float) -> Path:
    pipeline = StableDiffusionPipeline.from_pretrained(source, dtype=torch.float32)
    details = card(pipeline.vae, sampler, steps, guidance)
    pipeline.to(torch.float16).save_pretrained(fresh)
    (fresh / "pentimento.json").write_text(json.dumps(details, indent=2) + "\n")
    return fresh


def save_controlnet(source: Path, fresh: Path) -> Path:
    control = ControlNetModel.from_pretrained(source, dtype=torch.float32)
    control.to(torch.float16).save_pretrained(fresh)
    return fresh


def save_lora(source: Path, fresh: Path) -> Path:
    weights = load_file(source / LORA)
    fresh.mkdir()
    halves = {name: w.to(torch.float16).contiguous() for name, w in weights.items()}
    save_file(halves, fresh / LORA, {"format": "pt"})
    return fresh


def save_few_steps(source: Path, fresh: Path, sampler: str, steps: int, guidance: float) -> Path:
    """A LoRA with the data sheet that says how it is used."""
    sheet = {
        "default_sampler": sampler,
        "default_steps": steps,
        "default_guidance": guidance,
        "live": True,
    }
    (save_lora(source, fresh) / "pentimento.json").write_text(json.dumps(sheet, indent=2) + "\n")
    return fresh


def put_in_place(fresh: Path, target: Path) -> None:
    """Moves the files of `fresh` over those of `target` and says how large it is."""
    clean(fresh)
    for path in sorted(p for p in fresh.rglob("*") if p.is_file()):
        path.chmod(0o644)
        place = target / path.relative_to(fresh)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, place)
    shutil.rmtree(fresh)
    size = sum(p.stat().st_size for p in target.rglob("*") if p.is_file())
    print(f"{target}: {size / 1e6:.2f} MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Export a trained starter model as float16.")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--sampler", default="DDIM")
    parser.add_argument("--steps", type=int, default=14)
    parser.add_argument("--guidance", type=float, default=3.5)
    parser.add_argument(
        "--part", choices=["model", "controlnet", "lora", "few-steps"], default="model"
    )
    args = parser.parse_args()
    fresh = args.target.with_name(args.target.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    if args.part == "model":
        save_model(args.source, fresh, args.sampler, args.steps, args.guidance)
    elif args.part == "controlnet":
        save_controlnet(args.source, fresh)
    elif args.part == "few-steps":
        save_few_steps(args.source, fresh, args.sampler, args.steps, args.guidance)
    else:
        save_lora(args.source, fresh)
    put_in_place(fresh, args.target)
