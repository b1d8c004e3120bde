"""What the headers of real weight files say, by kind and family: tensors' names and shapes as their
programs write them, and what is to be recognised in them."""

from __future__ import annotations

from typing import Any

from tests.models.weight_files import Shapes


def under(prefix: str, shapes: Shapes) -> dict[str, Any]:
    return {prefix + name: shape for name, shape in shapes.items()}


def unet(
    context: int, channels: int = 4, prefix: str = "model.diffusion_model.", width: int = 320
) -> dict[str, Any]:
    names = {
        "input_blocks.0.0.weight": [width, channels, 3, 3],
        "input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": [640, context],
        "out.2.weight": [4, 320, 3, 3],
    }
    return under(prefix, names)


def diffusers_unet(context: int, channels: int = 4) -> dict[str, Any]:
    return {
        "conv_in.weight": [320, channels, 3, 3],
        "conv_out.weight": [4, 320, 3, 3],
        "time_embedding.linear_1.weight": [1280, 320],
        "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight": [640, context],
    }


def vae(channels: int, prefix: str = "") -> dict[str, Any]:
    names = {
        "decoder.conv_in.weight": [512, channels, 3, 3],
        "decoder.mid.block_1.norm1.weight": [512],
        "encoder.conv_in.weight": [128, 3, 3, 3],
    }
    return under(prefix, names)


CLIP = {"cond_stage_model.transformer.text_model.embeddings.position_embedding.weight": [77, 768]}
TWO_CLIPS = {
    "conditioner.embedders.0.transformer.text_model.final_layer_norm.weight": [768],
    "conditioner.embedders.1.model.ln_final.weight": [1280],
}


def flux(channels: int = 64, guided: bool = True, prefix: str = "") -> dict[str, Any]:
    names: dict[str, Any] = {
        "img_in.weight": [3072, channels],
        "txt_in.weight": [3072, 4096],
        "vector_in.in_layer.weight": [3072, 768],
        "double_blocks.0.img_attn.qkv.weight": [9216, 3072],
        "double_blocks.0.img_attn.norm.key_norm.scale": [128],
        "single_blocks.0.linear1.weight": [21504, 3072],
    }
    names |= {"guidance_in.in_layer.weight": [3072, 256]} if guided else {}
    return under(prefix, names)


def diffusers_flux(channels: int, guided: bool) -> dict[str, Any]:
    names: dict[str, Any] = {
        "x_embedder.weight": [3072, channels],
        "context_embedder.weight": [3072, 4096],
        "time_text_embed.text_embedder.linear_1.weight": [3072, 768],
        "transformer_blocks.0.attn.to_q.weight": [3072, 3072],
        "single_transformer_blocks.0.attn.to_q.weight": [3072, 3072],
    }
    guidance = {"time_text_embed.guidance_embedder.linear_1.weight": [3072, 256]}
    return names | guidance if guided else names


FLUX2 = {
    "img_in.weight": [3072, 128],
    "txt_in.weight": [3072, 7680],
    "double_stream_modulation_img.lin.weight": [18432, 3072],
    "single_stream_modulation.lin.weight": [9216, 3072],
    "double_blocks.0.img_attn.qkv.weight": [9216, 3072],
}
CHROMA = {
    "distilled_guidance_layer.in_proj.weight": [5120, 64],
    "img_in.weight": [3072, 64],
    "double_blocks.0.img_attn.qkv.weight": [9216, 3072],
}
Z_IMAGE = {
    "cap_embedder.0.weight": [2560],
    "layers.0.adaLN_modulation.0.weight": [15360, 256],
    "layers.0.attention.qkv.weight": [11520, 3840],
    "x_embedder.weight": [3840, 64],
}
QWEN = {
    "img_in.weight": [3072, 64],
    "txt_norm.weight": [3584],
    "transformer_blocks.0.img_mod.1.weight": [18432, 3072],
}
LUMINA = {"cap_embedder.0.weight": [2304], "layers.0.adaLN_modulation.1.weight": [4096, 1024]}


def sd3(dual: bool = False, prefix: str = "") -> dict[str, Any]:
    names = {
        "x_embedder.proj.weight": [1536, 16, 2, 2],
        "joint_blocks.0.context_block.adaLN_modulation.1.weight": [9216, 1536],
        "joint_blocks.0.x_block.attn.ln_q.weight": [64],
    }
    names |= {"joint_blocks.0.x_block.attn2.qkv.weight": [4608, 1536]} if dual else {}
    return under(prefix, names)


