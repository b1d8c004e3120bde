"""Encoders of prompts and of pictures."""

from __future__ import annotations

from pentimento.models.signatures.base import Found, Weights

TEXT_ARCHITECTURES = ("t5", "t5encoder", "qwen2", "qwen2vl", "qwen3", "qwen3vl", "llama", "gemma2")
CLIP_WIDTHS = {768: "CLIP-L", 1024: "OpenCLIP-H", 1280: "OpenCLIP-G"}


def _text_encoder(weights: Weights) -> Found | None:
    for name in (
        "text_model.embeddings.token_embedding.weight",
        "transformer.text_model.embeddings.token_embedding.weight",
    ):
        if name in weights and not weights.starts("vision_model."):
            return Found("text_encoder", (), CLIP_WIDTHS.get(weights.side(name, 1) or 0, ""))
    if "encoder.block.0.layer.0.SelfAttention.q.weight" in weights:
        return Found("text_encoder", (), "T5")
    if weights.has("enc.blk.0.attn_q.weight", "token_embd.weight"):
        return Found("text_encoder", (), "T5", "gguf")
    if weights.has("model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.weight"):
        return Found("text_encoder", (), "language model")
    if weights.has("token_embd.weight", "blk.0.attn_q.weight"):
        return Found("text_encoder", (), "language model", "gguf")
    return None


def _image_encoder(weights: Weights) -> Found | None:
    name = "vision_model.encoder.layers.0.self_attn.q_proj.weight"
    if name not in weights or weights.starts("text_model."):
        return None
    return Found("image_encoder", (), f"CLIP {weights.side(name, 0)}")


ENCODERS = (_text_encoder, _image_encoder)
