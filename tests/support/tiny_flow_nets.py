"""ControlNets with random weights for the tiny rectified-flow models, from their real classes."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from tests.support.tiny_models import certain

GAIN, HINT_GAIN = 1.0, 5.0
HINTS = (
    *("input_hint_block.", "controlnet_x_embedder.", "pos_embed_input.", "control_all_x_embedder."),
    "controlnet_mode_embedder.",
)
FLUX: dict[str, Any] = {
    "in_channels": 16,
    "num_layers": 2,
    "num_single_layers": 2,
    "attention_head_dim": 16,
    "num_attention_heads": 2,
    "joint_attention_dim": 32,
    "pooled_projection_dim": 32,
    "axes_dims_rope": (4, 4, 8),
}
SD3: dict[str, Any] = {
    "sample_size": 8,
    "in_channels": 4,
    "out_channels": 4,
    "num_layers": 2,
    "attention_head_dim": 8,
    "num_attention_heads": 4,
    "joint_attention_dim": 64,
    "caption_projection_dim": 32,
    "pooled_projection_dim": 64,
}
QWEN_IMAGE: dict[str, Any] = {
    "in_channels": 16,
    "out_channels": 4,
    "num_layers": 2,
    "attention_head_dim": 16,
    "num_attention_heads": 2,
    "joint_attention_dim": 16,
    "axes_dims_rope": (8, 4, 4),
}
Z_IMAGE: dict[str, Any] = {
    "control_layers_places": [0],
    "control_refiner_layers_places": [0],
    "control_in_dim": 16,
    "dim": 32,
    "n_refiner_layers": 1,
    "n_heads": 2,
    "n_kv_heads": 2,
}
NETS: dict[str, tuple[str, str, dict[str, Any]]] = {  # folder -> model, class, configuration
    "sd3-canny": ("sd3", "SD3ControlNetModel", SD3),
    "sd3-shifted-canny": (
        "sd3",
        "SD3ControlNetModel",
        SD3 | {"force_zeros_for_pooled_projection": False},
    ),
    "sd3-large-canny": (
        "sd3",
        "SD3ControlNetModel",
        SD3
        | {
            "joint_attention_dim": None,
            "pos_embed_type": None,
            "use_pos_embed": False,
            "force_zeros_for_pooled_projection": False,
        },
    ),
    "flux-canny": ("flux", "FluxControlNetModel", FLUX | {"num_single_layers": 0}),
    "flux-union": ("flux", "FluxControlNetModel", FLUX | {"num_mode": 10, "guidance_embeds": True}),
    "flux-pixels-canny": (
        "flux",
        "FluxControlNetModel",
        FLUX
        | {
            "patch_size": 2,
            "num_single_layers": 0,
            "guidance_embeds": True,
            "conditioning_embedding_channels": 4,
        },
    ),
    "qwen-canny": ("qwen-image", "QwenImageControlNetModel", QWEN_IMAGE),
    "z-image-union": ("z-image", "ZImageControlNetModel", Z_IMAGE),
    "z-image-union-2": (
        "z-image",
        "ZImageControlNetModel",
        Z_IMAGE | {"control_in_dim": 33, "add_control_noise_refiner": "control_noise_refiner"},
    ),
}
FILLING: dict[str, tuple[str, str, dict[str, Any]]] = {  # those that read what is around a hole
    "sd3-inpaint": ("sd3", "SD3ControlNetModel", SD3 | {"extra_conditioning_channels": 1}),
    "qwen-inpaint": (
        "qwen-image",
        "QwenImageControlNetModel",
        QWEN_IMAGE | {"extra_condition_channels": 4},
    ),
    "z-image-union-2": NETS["z-image-union-2"],
}


def write_flow_net(folder: Path, kind: str, config: dict[str, Any]) -> Path:
    """As they are made they do nothing, so every weight is drawn at random, large enough that the
    map, its kind and the words all count."""
    import diffusers
    import torch

    torch.manual_seed(0)
    net = getattr(diffusers, kind)(**config)
    with torch.no_grad():
        for name, weight in net.named_parameters():
            inputs = weight[0].numel() if weight.ndim > 1 else 1
            gain = GAIN * (HINT_GAIN if name.startswith(HINTS) else 1)
            weight.copy_(torch.randn_like(weight) * gain / inputs**0.5)
    net.save_pretrained(folder)
    return folder


def write_all(folder: Path) -> None:
    """All of NETS."""
    for name, (_model, kind, config) in NETS.items():
        write_flow_net(folder / name, kind, config)


def deepened(model: Path) -> Path:
    """A tiny model whose transformer has more blocks than its ControlNets have layers."""
    import torch
    from diffusers import DiffusionPipeline

    torch.manual_seed(0)
    transformer = DiffusionPipeline.from_pretrained(model).transformer
    deeper = {name: 5 for name in ("num_layers", "num_single_layers") if name in transformer.config}
    type(transformer).from_config(dict(transformer.config) | deeper).save_pretrained(
        model / "transformer"
    )
    return model


PIPELINES = {
    "SD3ControlNetModel": "StableDiffusion3ControlNetPipeline",
    "FluxControlNetModel": "FluxControlNetPipeline",
    "QwenImageControlNetModel": "QwenImageControlNetPipeline",
    "ZImageControlNetModel": "ZImageControlNetPipeline",
}


FILLING_PIPELINES = {
    "SD3ControlNetModel": "StableDiffusion3ControlNetInpaintingPipeline",
    "QwenImageControlNetModel": "QwenImageControlNetInpaintPipeline",
    "ZImageControlNetModel": "ZImageControlNetInpaintPipeline",
}


def pipeline(model: Path, net: Path, kind: str, *, fills: bool = False) -> Any:
    """diffusers' own one for text to image with this ControlNet, or for one that fills."""
    import diffusers

    parts = diffusers.DiffusionPipeline.from_pretrained(model).components
    parts["vae"] = certain(parts["vae"])
    parts["controlnet"] = getattr(diffusers, kind).from_pretrained(net)
    made = getattr(diffusers, (FILLING_PIPELINES if fills else PIPELINES)[kind])
    taken = inspect.signature(made.__init__).parameters
    pipe = made(**{name: part for name, part in parts.items() if name in taken})
    pipe.set_progress_bar_config(disable=True)
    return pipe
