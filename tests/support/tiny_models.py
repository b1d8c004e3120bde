"""Model folders with random weights, small enough to run in milliseconds; no network needed.

Architectures, file layout and configurations are those of the real families; only the sizes differ.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

NATIVE = 64  # px
LEAST_VARIANCE = -30.0  # its logarithm; diffusers clips at this
SCHEDULE = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
    "steps_offset": 1,
}


def write_sd15(
    folder: Path,
    *,
    seed: int = 0,
    native: int = NATIVE,
    unet: dict[str, Any] | None = None,
    **schedule: Any,
) -> Path:
    """A Stable Diffusion 1.5 class folder; `schedule` changes its scheduler configuration, `unet`
    adds to its UNet's."""
    import torch
    from diffusers import DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel

    torch.manual_seed(seed)
    denoiser = UNet2DConditionModel(
        **(unet or {}),
        block_out_channels=(32, 64),
        layers_per_block=1,
        sample_size=native // 8,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32,
        attention_head_dim=4,
        norm_num_groups=8,
    )
    options = SCHEDULE | {"clip_sample": False, "set_alpha_to_one": False} | schedule
    pipe = StableDiffusionPipeline(
        unet=denoiser,
        scheduler=DDIMScheduler(**options),
        vae=vae(0.18215),
        text_encoder=clip_text_encoder(),
        tokenizer=clip_tokenizer(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    return save(pipe, folder, native)


def write_sd2(folder: Path, *, native: int = NATIVE) -> Path:
    """As the 1.5 class, but linear projections and a UNet that predicts v."""
    write_sd15(folder, native=native, prediction_type="v_prediction")
    import torch
    from diffusers import UNet2DConditionModel

    torch.manual_seed(0)
    config = UNet2DConditionModel.load_config(folder / "unet")
    unet = UNet2DConditionModel.from_config(config | {"use_linear_projection": True})
    unet.save_pretrained(folder / "unet")
    return folder


def write_sdxl(folder: Path, *, seed: int = 0, native: int = NATIVE) -> Path:
    """An SDXL class folder: two text encoders, time ids, a VAE that wants float32."""
    import torch
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel

    torch.manual_seed(seed)
    unet = UNet2DConditionModel(
        block_out_channels=(32, 64),
        layers_per_block=2,
        sample_size=native // 8,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 2),
        projection_class_embeddings_input_dim=32 + 6 * 8,
        cross_attention_dim=64,
        norm_num_groups=8,
    )
    pipe = StableDiffusionXLPipeline(
        unet=unet,
        scheduler=EulerDiscreteScheduler(**SCHEDULE, timestep_spacing="leading"),
        vae=vae(0.13025, force_upcast=True),
        text_encoder=clip_text_encoder(),
        text_encoder_2=clip_text_encoder(projection=True),
        tokenizer=clip_tokenizer(),
        tokenizer_2=clip_tokenizer(),
    )
    return save(pipe, folder, native)


def save(pipe: Any, folder: Path, native: int = NATIVE) -> Path:
    """The pipeline as a folder whose data sheet allows small pictures and few steps."""
    pipe.save_pretrained(folder, safe_serialization=True)
    sheet = {
        "native_size": native,
        "min_size": 32,
        "max_pixels": 4 * native * native,
        "default_steps": 4,
    }
    (folder / "pentimento.json").write_text(json.dumps(sheet))
    return folder


def vae(scaling: float, latent_channels: int = 4, **options: Any) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=[32] * 4,
        in_channels=3,
        out_channels=3,
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        latent_channels=latent_channels,
        norm_num_groups=8,
        layers_per_block=1,
        scaling_factor=scaling,
        sample_size=NATIVE,
        **options,
    )


def certain(vae: Any) -> Any:
    """The same VAE with latents that have no spread, so that what diffusers draws from them is the
    most likely one, which we take."""
    import torch

    last = vae.quant_conv if getattr(vae, "quant_conv", None) is not None else vae.encoder.conv_out
    half = last.weight.shape[0] // 2
    with torch.no_grad():
        last.weight[half:] = 0
        last.bias[half:] = LEAST_VARIANCE
    return vae


def clip_text_encoder(*, projection: bool = False) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        bos_token_id=512,
        eos_token_id=513,
        pad_token_id=513,
        hidden_size=32,
        intermediate_size=37,
        num_attention_heads=4,
        num_hidden_layers=5,
        vocab_size=514,
        projection_dim=32,
        hidden_act="gelu",
    )
    kind: Callable[[Any], Any] = CLIPTextModelWithProjection if projection else CLIPTextModel
    return kind(config)


def clip_tokenizer() -> Any:
    """CLIP's byte alphabet without merges: every letter is a token."""
    from transformers import CLIPTokenizer

    letters = byte_letters()
    words = [*letters, *(letter + "</w>" for letter in letters)]
    vocabulary = {word: number for number, word in enumerate(words)}
    vocabulary["<|startoftext|>"] = len(vocabulary)
    vocabulary["<|endoftext|>"] = len(vocabulary)
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77)


def byte_letters() -> list[str]:
    """The printable stand-ins for the 256 bytes that byte-level BPE uses (Radford et al. 2019)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return [chr(byte) for byte in plain] + [chr(256 + place) for place in range(len(others))]
