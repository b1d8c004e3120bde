"""What is added to a model: ControlNets, adapters, embeddings; and upscalers."""

from __future__ import annotations

from dataclasses import replace

from pentimento.models.weights.detect.base import CONTEXT_FAMILIES, Found, Weights
from pentimento.models.weights.detect.denoisers import of_unet
from pentimento.schema.vocabulary import ModelRole

LONGEST_EMBEDDING = 128  # vectors
T5_VECTORS = (
    "t5",
    "t5xxl",
    "t5_out",
)  # beside those of the CLIPs, in embeddings of SD 3 and FLUX.1


def _unet_control(weights: Weights) -> Found | None:
    for prefix, hint in (
        ("control_model.", "control_model.input_hint_block.0.weight"),
        ("", "input_hint_block.0.weight"),
        ("", "controlnet_cond_embedding.conv_in.weight"),
    ):
        if hint not in weights or weights.has("double_blocks.0.img_attn.qkv.weight"):
            continue
        first = prefix + "input_blocks.0.0.weight"
        ldm = first in weights
        first = first if ldm else "conv_in.weight"
        context = weights.ending("attn2.to_k.weight")
        wide = context[1] if len(context) == 2 else 0
        if not wide and weights.has("add_embedding.linear_1.weight"):
            wide = 2048  # SDXL's smallest has no attention to the prompt
        found = of_unet(ModelRole.CONTROLNET, weights, first, wide, ldm)
        variant = "union" if "task_embedding" in weights else ""
        variant = "merged" if prefix and weights.starts("model.diffusion_model.") else variant
        return replace(found, variant=variant)
    return None


def _control_lora(weights: Weights) -> Found | None:
    if "lora_controlnet" not in weights:
        return None
    return Found(ModelRole.CONTROLNET, (), "control-lora", "original")


def _lllite(weights: Weights) -> Found | None:
    if not weights.starts("lllite_unet_") and not weights.starts("lllite_dit_"):
        return None
    return Found(ModelRole.CONTROLNET, (), "lllite", "original")


TRANSFORMER_CONTROLS = (  # a weight that only this family's ControlNets have
    ("controlnet_x_embedder.weight", "transformer_blocks.0.img_mod.1.weight", "qwen-image"),
    ("controlnet_x_embedder.weight", "single_transformer_blocks.0.attn.to_q.weight", "flux"),
    ("controlnet_x_embedder.weight", "transformer_blocks.0.norm1.linear.weight", "flux"),
    ("controlnet_blocks.0.weight", "double_blocks.0.img_attn.qkv.weight", "flux"),
    ("controlnet_blocks.0.weight", "pos_embed_input.proj.weight", "sd3"),
    ("control_all_x_embedder.2-1.weight", "control_layers.0.attention.to_q.weight", "z-image"),
    ("control_all_x_embedder.2-1.weight", "control_layers.0.attention.qkv.weight", "z-image"),
)


def _transformer_control(weights: Weights) -> Found | None:
    for one, other, family in TRANSFORMER_CONTROLS:
        if weights.has(one, other):
            variant = "union" if "controlnet_mode_embedder.weight" in weights else ""
            return Found(ModelRole.CONTROLNET, (family,), variant, "diffusers")
    return None


T2I_FAMILIES = {
    64: "sd15",
    192: "sd15",
    256: "sdxl",
    768: "sdxl",
}  # picture unshuffled 8 or 16 times


def _t2i_adapter(weights: Weights) -> Found | None:
    for prefix, mark in (
        ("adapter.", "body.0.resnets.0.block1.weight"),
        ("", "body.0.block1.weight"),
    ):
        if prefix + mark in weights:
            taken = weights.side(prefix + "conv_in.weight", 1)
            family = T2I_FAMILIES.get(taken or 0)
            layout = "diffusers" if prefix else "original"
            families = (family,) if family else ()
            return Found(ModelRole.T2I_ADAPTER, families, "", layout, in_channels=taken)
    return None


def _ip_adapter(weights: Weights) -> Found | None:
    if weights.starts("double_blocks.0.processor.ip_adapter_double_stream"):
        return Found(ModelRole.IP_ADAPTER, ("flux",), "", "original")
    projection = weights.ending(".to_k_ip.weight")
    if len(projection) != 2 or not weights.starts("image_proj."):
        return None
    family = CONTEXT_FAMILIES.get(projection[1])
    variant = "plus" if "image_proj.latents" in weights else ""
    variant = "face" if weights.ending(".to_k_lora.down.weight") else variant
    return Found(
        *(ModelRole.IP_ADAPTER, (family,) if family else (), variant, "original"),
        context_dim=projection[1],
    )


def _embedding(weights: Weights) -> Found | None:
    if any(name in weights for name in T5_VECTORS):
        families = (("sd3",) if "clip_g" in weights else ("flux",)) if "clip_l" in weights else ()
        return Found(ModelRole.EMBEDDING, families) if families else None
    if weights.has("clip_l", "clip_g"):
        wide = weights.side("clip_l", -1), weights.side("clip_g", -1)
        return (
            Found(ModelRole.EMBEDDING, ("sdxl",), context_dim=2048) if wide == (768, 1280) else None
        )
    vectors = weights.shape("emb_params")
    if not vectors:
        name, vectors = weights.only() or ("", ())
        if name.endswith((".weight", ".bias")) or not 1 <= len(vectors) <= 2:
            return None
    if len(vectors) == 2 and not 1 <= vectors[0] <= LONGEST_EMBEDDING:
        return None
    family = {768: "sd15", 1024: "sd2"}.get(vectors[-1])
    if family is None:
        return None
    return Found(ModelRole.EMBEDDING, (family,), context_dim=vectors[-1])


UPSCALERS = (  # architecture, and weights that it has
    ("ESRGAN", ("conv_first.weight", "body.0.rdb1.conv1.weight")),
    ("ESRGAN", ("model.0.weight", "model.1.sub.0.RDB1.conv1.0.weight")),
    ("ESRGAN", ("conv_first.weight", "RRDB_trunk.0.RDB1.conv1.weight")),
    ("HAT", ("conv_first.weight", "layers.0.residual_group.overlap_attn.qkv.weight")),
    ("SwinIR", ("conv_first.weight", "layers.0.residual_group.blocks.0.attn.qkv.weight")),
    ("SPAN", ("conv_1.sk.weight", "block_1.c1_r.sk.weight")),
)


def _upscaler(weights: Weights) -> Found | None:
    for part in weights.under(("params_ema.", "params.")):
        for architecture, names in UPSCALERS:
            if part.has(*names):
                return Found(ModelRole.UPSCALER, (), architecture, "original")
        # SRVGGNet: kernels and the slopes of its PReLUs in turn
        kernels = len(part.shape("body.0.weight")) == 4 and len(part.shape("body.2.weight")) == 4
        if kernels and len(part.shape("body.1.weight")) == 1:
            return Found(ModelRole.UPSCALER, (), "Compact", "original")
    return None


ADDONS = (
    *(_control_lora, _lllite, _ip_adapter, _unet_control, _transformer_control),
    *(_t2i_adapter, _embedding, _upscaler),
)
