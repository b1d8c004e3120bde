"""Folders of models at their true size: real configurations, and weights as holes in sparse files.

Where a family's configuration ships with the server that one is used; the others are those of the
models' own repositories, written down as what differs from the class's defaults.
"""

from __future__ import annotations

import inspect
import json
import shutil
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from safetensors.torch import save_file
from tests.support.tiny_flow_models import (
    _qwen_tokenizer,
    _t5_tokenizer,
    any_tokenizer,
    gemma_tokenizer,
    pixtral_tokenizer,
)
from tests.support.tiny_models import clip_tokenizer
from torch import nn
from torch.utils._python_dispatch import _disable_current_modes

from pentimento.models.library.checkpoint import CONFIGS

Config = dict[str, Any]
NAMES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}
T5_XXL: Config = {
    "model_type": "t5",
    "d_model": 4096,
    "d_ff": 10240,
    "d_kv": 64,
    "num_heads": 64,
    "num_layers": 24,
    "vocab_size": 32128,
    "feed_forward_proj": "gated-gelu",
    "tie_word_embeddings": False,
}
QWEN3_4B: Config = {
    "model_type": "qwen3",
    "hidden_size": 2560,
    "intermediate_size": 9728,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 151936,
    "tie_word_embeddings": True,
}
FLUX_VAE: Config = {
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "layers_per_block": 2,
    "latent_channels": 16,
    "sample_size": 1024,
    "scaling_factor": 0.3611,
    "shift_factor": 0.1159,
    "use_quant_conv": False,
    "use_post_quant_conv": False,
}
QWEN25_VL_7B: Config = {
    "text_config": {
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "vocab_size": 152064,
        "rope_scaling": {"mrope_section": [16, 24, 24], "rope_type": "default", "type": "default"},
    },
    "vision_config": {
        "depth": 32,
        "hidden_size": 1280,
        "intermediate_size": 3420,
        "num_heads": 16,
        "out_hidden_size": 3584,
    },
}
MINISTRAL_3B: Config = {  # of baidu/ERNIE-Image; what is left out as its classes have it
    "text_config": {
        "model_type": "mistral",
        "hidden_size": 3072,
        "intermediate_size": 9216,
        "num_hidden_layers": 26,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "vocab_size": 131072,
    },
    "vision_config": {"model_type": "pixtral"},
}
QWEN3_8B: Config = QWEN3_4B | {
    "hidden_size": 4096,
    "intermediate_size": 12288,
    "tie_word_embeddings": False,
}
MISTRAL_24B: Config = {  # Mistral Small 3.2
    "text_config": {
        "model_type": "mistral",
        "hidden_size": 5120,
        "intermediate_size": 32768,
        "num_hidden_layers": 40,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "vocab_size": 131072,
    },
    "vision_config": {"model_type": "pixtral"},
}
QWEN3_2B: Config = QWEN3_4B | {  # Ovis 2.5's language model
    "hidden_size": 2048,
    "intermediate_size": 6144,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
}
GEMMA2_2B: Config = {"model_type": "gemma2"} | {  # of Google's gemma-2-2b
    "hidden_size": 2304,
    "intermediate_size": 9216,
    "num_hidden_layers": 26,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "vocab_size": 256000,
}
QWEN3_VL_4B: Config = {  # of Qwen/Qwen3-VL-4B-Instruct
    "text_config": {
        "hidden_size": 2560,
        "intermediate_size": 9728,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "vocab_size": 151936,
        "rope_scaling": {
            "mrope_interleaved": True,
            "mrope_section": [24, 20, 20],
            "rope_type": "default",
        },
    },
    "vision_config": {
        "depth": 24,
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_heads": 16,
        "out_hidden_size": 2560,
        "deepstack_visual_indexes": [5, 11, 17],
    },
}
SHIFTING: Config = {"shift": 3.0, "use_dynamic_shifting": True}
FLOW = "FlowMatchEulerDiscreteScheduler"
TOKENIZERS: dict[str, Callable[[], Any]] = {
    "CLIPTokenizer": clip_tokenizer,
    "T5Tokenizer": _t5_tokenizer,
    "Qwen2Tokenizer": _qwen_tokenizer,
    "TokenizersBackend": any_tokenizer,
    "GemmaTokenizer": gemma_tokenizer,
    "PixtralProcessor": pixtral_tokenizer,
}


