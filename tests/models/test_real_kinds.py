"""Kinds of files that people have and that were unknown, misnamed or used with the wrong effect
(row by row from the table of real files): told for what they are, or unknown, and never another."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from tests.models.header_shapes import FLUX2, QWEN, Z_IMAGE, flux, lora, unet, vae
from tests.models.test_checkpoint import SDXL
from tests.models.weight_files import write

from pentimento.models.library.registry import Registry
from pentimento.models.weights.detect.recognise import Recognised, of_header
from pentimento.models.weights.header import Header, TensorEntry

Shapes = dict[str, Any]
UNET = "model.diffusion_model."


def told(shapes: Shapes, dtype: str = "F16", **metadata: str) -> Recognised:
    entries = {name: TensorEntry(dtype, tuple(shape)) for name, shape in shapes.items()}
    return of_header(Header("safetensors", entries, metadata))


FACE_ID = {  # h94/IP-Adapter-FaceID
    "image_proj.proj.0.weight": [1024, 512],
    "image_proj.norm.weight": [768],
    "ip_adapter.1.to_k_ip.weight": [320, 768],
    **{
        f"ip_adapter.{n}.to_{what}_lora.{end}.weight": [128, 320]
        for n in range(4)
        for what in ("q", "k", "v", "out")
        for end in ("down", "up")
    },
}
SWIN = {
    "conv_first.weight": [180, 3, 3, 3],
    "layers.0.residual_group.blocks.0.attn.qkv.weight": [540, 180],
}
LLLITE = "lllite_dit_blocks_0_self_attn_q_proj"
Z_CONTROL = {  # alibaba-pai's, as ComfyUI has it
    "control_layers.0.attention.qkv.weight": [11520, 3840],
    "control_layers.1.attention.out.weight": [3840, 3840],
    "control_all_x_embedder.2-1.weight": [3840, 132],
    "control_noise_refiner.0.attention.qkv.weight": [11520, 3840],
}
RADIANCE = {
    "distilled_guidance_layer.in_proj.weight": [5120, 64],
    "img_in_patch.weight": [3072, 3, 16, 16],
    "nerf_blocks.0.norm.scale": [64],
    "double_blocks.0.img_attn.qkv.weight": [9216, 3072],
}
COSMOS = {
    "x_embedder.proj.1.weight": [2048, 68],
    "blocks.0.adaln_modulation_self_attn.1.weight": [256, 2048],
}
ADAPTER = {"llm_adapter.blocks.0.cross_attn.q_proj.weight": [1024, 1024]}
KINDS: dict[str, tuple[Shapes, str, str, str]] = {  # role, family, variant
    "ip-adapter faceid": (FACE_ID, "ip_adapter", "sd15", "face"),
    "controlnet z-image": (Z_CONTROL, "controlnet", "z-image", ""),
    "lllite of anima": ({f"{LLLITE}.down.weight": [64, 64]}, "controlnet", "unknown", "lllite"),
    "embedding sd3": (
        {"clip_l": [2, 768], "clip_g": [2, 1280], "t5": [2, 4096]},
        *("embedding", "sd3", ""),
    ),
    "embedding flux": ({"clip_l": [2, 768], "t5": [2, 4096]}, "embedding", "flux", ""),
    "HAT": (
        SWIN | {"layers.0.residual_group.overlap_attn.qkv.weight": [540, 180]},
        *("upscaler", "unknown", "HAT"),
    ),
    "SwinIR": (SWIN, "upscaler", "unknown", "SwinIR"),
    "RestoreFormer": (
        vae(256) | {"quantize.embedding.weight": [1024, 256]},
        *("unknown", "unknown", ""),
    ),
    "sd2 unclip": (
        unet(1024) | {f"{UNET}label_emb.0.0.weight": [1280, 2048]},
        *("denoiser", "unknown", "unclip"),
    ),
    "chroma radiance": (RADIANCE, "denoiser", "chroma-radiance", ""),
    "anima": (COSMOS | ADAPTER, "denoiser", "anima", ""),
    "cosmos": ({f"net.{name}": s for name, s in COSMOS.items()}, "denoiser", "cosmos-predict2", ""),
    "auraflow": ({"double_layers.0.attn.w1q.weight": [8, 8]}, "denoiser", "auraflow", ""),
    "wan": (
        {
            "patch_embedding.weight": [5120, 16, 1, 2, 2],
            "blocks.0.cross_attn.q.weight": [5120, 5120],
            "head.modulation": [1, 2, 5120],
        },
        *("denoiser", "wan", ""),
    ),
    "hunyuan-video": (
        {"txt_in.individual_token_refiner.blocks.0.norm1.weight": [3072], **flux()}
        | {"img_in.proj.weight": [3072, 16, 1, 2, 2]},
        *("denoiser", "hunyuan-video", ""),
    ),
    "z-image omni": (
        Z_IMAGE | {"siglip_embedder.0.weight": [1152]},
        *("denoiser", "z-image-omni", ""),
    ),
    "a net of one's own": ({"patch_embedding.weight": [8, 3, 2, 2]}, "unknown", "unknown", ""),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_told_for_what_it_is(kind: str) -> None:
    shapes, role, family, variant = KINDS[kind]
    found = told(shapes)
    assert (found.role, found.family, found.variant) == (role, family, variant)


SHORT = ("num_layers", "num_single_layers", "n_layers", "num_refiner_layers", "depth")
NETS = {  # diffusers' classes at their true width -> family
    "Krea2Transformer2DModel": "krea2",
    "ErnieImageTransformer2DModel": "ernie-image",
    "Flux3Transformer2DModel": "flux3",
    "QwenImage21Transformer2DModel": "qwen-image-2.1",
    "Lumina2Transformer2DModel": "lumina2",
    "SanaTransformer2DModel": "sana",
    "WanTransformer3DModel": "wan",
    "LTXVideoTransformer3DModel": "ltx-video",
    "AuraFlowTransformer2DModel": "auraflow",
    "PixArtTransformer2DModel": "pixart",
    "CogView4Transformer2DModel": "cogview",
    "Kandinsky5Transformer3DModel": "kandinsky5",
    "HunyuanImageTransformer2DModel": "hunyuan-image",
    "HunyuanVideoTransformer3DModel": "hunyuan-video",
    "PRXTransformer2DModel": "prx",
    "GlmImageTransformer2DModel": "glm-image",
    "OvisImageTransformer2DModel": "ovis-image",
    "DreamLiteUNetModel": "dreamlite",
    "LongCatImageTransformer2DModel": "longcat-image",
    # built as FLUX.1 is, with nothing of its own: not told, and no FLUX.1
    "BriaTransformer2DModel": "unknown",
    # relatives that must not be taken for what is told
    "SanaVideoTransformer3DModel": "unknown",
    "CogVideoXTransformer3DModel": "unknown",
    "MochiTransformer3DModel": "unknown",
    "AllegroTransformer3DModel": "unknown",
    "SkyReelsV2Transformer3DModel": "wan",  # with other weights
    "DiTTransformer2DModel": "unknown",
    "StableAudioDiTModel": "unknown",
    "ConsisIDTransformer3DModel": "unknown",
}


def shapes_of(name: str) -> Shapes:
    kind = getattr(diffusers, name)
    known = inspect.signature(kind.__init__).parameters
    short = {key: 1 for key in SHORT if key in known and isinstance(known[key].default, int)}
    with torch.device("meta"):
        net = kind(**short)
    return {key: list(weight.shape) for key, weight in net.state_dict().items()}


@pytest.mark.parametrize("name", NETS)
def test_a_denoiser_of_another_family_is_told_by_its_name_or_unknown(name: str) -> None:
    found = told(shapes_of(name), "BF16")
    assert found.family == NETS[name]


def test_a_controlnet_with_a_whole_model_in_its_file_is_refused(tmp_path: Path) -> None:
    """Of lllyasviel's first release. It was listed as usable, and failed at the job."""
    alone = unet(768, prefix="control_model.")
    alone["control_model.input_hint_block.0.weight"] = [16, 3, 3, 3]
    merged = alone | unet(768, prefix=UNET) | vae(4, "first_stage_model.")
    for name, shapes in (("alone", alone), ("merged", merged)):
        write(tmp_path / "controlnets" / f"{name}.safetensors", shapes)
    nets = Registry(tmp_path, starter=Path("none")).addons
    assert nets.get("controlnet", "alone").ok
    problem = nets.get("controlnet", "merged").problem
    assert "a ControlNet together with a whole model, which cannot be used in one file" in problem


