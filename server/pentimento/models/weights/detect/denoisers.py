"""Denoisers: UNets and transformers."""

from __future__ import annotations

from pentimento.models.weights.detect.base import CONTEXT_FAMILIES, Found, Weights
from pentimento.models.weights.detect.strangers import stranger
from pentimento.schema.vocabulary import ModelRole

DEV_OR_KONTEXT = "dev or kontext"  # their weights have the same names and shapes
REFINER = (1280, 384)  # width of its prompts and of its first block
STRANGERS = (  # what UNets of other families have: Kolors, AnimateDiff, videos
    *("encoder_hid_proj.", "transformer_in.", "down_blocks.0.motion_modules."),
    *("down_blocks.0.resnets.0.temporal_res_block.", "input_blocks.1.0.time_stack."),
)


def _unet(weights: Weights) -> Found | None:
    ldm = weights.has("input_blocks.0.0.weight", "out.2.weight")
    first = "input_blocks.0.0.weight" if ldm else "conv_in.weight"
    if not ldm and not weights.has(first, "conv_out.weight", "time_embedding.linear_1.weight"):
        return None
    context = (weights.ending("attn2.to_k.weight") or (0, 0))[1:2]
    return of_unet(ModelRole.DENOISER, weights, first, context[0] if context else 0, ldm)


def _dreamlite(weights: Weights) -> Found | None:
    """SDXL's names and width of prompts; no Stable Diffusion norms its queries."""
    if "conv_in.weight" not in weights or not weights.ending("attn2.norm_q.weight"):
        return None
    return Found(ModelRole.DENOISER, ("dreamlite",))


UNCLIP = "unclip"  # SD 2 that is given the embedding of a picture
UNET_VARIANTS = {4: "", 9: "inpaint", 8: "edit", 5: "depth"}  # by the channels it takes


def of_unet(role: ModelRole, weights: Weights, first: str, context: int, ldm: bool) -> Found:
    taken = weights.side(first, 1)
    family = CONTEXT_FAMILIES.get(context)
    refiner = (context, weights.side(first, 0)) == REFINER
    known = UNET_VARIANTS.get(taken or 0)
    if family == "sd2" and ldm and weights.starts("label_emb."):
        known = UNCLIP if taken == 4 else known
    stranger = known in (None, UNCLIP) or any(weights.starts(start) for start in STRANGERS)
    return Found(
        role,
        () if stranger or not (family or refiner) else (family or "sdxl",),
        "refiner" if refiner else known or "",
        "original" if ldm else "diffusers",
        context_dim=context or None,
        width=weights.side(first, 0),
        in_channels=taken,
    )


SVDQUANT = "svdquant"  # variant


def _svdquant(weights: Weights) -> Found | None:
    """Packed by nunchaku, whatever its family; its low-rank parts are no LoRA."""
    if not (weights.ending(".qweight") and weights.ending(".wscales")):
        return None
    return Found(ModelRole.DENOISER, (), SVDQUANT)


FLUX_VARIANTS = {384: "fill", 128: "control"}  # by the channels of its tokens; 64: the others


def _flux(weights: Weights) -> Found | None:
    original = weights.has("double_blocks.0.img_attn.qkv.weight", "img_in.weight")
    diffusers = "single_transformer_blocks.0.attn.to_q.weight" in weights
    if not (original or diffusers) or weights.has("controlnet_blocks.0.weight"):
        return None
    if (
        len(weights.shape("x_embedder.proj.weight")) == 5
        or len(weights.shape("img_in.proj.weight")) == 5
    ):  # patches of a video, whose other names are FLUX.1's
        return Found(
            ModelRole.DENOISER, ("hunyuan-video",), "", "original" if original else "diffusers"
        )
    first = "img_in.weight" if original else "x_embedder.weight"
    if first not in weights:
        return None
    guided = weights.has("guidance_in.in_layer.weight") or weights.has(
        "time_text_embed.guidance_embedder.linear_1.weight"
    )
    vector = weights.has("vector_in.in_layer.weight") or weights.has(
        "time_text_embed.text_embedder.linear_1.weight"
    )
    if not vector:  # Chroma has rows of its own; others are relatives that are not known
        return None
    taken = weights.side(first, 1)
    variant = FLUX_VARIANTS.get(taken or 0, "")
    if taken == 64:
        variant = DEV_OR_KONTEXT if guided else "schnell"
    layout = "original" if original else "diffusers"
    return Found(ModelRole.DENOISER, ("flux",), variant, layout, in_channels=taken)


def _chroma(weights: Weights) -> Found | None:
    first = "img_in.weight" if "img_in.weight" in weights else "x_embedder.weight"
    if not weights.has("distilled_guidance_layer.in_proj.weight", first):
        return None
    layout = "original" if first == "img_in.weight" else "diffusers"
    return Found(ModelRole.DENOISER, ("chroma",), "", layout, in_channels=weights.side(first, 1))


