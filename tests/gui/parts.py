"""A LoRA and a VAE for the starter model, for tests and pictures that choose them in a dialog."""

from __future__ import annotations

from pathlib import Path

from tests.support.tiny_addons import write_lora

STARTER = Path(__file__).resolve().parents[2] / "server" / "pentimento" / "starter" / "model"
WARMTH = (0.1, 0.0, -0.1)  # added to red, green and blue of what the VAE decodes


def write_parts(data: Path) -> None:
    """The LoRA `ink`, of random weights, and the VAE `warm`, which is the starter model's own with
    a colour cast, into a data folder."""
    import torch
    from diffusers import AutoencoderTiny

    write_lora(STARTER, data / "loras" / "ink.safetensors", seed=1)
    vae = AutoencoderTiny.from_pretrained(STARTER / "vae")
    with torch.no_grad():
        vae.decoder.layers[-1].bias += torch.tensor(WARMTH)
    vae.save_pretrained(data / "vaes" / "warm")