def _shipped(family: str, part: str) -> Config:
    told: Config = json.loads((CONFIGS / family / part / "config.json").read_text("utf-8"))
    return told


@dataclass(frozen=True)
class Model:
    """One model of true size. `parts` maps a folder to its class and configuration; `weights` is
    the type of the numbers in its files."""

    family: str
    pipeline: str
    parts: dict[str, tuple[str, Config]]
    tokenizers: dict[str, str]
    scheduler: Config = field(default_factory=dict)
    weights: torch.dtype = torch.bfloat16


def _clip(part: str, kind: str) -> tuple[str, Config]:
    return kind, _shipped("sdxl", part)


CLIP_L = _clip("text_encoder", "CLIPTextModel")
CLIP_L_PROJECTED = _clip("text_encoder", "CLIPTextModelWithProjection")
CLIP_G = _clip("text_encoder_2", "CLIPTextModelWithProjection")
T5 = ("T5EncoderModel", T5_XXL)
SDXL_TOKENIZERS = {"tokenizer": "CLIPTokenizer", "tokenizer_2": "CLIPTokenizer"}

MODELS: dict[str, Model] = {
    "sd15": Model(
        "sd15",
        "StableDiffusionPipeline",
        {
            "unet": ("UNet2DConditionModel", _shipped("sd15", "unet")),
            "vae": ("AutoencoderKL", _shipped("sd15", "vae")),
            "text_encoder": ("CLIPTextModel", _shipped("sd15", "text_encoder")),
        },
        {"tokenizer": "CLIPTokenizer"},
        weights=torch.float16,
    ),
    "sdxl": Model(
        "sdxl",
        "StableDiffusionXLPipeline",
        {
            "unet": ("UNet2DConditionModel", _shipped("sdxl", "unet")),
            "vae": ("AutoencoderKL", _shipped("sdxl", "vae")),
            "text_encoder": CLIP_L,
            "text_encoder_2": CLIP_G,
        },
        SDXL_TOKENIZERS,
        weights=torch.float16,
    ),
    "sd3.5-medium": Model(
        "sd3",
        "StableDiffusion3Pipeline",
        {
            "transformer": (
                "SD3Transformer2DModel",
                {
                    "num_layers": 24,
                    "num_attention_heads": 24,
                    "caption_projection_dim": 1536,
                    "pos_embed_max_size": 384,
                    "dual_attention_layers": list(range(13)),
                    "qk_norm": "rms_norm",
                },
            ),
            "vae": ("AutoencoderKL", FLUX_VAE | {"scaling_factor": 1.5305, "shift_factor": 0.0609}),
            "text_encoder": CLIP_L_PROJECTED,
            "text_encoder_2": CLIP_G,
            "text_encoder_3": T5,
        },
        SDXL_TOKENIZERS | {"tokenizer_3": "T5Tokenizer"},
        {"shift": 3.0},
    ),
    "flux1-dev": Model(
        "flux",
        "FluxPipeline",
        {
            "transformer": ("FluxTransformer2DModel", {"guidance_embeds": True}),
            "vae": ("AutoencoderKL", FLUX_VAE),
            "text_encoder": CLIP_L,
            "text_encoder_2": T5,
        },
        {"tokenizer": "CLIPTokenizer", "tokenizer_2": "T5Tokenizer"},
        SHIFTING,
    ),
    "flux2-klein-4b": Model(
        "flux2-klein",
        "Flux2KleinPipeline",
        {
            "transformer": (
                "Flux2Transformer2DModel",
                {
                    "num_layers": 5,
                    "num_single_layers": 20,
                    "num_attention_heads": 24,
                    "joint_attention_dim": 7680,
                    "guidance_embeds": False,
                },
            ),
            "vae": ("AutoencoderKLFlux2", {}),
            "text_encoder": ("Qwen3ForCausalLM", QWEN3_4B),
        },
        {"tokenizer": "Qwen2Tokenizer"},
        SHIFTING,
    ),
    "flux2-klein-9b": Model(
        "flux2-klein",
        "Flux2KleinPipeline",
        {
            "transformer": (
                "Flux2Transformer2DModel",
                {
                    "num_layers": 8,
                    "num_single_layers": 24,
                    "num_attention_heads": 32,
                    "joint_attention_dim": 12288,
                    "guidance_embeds": False,
                },
            ),
            "vae": ("AutoencoderKLFlux2", {}),
            "text_encoder": ("Qwen3ForCausalLM", QWEN3_8B),
        },
        {"tokenizer": "Qwen2Tokenizer"},
        SHIFTING,
    ),
    "flux2-dev": Model(
        "flux2-dev",
        "Flux2Pipeline",
        {
            "transformer": ("Flux2Transformer2DModel", {}),  # true size by default
            "vae": ("AutoencoderKLFlux2", {}),
            "text_encoder": ("Mistral3ForConditionalGeneration", MISTRAL_24B),
        },
        {"tokenizer": "PixtralProcessor"},
        SHIFTING,
    ),
    "chroma1-hd": Model(
        "chroma",
        "ChromaPipeline",
        {
            "transformer": ("ChromaTransformer2DModel", {}),
            "vae": ("AutoencoderKL", FLUX_VAE),
            "text_encoder": T5,
        },
        {"tokenizer": "T5Tokenizer"},
    ),
    "z-image-turbo": Model(
        "z-image",
        "ZImagePipeline",
        {
            "transformer": ("ZImageTransformer2DModel", {}),
            "vae": ("AutoencoderKL", FLUX_VAE),
            "text_encoder": ("Qwen3Model", QWEN3_4B),
        },
        {"tokenizer": "Qwen2Tokenizer"},
        {"shift": 3.0},
    ),
    "qwen-image": Model(
        "qwen-image",
        "QwenImagePipeline",
        {
            "transformer": ("QwenImageTransformer2DModel", {}),
            "vae": ("AutoencoderKLQwenImage", {}),
            "text_encoder": ("Qwen2_5_VLForConditionalGeneration", QWEN25_VL_7B),
        },
        {"tokenizer": "Qwen2Tokenizer"},
        SHIFTING | {"shift_terminal": 0.02},
    ),
    "ernie-image": Model(
        "ernie-image",
        "ErnieImagePipeline",
        {
            "transformer": (
                "ErnieImageTransformer2DModel",
                {
                    "hidden_size": 4096,
                    "num_attention_heads": 32,
                    "num_layers": 36,
                    "ffn_hidden_size": 12288,
                    "text_in_dim": 3072,
                },
            ),
            "vae": ("AutoencoderKLFlux2", {}),
            "text_encoder": ("Mistral3Model", MINISTRAL_3B),
        },
        {"tokenizer": "TokenizersBackend"},
        {"shift": 4.0},
    ),
    "longcat-image": Model(
        "longcat-image",
        "LongCatImagePipeline",
        {
            "transformer": (  # as many blocks as its file of 12.5 GB holds
                "LongCatImageTransformer2DModel",
                {"num_layers": 10, "num_single_layers": 20},
            ),
            "vae": ("AutoencoderKL", FLUX_VAE),
            "text_encoder": ("Qwen2_5_VLForConditionalGeneration", QWEN25_VL_7B),
        },
        {"tokenizer": "Qwen2Tokenizer"},
        SHIFTING,
    ),
    "ovis-image": Model(
        "ovis-image",
        "OvisImagePipeline",
        {
            "transformer": ("OvisImageTransformer2DModel", {}),  # true size by default
            "vae": ("AutoencoderKL", FLUX_VAE),
            "text_encoder": ("Qwen3Model", QWEN3_2B),
        },
        {"tokenizer": "Qwen2Tokenizer"},
        SHIFTING,
    ),
    "lumina-image-2": Model(
        "lumina2",
        "Lumina2Pipeline",
        {
            "transformer": ("Lumina2Transformer2DModel", {"cap_feat_dim": 2304}),
            "vae": ("AutoencoderKL", FLUX_VAE),
            "text_encoder": ("Gemma2Model", GEMMA2_2B),
        },
        {"tokenizer": "GemmaTokenizer"},
        {"shift": 6.0},
    ),
    "krea2-raw": Model(
        "krea2",
        "Krea2Pipeline",
        {
            "transformer": ("Krea2Transformer2DModel", {}),  # true size by default
            "vae": ("AutoencoderKLQwenImage", {}),
            "text_encoder": ("Qwen3VLModel", QWEN3_VL_4B),
        },
        {"tokenizer": "Qwen2Tokenizer"},
        {"use_dynamic_shifting": True, "max_image_seq_len": 6400},
    ),
}