def _flux2(weights: Weights) -> Found | None:
    original = weights.has("single_stream_modulation.lin.weight", "img_in.weight")
    if not original and not weights.has("single_stream_modulation.linear.weight"):
        return None
    guided = weights.has("guidance_in.in_layer.weight") or weights.has(
        "time_guidance_embed.guidance_embedder.linear_1.weight"
    )
    first = "img_in.weight" if original else "x_embedder.weight"
    layout = "original" if original else "diffusers"
    taken = weights.side(first, 1)
    return Found(
        ModelRole.DENOISER,
        ("flux2-dev" if guided else "flux2-klein",),
        "",
        layout,
        in_channels=taken,
    )


def _sd3(weights: Weights) -> Found | None:
    original = "joint_blocks.0.context_block.adaLN_modulation.1.weight" in weights
    diffusers = weights.has(
        "pos_embed.proj.weight",
        "context_embedder.weight",
        "transformer_blocks.0.norm1_context.linear.weight",
    )
    if not (original or diffusers) or weights.has("controlnet_blocks.0.weight"):
        return None
    first = "x_embedder.proj.weight" if original else "pos_embed.proj.weight"
    block = "joint_blocks.0.x_block." if original else "transformer_blocks.0."
    normed = "attn.ln_q.weight" if original else "attn.norm_q.weight"
    dual = "attn2.qkv.weight" if original else "attn2.to_q.weight"
    variant = "3"
    if block + normed in weights:
        variant = "3.5 medium" if block + dual in weights else "3.5 large"
    layout = "original" if original else "diffusers"
    return Found(
        *(ModelRole.DENOISER, ("sd3",), variant, layout),
        width=weights.side(first, 0),
        in_channels=weights.side(first, 1),
    )


def _z_image(weights: Weights) -> Found | None:
    if not weights.has("cap_embedder.0.weight", "layers.0.adaLN_modulation.0.weight"):
        return None
    layout = "diffusers" if "layers.0.attention.to_q.weight" in weights else "original"
    family = "z-image-omni" if weights.starts("siglip_embedder.") else "z-image"
    return Found(ModelRole.DENOISER, (family,), "", layout)


def _qwen_image(weights: Weights) -> Found | None:
    if not weights.has("txt_norm.weight", "transformer_blocks.0.img_mod.1.weight"):
        return None
    if "controlnet_blocks.0.weight" in weights:
        return None
    taken = weights.side("img_in.weight", 1)
    return Found(ModelRole.DENOISER, ("qwen-image",), "", "diffusers", in_channels=taken)


def _ernie_image(weights: Weights) -> Found | None:
    if not weights.has("text_proj.weight", "layers.0.adaLN_sa_ln.weight"):
        return None
    taken = weights.side("x_embedder.proj.weight", 1)
    return Found(ModelRole.DENOISER, ("ernie-image",), "", "diffusers", in_channels=taken)


def _krea2(weights: Weights) -> Found | None:
    original = weights.has("txtfusion.projector.weight", "first.weight")
    if not original and not weights.has("text_fusion.projector.weight", "img_in.weight"):
        return None
    taken = weights.side("first.weight" if original else "img_in.weight", 1)
    layout = "original" if original else "diffusers"
    return Found(ModelRole.DENOISER, ("krea2",), "", layout, in_channels=taken)


BRIA = 4096  # width of the prompts of Bria's models, which have the same names


def _longcat_image(weights: Weights) -> Found | None:
    """FLUX.1's blocks, and nothing that reads one vector for the whole prompt."""
    if not weights.has(
        "time_embed.timestep_embedder.linear_1.weight",
        "context_embedder.weight",
        "x_embedder.weight",
        "single_transformer_blocks.0.attn.to_q.weight",
    ):
        return None
    if weights.side("context_embedder.weight", 1) == BRIA:
        return None
    taken = weights.side("x_embedder.weight", 1)
    return Found(ModelRole.DENOISER, ("longcat-image",), "", "diffusers", in_channels=taken)


def _ovis_image(weights: Weights) -> Found | None:
    """Its authors and diffusers use the same names."""
    if not weights.has(
        "context_embedder_norm.weight",
        "timestep_embedder.linear_1.weight",
        "single_transformer_blocks.0.attn.to_q.weight",
    ):
        return None
    taken = weights.side("x_embedder.weight", 1)
    return Found(ModelRole.DENOISER, ("ovis-image",), "", "diffusers", in_channels=taken)


def _lumina2(weights: Weights) -> Found | None:
    original = weights.has("cap_embedder.0.weight", "noise_refiner.0.adaLN_modulation.1.weight")
    if not original and "time_caption_embed.caption_embedder.0.weight" not in weights:
        return None
    if weights.starts("ref_image_patch_embedder."):  # OmniGen 2, which is built of it
        return None
    layout = "original" if original else "diffusers"
    return Found(ModelRole.DENOISER, ("lumina2",), "", layout)


DENOISERS = (
    *(_svdquant, _chroma, _flux2, _flux, _qwen_image, _z_image, _sd3),
    *(_ernie_image, _krea2, _longcat_image, _ovis_image, _lumina2, _dreamlite, _unet, stranger),
)
