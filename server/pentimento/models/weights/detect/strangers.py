"""Denoisers of families that are told by name and not supported: a weight or two that no other
family has, in the layouts of their authors, ComfyUI and diffusers."""

from __future__ import annotations

from pentimento.models.weights.detect.base import Found, Weights
from pentimento.schema.vocabulary import ModelRole

PREFIXES = ("", "net.")  # NVIDIA's have the second
MARKS: tuple[tuple[str, tuple[str, ...]], ...] = (  # the first row whose names are all there
    ("flux3", ("x_embedders.image.weight", "single_stream_modulations.image.linear.weight")),
    ("qwen-image-2.1", ("txt_in.text_norm.weight", "transformer_blocks.0.img_mlp.out.weight")),
    ("omnigen2", ("ref_image_patch_embedder.weight",)),
    ("sana", ("patch_embed.proj.weight", "transformer_blocks.0.ff.conv_inverted.weight")),
    ("wan", ("patch_embedding.weight", "condition_embedder.text_embedder.linear_1.weight")),
    ("wan", ("patch_embedding.weight", "blocks.0.cross_attn.q.weight", "head.modulation")),
    ("ltx-video", ("patchify_proj.weight", "adaln_single.linear.weight")),
    (
        "ltx-video",
        ("proj_in.weight", "time_embed.linear.weight", "caption_projection.linear_1.bias"),
    ),
    ("hidream", ("caption_projection.0.linear.weight",)),
    ("auraflow", ("joint_transformer_blocks.0.attn.to_q.weight", "time_step_proj.linear_1.weight")),
    ("auraflow", ("double_layers.0.attn.w1q.weight",)),
    ("pixart", ("adaln_single.emb.resolution_embedder.linear_1.weight",)),
    ("pixart", ("t_block.1.weight", "y_embedder.y_embedding")),
    (
        "cogview",
        (
            "patch_embed.text_proj.weight",
            "time_condition_embed.condition_embedder.linear_1.weight",
        ),
    ),
    ("kandinsky5", ("text_transformer_blocks.0.self_attention.to_query.weight",)),
    ("prx", ("blocks.0.attention.img_qkv_proj.weight",)),
    ("glm-image", ("glyph_projector.net.0.proj.weight",)),
    ("hunyuan-video", ("txt_in.individual_token_refiner.blocks.0.norm1.weight",)),
    ("hunyuan-dit", ("mlp_t5.0.weight",)),
    ("chroma-radiance", ("nerf_blocks.0.norm.scale",)),
    ("stable-cascade", ("clf.1.weight", "clip_txt_mapper.weight")),
    ("stable-cascade", ("clf.1.weight", "effnet_mapper.0.weight")),
    (
        "cosmos-predict2",
        ("x_embedder.proj.1.weight", "blocks.0.adaln_modulation_self_attn.1.weight"),
    ),
)
TOKEN_REFINER = "context_embedder.token_refiner.refiner_blocks.0.attn.to_q.weight"  # HunyuanImage
ADAPTER = "llm_adapter."  # what Anima adds to Cosmos-Predict2


def stranger(weights: Weights) -> Found | None:
    for family, names in MARKS:
        for prefix in PREFIXES:
            if all(prefix + name in weights for name in names):
                return _found("anima" if weights.starts(prefix + ADAPTER) else family)
    if TOKEN_REFINER in weights:
        sides = len(weights.shape("x_embedder.proj.weight"))
        return _found({4: "hunyuan-image", 5: "hunyuan-video"}.get(sides, ""))
    return None


def _found(family: str) -> Found:
    return Found(ModelRole.DENOISER, (family,) if family else ())