MIDDLE = {f"{UNET}middle_block.0.in_layers.0.weight": [1280]}
REFUSED: dict[str, tuple[Shapes, str, str]] = {  # weights, their type, and what is said
    "SSD-1B": (SDXL | MIDDLE, "F16", "SSD-1B and Segmind Vega, which are not supported; take an"),
    "FLUX.1 Canny": (flux(128), "BF16", "not supported; take a ControlNet for FLUX.1"),
    "Kandinsky 5": (
        {"text_transformer_blocks.0.self_attention.to_query.weight": [1792, 1792]},
        *("BF16", "of kandinsky5, which is not supported; these are: sd15, sdxl, flux"),
    ),
    "nvfp4": (
        QWEN | {"transformer_blocks.0.img_mod.1.weight_scale_2": []},
        *("F32", "packed as nvfp4, which is not supported; take the same model in fp8, bf16"),
    ),
    "int8 ConvRot": (
        FLUX2 | {"double_blocks.0.img_attn.qkv.weight_scale": [9216, 1]},
        *("I8", r"packed as int8 (ConvRot and the like), which is not supported; take the same"),
    ),
    "int8 SDXL": (SDXL, "I8", "packed as int8 (ConvRot and the like), which is not supported"),
    "mxfp8": (
        flux() | {"single_blocks.0.linear1.weight_scale": [21504, 96]},
        *("U8", "packed as mxfp8, which is not supported; take the same"),
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_used_is_refused_with_what_to_take_instead(
    tmp_path: Path, kind: str
) -> None:
    shapes, dtype, words = REFUSED[kind]
    write(tmp_path / "models" / "mine.safetensors", shapes, dtype)
    model = Registry(tmp_path, starter=Path("none")).get("mine")
    assert not model.ok
    assert words in model.problem


def test_sdxl_itself_has_attention_in_the_middle(tmp_path: Path) -> None:
    whole = SDXL | MIDDLE | {f"{UNET}middle_block.1.norm.weight": [1280]}
    write(tmp_path / "models" / "mine.safetensors", whole)
    assert Registry(tmp_path, starter=Path("none")).get("mine").ok


def test_an_ordinary_lora_is_no_ip_adapter() -> None:
    """What only adds low-rank parts has no projection of a picture."""
    name = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"
    assert told(lora(name, 768, 320, "peft")).role == "lora"


def test_an_embedding_of_sd3_is_not_offered_for_sdxl(tmp_path: Path) -> None:
    """Its two CLIPs are SDXL's."""
    pair = {"clip_l": [2, 768], "clip_g": [2, 1280]}
    write(tmp_path / "embeddings" / "one.safetensors", pair | {"t5": [2, 4096]})
    write(tmp_path / "embeddings" / "two.safetensors", pair)
    write(tmp_path / "models" / "mine.safetensors", SDXL)
    registry = Registry(tmp_path, starter=Path("none"))
    model = registry.get("mine")
    found = {embedding.name: embedding for embedding in registry.embeddings.list()}
    one, two = found["one"], found["two"]
    assert (one.fits(model), two.fits(model)) == (False, True)
    assert "of SD 3 or FLUX.1" in one.problem