def write_all(name: str, data: Path) -> None:
    """One of `MODELS` in a data directory, with what steers it."""
    write(name, data / "models" / name)
    write_lora(name, data / "loras" / f"{name}.safetensors")
    if name in NETS:
        write_net(name, data / "controlnets" / f"{name}-canny")
    if "unet" in MODELS[name].parts:
        write_ip_adapter(name, data / "ip_adapters" / f"{name}-face")


def write(name: str, folder: Path) -> Path:
    """The folder of one of `MODELS`."""
    model = MODELS[name]
    index: Config = {"_class_name": model.pipeline}
    for part, (kind, config) in model.parts.items():
        write_part(folder / part, kind, config, model.weights)
        index[part] = ["diffusers" if hasattr(diffusers, kind) else "transformers", kind]
    for part, kind in model.tokenizers.items():
        TOKENIZERS[kind]().save_pretrained(folder / part)
        index[part] = ["transformers", kind]
    if model.scheduler or model.family not in ("sd15", "sdxl"):
        index["scheduler"] = ["diffusers", FLOW]
        kind = getattr(diffusers, FLOW)
        kind(**model.scheduler).save_pretrained(folder / "scheduler")
    else:
        index["scheduler"] = ["diffusers", "EulerDiscreteScheduler"]
        shutil.copytree(CONFIGS / model.family / "scheduler", folder / "scheduler")
    (folder / "model_index.json").write_text(json.dumps(index), "utf-8")
    return folder


