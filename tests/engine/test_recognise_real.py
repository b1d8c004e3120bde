"""Headers of diffusers' own networks, in their real shapes and without memory, are recognised."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import diffusers
import pytest
import torch

from pentimento.models.library.checkpoint import CONFIGS
from pentimento.models.weights.detect.recognise import Recognised, of_header
from pentimento.models.weights.header import Header, TensorEntry

SHORT = {"num_layers": 2, "num_single_layers": 2}
KL16 = {
    "latent_channels": 16,
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
}


def unet(family: str) -> torch.nn.Module:
    config = json.loads((CONFIGS / family / "unet" / "config.json").read_text())
    return diffusers.UNet2DConditionModel.from_config(config)


def of(name: str, **config: Any) -> Callable[[], torch.nn.Module]:
    return lambda: getattr(diffusers, name)(**config)


def control(name: str, family: str) -> Callable[[], torch.nn.Module]:
    kind = getattr(diffusers, name)
    return lambda: kind.from_unet(unet(family), load_weights_from_unet=False)


REAL: dict[str, tuple[Callable[[], torch.nn.Module], str, str, str]] = {
    "sd15": (lambda: unet("sd15"), "denoiser", "sd15", ""),
    "sdxl": (lambda: unet("sdxl"), "denoiser", "sdxl", ""),
    "flux-dev": (
        of("FluxTransformer2DModel", guidance_embeds=True, **SHORT),
        *("denoiser", "flux", "dev or kontext"),
    ),
    "flux-schnell": (of("FluxTransformer2DModel", **SHORT), "denoiser", "flux", "schnell"),
    "flux-fill": (
        of("FluxTransformer2DModel", in_channels=384, guidance_embeds=True, **SHORT),
        *("denoiser", "flux", "fill"),
    ),
    "chroma": (of("ChromaTransformer2DModel", **SHORT), "denoiser", "chroma", ""),
    "flux2-dev": (of("Flux2Transformer2DModel", **SHORT), "denoiser", "flux2-dev", ""),
    "klein": (
        of("Flux2Transformer2DModel", guidance_embeds=False, **SHORT),
        *("denoiser", "flux2-klein", ""),
    ),
    "qwen": (of("QwenImageTransformer2DModel", num_layers=2), "denoiser", "qwen-image", ""),
    "z-image": (of("ZImageTransformer2DModel", n_layers=2), "denoiser", "z-image", ""),
    "sd3": (of("SD3Transformer2DModel", num_layers=2), "denoiser", "sd3", "3"),
    "sd35": (
        of("SD3Transformer2DModel", num_layers=2, qk_norm="rms_norm"),
        *("denoiser", "sd3", "3.5 large"),
    ),
    "vae": (of("AutoencoderKL", **KL16), "vae", "unknown", ""),
    "vae-flux2": (of("AutoencoderKLFlux2"), "vae", "unknown", ""),  # of Klein and dev
    "vae-qwen": (of("AutoencoderKLQwenImage"), "vae", "unknown", ""),
    "taesd": (of("AutoencoderTiny"), "tiny_vae", "unknown", ""),
    "controlnet-sd15": (control("ControlNetModel", "sd15"), "controlnet", "sd15", ""),
    "controlnet-sdxl": (control("ControlNetUnionModel", "sdxl"), "controlnet", "sdxl", "union"),
    "controlnet-flux": (
        of("FluxControlNetModel", num_layers=2, num_single_layers=0),
        *("controlnet", "flux", ""),
    ),
    "controlnet-flux-union": (
        of("FluxControlNetModel", num_mode=10, **SHORT),
        *("controlnet", "flux", "union"),
    ),
    "controlnet-flux-pixels": (
        of("FluxControlNetModel", conditioning_embedding_channels=16, **SHORT),
        *("controlnet", "flux", ""),
    ),
    "controlnet-sd3": (of("SD3ControlNetModel", num_layers=2), "controlnet", "sd3", ""),
    "controlnet-sd35-large": (
        of(
            "SD3ControlNetModel",
            num_layers=2,
            joint_attention_dim=None,
            use_pos_embed=False,
            pos_embed_type=None,
        ),
        *("controlnet", "sd3", ""),
    ),
    "controlnet-z-image": (
        of("ZImageControlNetModel", control_layers_places=[0, 5], control_in_dim=33),
        *("controlnet", "z-image", ""),
    ),
    "controlnet-qwen": (
        of("QwenImageControlNetModel", num_layers=2),
        *("controlnet", "qwen-image", ""),
    ),
    "t2i": (of("T2IAdapter", adapter_type="full_adapter"), "t2i_adapter", "sd15", ""),
    # families that are not known are not taken for others
    "animatediff": (of("UNetMotionModel"), "denoiser", "unknown", ""),
    "video-diffusion": (of("UNetSpatioTemporalConditionModel"), "denoiser", "unknown", "edit"),
    "mochi": (of("MochiTransformer3DModel", num_layers=1), "unknown", "unknown", ""),
    "asymmetric": (of("AsymmetricAutoencoderKL"), "vae", "unknown", ""),
}


def told(make: Callable[[], torch.nn.Module]) -> Recognised:
    with torch.device("meta"):
        weights = make().state_dict()
    entries = {name: TensorEntry("BF16", tuple(weight.shape)) for name, weight in weights.items()}
    return of_header(Header("safetensors", entries))


@pytest.mark.parametrize("name", REAL)
def test_a_real_network_is_recognised(name: str) -> None:
    make, role, family, variant = REAL[name]
    found = told(make)
    assert (found.role, found.family, found.variant) == (role, family, variant)
    assert found.precision == "bf16"
