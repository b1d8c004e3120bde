"""Encoders of prompts and of pictures."""

from __future__ import annotations

from pentimento.models.weights.detect.base import Found, Weights
from pentimento.schema.vocabulary import ModelRole

TEXT_ARCHITECTURES = ("t5", "t5encoder", "qwen2", "qwen2vl", "qwen3", "qwen3vl", "llama", "gemma2")
CLIP_WIDTHS = {768: "CLIP-L", 1024: "OpenCLIP-H", 1280: "OpenCLIP-G"}


def _text_encoder(weights: Weights) -> Found | None:
    for name in (
        "text_model.embeddings.token_embedding.weight",
        "transformer.text_model.embeddings.token_embedding.weight",
    ):
        if name in weights and not weights.starts("vision_model."):
            return Found(
                ModelRole.TEXT_ENCODER, (), CLIP_WIDTHS.get(weights.side(name, 1) or 0, "")
            )
    if "encoder.block.0.layer.0.SelfAttention.q.weight" in weights:
        return Found(ModelRole.TEXT_ENCODER, (), "T5")
    if weights.has("enc.blk.0.attn_q.weight", "token_embd.weight"):
        return Found(ModelRole.TEXT_ENCODER, (), "T5", "gguf")
    if weights.has("model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.weight"):
        return Found(ModelRole.TEXT_ENCODER, (), "language model")
    if weights.has("token_embd.weight", "blk.0.attn_q.weight"):
        return Found(ModelRole.TEXT_ENCODER, (), "language model", "gguf")
    return None


def _image_encoder(weights: Weights) -> Found | None:
    name = "vision_model.encoder.layers.0.self_attn.q_proj.weight"
    if name not in weights or weights.starts("text_model."):
        return None
    return Found(ModelRole.IMAGE_ENCODER, (), f"CLIP {weights.side(name, 0)}")


ENCODERS = (_text_encoder, _image_encoder)