UNET_NET: Config = {"conditioning_embedding_out_channels": [16, 32, 96, 256]}
NETS: dict[str, tuple[str, Config]] = {  # a ControlNet for each model that takes one
    "sd15": ("ControlNetModel", UNET_NET),
    "sdxl": ("ControlNetModel", UNET_NET),
    "flux1-dev": (
        "FluxControlNetModel",
        {"num_layers": 5, "num_single_layers": 10, "guidance_embeds": True},
    ),
}


def write_net(name: str, folder: Path) -> Path:
    """A ControlNet of true size for one of `MODELS`."""
    kind, config = NETS[name]
    if kind == "ControlNetModel":
        taken = inspect.signature(diffusers.ControlNetModel.__init__).parameters
        unet = MODELS[name].parts["unet"][1]
        config = {key: value for key, value in unet.items() if key in taken} | config
    return write_part(folder, kind, config, MODELS[name].weights)


def write_lora(name: str, file: Path) -> Path:
    """Of rank 2, for the attention of one of `MODELS`, with real zeros."""
    part = "unet" if "unet" in MODELS[name].parts else "transformer"
    kind, config = MODELS[name].parts[part]
    weights = {}
    for path, layer in built(kind, json.dumps(config)).named_modules():
        if isinstance(layer, nn.Linear) and path.rpartition(".")[2] in ("to_q", "to_k", "to_v"):
            weights[f"{part}.{path}.lora_A.weight"] = torch.zeros(2, layer.in_features)
            weights[f"{part}.{path}.lora_B.weight"] = torch.zeros(layer.out_features, 2)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, file)
    return file