def lora(layer: str, into: int, out: int, style: str = "kohya") -> dict[str, Any]:
    down, up = {
        "kohya": ("lora_down.weight", "lora_up.weight"),
        "peft": ("lora_A.weight", "lora_B.weight"),
        "diffusers": ("lora.down.weight", "lora.up.weight"),
    }[style]
    found: dict[str, Any] = {f"{layer}.{down}": [8, into], f"{layer}.{up}": [out, 8]}
    return found | ({f"{layer}.alpha": []} if style == "kohya" else {})


KOHYA_K = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
UNET_K = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2"

CASES: dict[str, tuple[Shapes, dict[str, Any]]] = {
    # checkpoints
    "sd15": (
        unet(768) | vae(4, "first_stage_model.") | CLIP,
        {"role": "checkpoint", "family": "sd15", "variant": "", "context_dim": 768},
    ),
    "sd15-inpaint": (
        unet(768, 9) | vae(4, "first_stage_model.") | CLIP,
        {"role": "checkpoint", "family": "sd15", "variant": "inpaint", "in_channels": 9},
    ),
    "sd15-pix2pix": (unet(768, 8) | CLIP, {"family": "sd15", "variant": "edit"}),
    "sd2": (unet(1024) | CLIP, {"role": "checkpoint", "family": "sd2"}),
    "sd2-depth": (unet(1024, 5) | CLIP, {"family": "sd2", "variant": "depth"}),
    "sdxl": (
        unet(2048) | vae(4, "first_stage_model.") | TWO_CLIPS,
        {"role": "checkpoint", "family": "sdxl", "parts": ("vae", "text_encoder")},
    ),
    "sdxl-refiner": (
        unet(1280, width=384) | TWO_CLIPS,
        {"family": "sdxl", "variant": "refiner"},
    ),
    "svd": (
        diffusers_unet(1024, 8)
        | {"down_blocks.0.resnets.0.temporal_res_block.conv1.weight": [320, 320, 3, 1, 1]},
        {"role": "denoiser", "family": "unknown"},
    ),
    "flux-with-all": (
        flux(prefix="model.diffusion_model.")
        | vae(16, "vae.")
        | {"text_encoders.clip_l.transformer.text_model.final_layer_norm.weight": [768]},
        {"role": "checkpoint", "family": "flux", "parts": ("vae", "text_encoder")},
    ),
    "sd3-with-vae": (
        sd3(True, "model.diffusion_model.") | vae(16, "first_stage_model."),
        {"role": "checkpoint", "family": "sd3", "variant": "3.5 medium", "parts": ("vae",)},
    ),
    # denoisers
    "unet-sd15": (unet(768), {"role": "denoiser", "family": "sd15", "layout": "original"}),
    "unet-sdxl": (
        diffusers_unet(2048),
        {"role": "denoiser", "family": "sdxl", "layout": "diffusers"},
    ),
    "unet-strange-width": (unet(99), {"role": "denoiser", "family": "unknown", "context_dim": 99}),
    "x4-upscaler-unet": (unet(1024, 7), {"role": "denoiser", "family": "unknown"}),
    "kolors": (
        diffusers_unet(2048) | {"encoder_hid_proj.weight": [2048, 4096]},
        {"role": "denoiser", "family": "unknown"},
    ),
    "flux-dev": (flux(), {"family": "flux", "variant": "dev or kontext", "role": "denoiser"}),
    "flux-schnell": (flux(guided=False), {"family": "flux", "variant": "schnell"}),
    "flux-fill": (flux(384), {"family": "flux", "variant": "fill"}),
    "flux-canny": (flux(128), {"family": "flux", "variant": "control"}),
    "flux-diffusers": (diffusers_flux(64, False), {"family": "flux", "variant": "schnell"}),
    "flux-fill-diffusers": (diffusers_flux(384, True), {"family": "flux", "variant": "fill"}),
    "flux-relative": (
        {name: shape for name, shape in flux().items() if not name.startswith("vector_in")},
        {"role": "unknown"},
    ),
    "flux2-klein": (FLUX2, {"role": "denoiser", "family": "flux2-klein"}),
    "flux2-dev": (
        FLUX2 | {"guidance_in.in_layer.weight": [6144, 256]},
        {"role": "denoiser", "family": "flux2-dev"},
    ),
    "chroma": (under("model.diffusion_model.", CHROMA), {"family": "chroma", "role": "denoiser"}),
    "z-image": (under("model.diffusion_model.", Z_IMAGE), {"family": "z-image"}),
    "lumina2": (LUMINA, {"role": "unknown", "family": "unknown"}),
    "qwen-image": (QWEN, {"role": "denoiser", "family": "qwen-image"}),
    "sd35-large": (sd3(), {"role": "denoiser", "family": "sd3", "variant": "3.5 large"}),
    # VAEs
    "vae-4": (vae(4), {"role": "vae", "family": "unknown", "families": ("sd15", "sd2", "sdxl")}),
    "vae-4-cut-out": (vae(4, "first_stage_model."), {"role": "vae", "latent_channels": 4}),
    "vae-16": (vae(16), {"role": "vae", "latent_channels": 16, "family": "unknown"}),
    "vae-diffusers": (
        {
            "decoder.conv_in.weight": [512, 4, 3, 3],
            "decoder.mid_block.resnets.0.norm1.weight": [512],
        },
        {"role": "vae", "layout": "diffusers"},
    ),
    "vae-flux2": (
        vae(32) | {"bn.running_mean": [128]},
        {"role": "vae", "family": "unknown", "families": ("flux2-klein", "flux2-dev")},
    ),
    "vae-qwen": (
        {
            "decoder.middle.0.residual.0.gamma": [384, 1, 1, 1],
            "decoder.conv1.weight": [384, 16, 3, 3, 3],
        },
        {"role": "vae", "families": ("qwen-image", "wan"), "family": "unknown"},
    ),
    "taesd-decoder": (
        {"1.weight": [64, 4, 3, 3], "3.conv.0.weight": [64, 64, 3, 3]},
        {"role": "tiny_vae", "latent_channels": 4},
    ),
    "taesd-encoder": (
        {"0.weight": [64, 3, 3, 3], "1.conv.0.weight": [64, 64, 3, 3]},
        {"role": "tiny_vae", "variant": "encoder"},
    ),
    "taef1-diffusers": (
        {
            "decoder.layers.0.weight": [64, 16, 3, 3],
            "decoder.layers.2.conv.0.weight": [64, 64, 3, 3],
        },
        {"role": "tiny_vae", "latent_channels": 16},
    ),
    # LoRAs
    "lora-sd15": (
        lora(KOHYA_K, 768, 640),
        {"role": "lora", "family": "sd15", "layout": "kohya", "context_dim": 768},
    ),
    "lora-sd2": (lora(KOHYA_K, 1024, 640), {"role": "lora", "family": "sd2"}),
    "lora-sdxl": (lora(KOHYA_K, 2048, 640), {"role": "lora", "family": "sdxl"}),
    "lora-sdxl-convs": (
        lora("lora_unet_input_blocks_1_0_in_layers_2", 320, 320)
        | lora("lora_te2_text_model_encoder_layers_0_self_attn_q_proj", 1280, 1280),
        {"role": "lora", "family": "sdxl"},
    ),
    "lora-unet-unsaid": (
        lora("lora_unet_up_blocks_1_resnets_0_conv1", 640, 320),
        {"role": "lora", "family": "unknown"},
    ),
    "lora-peft": (lora(f"{UNET_K}.to_k", 768, 640, "peft"), {"family": "sd15", "layout": "peft"}),
    "lora-diffusers": (
        lora(f"{UNET_K}.processor.to_k_lora".replace("_lora", ""), 2048, 640, "diffusers"),
        {"role": "lora", "family": "sdxl", "layout": "diffusers"},
    ),
    "lora-text-sd2": (
        lora("lora_te_text_model_encoder_layers_0_self_attn_q_proj", 1024, 1024),
        {"role": "lora", "family": "sd2", "variant": "text encoder"},
    ),
    "lora-flux-or-chroma": (
        lora("lora_unet_double_blocks_0_img_attn_qkv", 3072, 9216)
        | lora("lora_unet_single_blocks_0_linear1", 3072, 21504),
        {"role": "lora", "family": "unknown", "families": ("chroma", "flux")},
    ),
    "lora-flux": (
        lora("lora_unet_double_blocks_0_img_mod_lin", 3072, 18432)
        | lora("lora_unet_single_blocks_0_linear1", 3072, 21504),
        {"role": "lora", "family": "flux"},
    ),
    "lora-klein": (
        lora("diffusion_model.single_blocks.0.linear1", 3072, 27648, "peft"),
        {"role": "lora", "family": "flux2-klein"},
    ),
    "lora-qwen": (
        lora("transformer.transformer_blocks.0.img_mlp.net.2", 12288, 3072, "peft"),
        {"role": "lora", "family": "qwen-image"},
    ),
    "lora-z-image": (
        lora("diffusion_model.layers.0.attention.to_q", 3840, 3840, "peft"),
        {"role": "lora", "family": "z-image"},
    ),
    "lora-sd3": (
        lora("diffusion_model.joint_blocks.0.x_block.attn.qkv", 1536, 4608, "peft"),
        {"role": "lora", "family": "sd3"},
    ),
    "lokr": (
        {f"{KOHYA_K}.lokr_w1": [8, 8], f"{KOHYA_K}.lokr_w2": [80, 96]},
        {"role": "lora", "layout": "lycoris", "family": "sd15"},
    ),
    # ControlNets and adapters
    "controlnet-sd15": (
        unet(768, prefix="control_model.")
        | {"control_model.input_hint_block.0.weight": [16, 3, 3, 3]},
        {"role": "controlnet", "family": "sd15", "layout": "original"},
    ),
    "controlnet-sdxl-union": (
        diffusers_unet(2048)
        | {
            "controlnet_cond_embedding.conv_in.weight": [16, 3, 3, 3],
            "add_embedding.linear_1.weight": [1280, 2816],
            "task_embedding": [8, 320],
        },
        {"role": "controlnet", "family": "sdxl", "variant": "union", "layout": "diffusers"},
    ),
    "controlnet-flux": (
        diffusers_flux(64, True)
        | {"controlnet_x_embedder.weight": [3072, 64], "controlnet_blocks.0.weight": [3072, 3072]},
        {"role": "controlnet", "family": "flux"},
    ),
    "controlnet-qwen": (
        QWEN
        | {"controlnet_x_embedder.weight": [3072, 64], "controlnet_blocks.0.weight": [3072, 3072]},
        {"role": "controlnet", "family": "qwen-image"},
    ),
    "control-lora": ({"lora_controlnet": [], **unet(2048, prefix="")}, {"role": "controlnet"}),
    "t2i-sdxl": (
        {"body.0.block1.weight": [320, 320, 3, 3], "conv_in.weight": [320, 768, 3, 3]},
        {"role": "t2i_adapter", "family": "sdxl"},
    ),
    "t2i-sd15": (
        {
            "adapter.body.0.resnets.0.block1.weight": [320, 320, 3, 3],
            "adapter.conv_in.weight": [320, 192, 3, 3],
        },
        {"role": "t2i_adapter", "family": "sd15"},
    ),
    "ip-adapter": (
        {"image_proj.proj.weight": [3072, 1024], "ip_adapter.1.to_k_ip.weight": [320, 768]},
        {"role": "ip_adapter", "family": "sd15", "variant": ""},
    ),
    "ip-adapter-plus-sdxl": (
        {"image_proj.latents": [1, 16, 1280], "ip_adapter.1.to_k_ip.weight": [640, 2048]},
        {"role": "ip_adapter", "family": "sdxl", "variant": "plus"},
    ),
    # embeddings
    "embedding-sd15": ({"emb_params": [4, 768]}, {"role": "embedding", "family": "sd15"}),
    "embedding-sd2": ({"emb_params": [1, 1024]}, {"role": "embedding", "family": "sd2"}),
    "embedding-sdxl": (
        {"clip_l": [2, 768], "clip_g": [2, 1280]},
        {"role": "embedding", "family": "sdxl"},
    ),
    "embedding-diffusers": ({"<cat>": [1, 768]}, {"role": "embedding", "family": "sd15"}),
    "one-matrix": ({"linear.weight": [4, 768]}, {"role": "unknown"}),
    "long-list": ({"vectors": [5000, 768]}, {"role": "unknown"}),
    # upscalers
    "esrgan": (
        {
            "conv_first.weight": [64, 3, 3, 3],
            "body.0.rdb1.conv1.weight": [32, 64, 3, 3],
        },
        {"role": "upscaler", "variant": "ESRGAN"},
    ),
    "esrgan-old": (
        {"model.0.weight": [64, 3, 3, 3], "model.1.sub.0.RDB1.conv1.0.weight": [32, 64, 3, 3]},
        {"role": "upscaler", "variant": "ESRGAN"},
    ),
    "compact": (
        {
            "params.body.0.weight": [64, 3, 3, 3],
            "params.body.1.weight": [64],
            "params.body.2.weight": [64, 64, 3, 3],
        },
        {"role": "upscaler", "variant": "Compact"},
    ),
    # encoders
    "clip-l": (
        {"text_model.embeddings.token_embedding.weight": [49408, 768]},
        {"role": "text_encoder", "variant": "CLIP-L"},
    ),
    "t5": (
        {"encoder.block.0.layer.0.SelfAttention.q.weight": [4096, 4096]},
        {"role": "text_encoder", "variant": "T5"},
    ),
    "clip-vision": (
        {"vision_model.encoder.layers.0.self_attn.q_proj.weight": [1280, 1280]},
        {"role": "image_encoder"},
    ),
    # nothing that is known
    "empty": ({}, {"role": "unknown", "family": "unknown", "precision": "unknown"}),
    "stranger": (
        {"blocks.0.attn.qkv_x.weight": [64, 64]},
        {"role": "unknown", "family": "unknown", "precision": "fp16"},
    ),
    "resnet": (
        {"conv1.weight": [64, 3, 7, 7], "layer1.0.conv1.weight": [64, 64, 3, 3]},
        {"role": "unknown"},
    ),
}