def write_ip_adapter(name: str, folder: Path) -> Path:
    """IP-Adapter's plain kind with OpenCLIP-H, for a UNet."""
    kind, config = MODELS[name].parts["unet"]
    unet = built(kind, json.dumps(config))
    width, pooled = unet.config.cross_attention_dim, 1024
    shapes = {
        "image_proj.proj.weight": (4 * width, pooled),
        "image_proj.proj.bias": (4 * width,),
        "image_proj.norm.weight": (width,),
        "image_proj.norm.bias": (width,),
    }
    crossing = [path for path in unet.attn_processors if path.endswith("attn2.processor")]
    for number, path in enumerate(crossing):
        attention = unet.get_submodule(path.removesuffix(".processor"))
        for part in ("to_k_ip", "to_v_ip"):
            shapes[f"ip_adapter.{2 * number + 1}.{part}.weight"] = attention.to_k.weight.shape
    with torch.device("meta"):
        weights = {key: torch.empty(shape) for key, shape in shapes.items()}
    write_hole(folder / "ip-adapter.safetensors", weights, torch.float16)
    vision = {
        "hidden_size": 1280,
        "intermediate_size": 5120,
        "num_hidden_layers": 32,
        "num_attention_heads": 16,
        "patch_size": 14,
        "projection_dim": pooled,
        "hidden_act": "gelu",
    }
    write_part(folder / "image_encoder", "CLIPVisionModelWithProjection", vision, torch.float16)
    return folder


def write_part(folder: Path, kind: str, config: Config, dtype: torch.dtype) -> Path:
    """A part's configuration, and its weights as a hole."""
    folder.mkdir(parents=True)
    module = built(kind, json.dumps(config))
    diffusers_ = isinstance(module, diffusers.ModelMixin)
    name = "diffusion_pytorch_model" if diffusers_ else "model"
    if "_class_name" in config:  # as its repository has it, defaults that came later left out
        (folder / "config.json").write_text(json.dumps(config), "utf-8")
    elif diffusers_:
        module.save_config(folder)
    else:
        module.config.save_pretrained(folder)
    write_hole(folder / f"{name}.safetensors", module.state_dict(), dtype)
    return folder


def write_hole(file: Path, weights: Mapping[str, torch.Tensor], dtype: torch.dtype) -> Path:
    """A safetensors file whose header is true, and whose numbers take no room on the disk."""
    header: dict[str, Any] = {}
    at = 0
    for name, weight in weights.items():
        size = weight.numel() * dtype.itemsize
        header[name] = {
            "dtype": NAMES[dtype],
            "shape": list(weight.shape),
            "data_offsets": [at, at + size],
        }
        at += size
    told = json.dumps(header).encode()
    told += b" " * (-len(told) % 8)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as stream:
        stream.write(len(told).to_bytes(8, "little") + told)
        stream.truncate(8 + len(told) + at)
    return file


@cache
def built(kind: str, config: str) -> nn.Module:
    """On the meta device; nobody may change it."""
    told = json.loads(config)
    with torch.device("meta"):
        made = getattr(diffusers, kind, None)
        if made is not None:
            module = made.from_config(told)
        else:
            made = getattr(transformers, kind)
            module = made(made.config_class(**{k: v for k, v in told.items() if k[0] != "_"}))
    return module.eval().requires_grad_(False)


def read(kind: type[Any], folder: Path, dtype: torch.dtype) -> nn.Module:
    """In place of what reads a folder's weights: the same module, on a processor, with fake ones;
    to be called where tensors are fake."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    with _disable_current_modes():
        module = deepcopy(built(kind.__name__, json.dumps(config)))
    kept = getattr(module, "_keep_in_fp32_modules", None) or ()
    for path, one in module.named_modules():
        wide = any(part in kept for part in path.split("."))
        for name, weight in one._parameters.items():
            if weight is not None:
                one._parameters[name] = nn.Parameter(
                    _fake(weight, torch.float32 if wide else dtype), requires_grad=False
                )
        for name, buffer in one._buffers.items():
            if buffer is not None:
                one._buffers[name] = _fake(buffer, dtype)
    return module


def _fake(weight: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    kind = dtype if weight.is_floating_point() else weight.dtype
    return torch.empty(weight.shape, dtype=kind, device="cpu")
