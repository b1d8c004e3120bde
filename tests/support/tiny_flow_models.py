"""Folders of the rectified-flow families with random weights, each a few hundred kB."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.support.tiny_models import byte_letters, clip_text_encoder, clip_tokenizer, save, vae

SHIFTING = {"shift": 3.0, "use_dynamic_shifting": True}


def write_sd3(folder: Path) -> Path:
    import diffusers

    transformer = diffusers.SD3Transformer2DModel(
        sample_size=8,
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_projection_dim=32,
        joint_attention_dim=64,
        pooled_projection_dim=64,
        pos_embed_max_size=96,
    )
    pipe = diffusers.StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=_flow_vae(4),
        text_encoder=clip_text_encoder(projection=True),
        tokenizer=clip_tokenizer(),
        text_encoder_2=clip_text_encoder(projection=True),
        tokenizer_2=clip_tokenizer(),
        text_encoder_3=_t5(64),
        tokenizer_3=_t5_tokenizer(),
    )
    return save(pipe, folder)


def write_flux(folder: Path, *, guided: bool = True) -> Path:
    """FLUX.1 dev; `guided` off is schnell, whose transformer has no input for the guidance."""
    import diffusers

    transformer = diffusers.FluxTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        axes_dims_rope=(4, 4, 8),
        guidance_embeds=guided,
    )
    pipe = diffusers.FluxPipeline(
        transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(**SHIFTING),
        vae=_flow_vae(4),
        text_encoder=clip_text_encoder(),
        tokenizer=clip_tokenizer(),
        text_encoder_2=_t5(32),
        tokenizer_2=_t5_tokenizer(),
    )
    return save(pipe, folder)


def write_chroma(folder: Path) -> Path:
    import diffusers

    transformer = diffusers.ChromaTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        axes_dims_rope=(4, 4, 8),
        approximator_num_channels=64,
        approximator_hidden_dim=32,
        approximator_layers=1,
    )
    pipe = diffusers.ChromaPipeline(
        transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=_flow_vae(4),
        text_encoder=_t5(32),
        tokenizer=_t5_tokenizer(),
    )
    return save(pipe, folder)


def write_z_image(folder: Path) -> Path:
    import diffusers
    import torch
    from transformers import Qwen3Model

    transformer = diffusers.ZImageTransformer2DModel(
        all_patch_size=(2,),
        all_f_patch_size=(1,),
        in_channels=16,
        dim=32,
        n_layers=2,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=16,
        rope_theta=256.0,
        axes_dims=[8, 4, 4],
        axes_lens=[512, 64, 64],
    )
    with torch.no_grad():  # as they are made they hold whatever the memory held
        transformer.x_pad_token.fill_(1)
        transformer.cap_pad_token.fill_(1)
    pipe = diffusers.ZImagePipeline(
        transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=_flow_vae(16),
        text_encoder=Qwen3Model(_qwen3(layers=2)),
        tokenizer=_qwen_tokenizer(),
    )
    return save(pipe, folder)


def write_flux2_klein(folder: Path) -> Path:
    """With 28 layers in its text encoder: the pipeline reads the 9th, the 18th and the 27th."""
    import diffusers
    from transformers import Qwen3ForCausalLM

    transformer = diffusers.Flux2Transformer2DModel(
        patch_size=1,
        in_channels=32,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=48,
        timestep_guidance_channels=256,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=False,
    )
    pipe = diffusers.Flux2KleinPipeline(
        transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(**SHIFTING),
        vae=_flux2_vae(),
        text_encoder=Qwen3ForCausalLM(_qwen3(layers=28)),
        tokenizer=_qwen_tokenizer(),
    )
    return save(pipe, folder)


def write_flux2_dev(folder: Path) -> Path:
    """With 31 layers in its text encoder: the pipeline reads the 10th, the 20th and the 30th."""
    import diffusers
    from transformers import Mistral3ForConditionalGeneration

    transformer = diffusers.Flux2Transformer2DModel(
        patch_size=1,
        in_channels=32,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=48,
        timestep_guidance_channels=256,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=True,
    )
    pipe = diffusers.Flux2Pipeline(
        transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(**SHIFTING),
        vae=_flux2_vae(),
        text_encoder=Mistral3ForConditionalGeneration(_mistral3(layers=31)),
        tokenizer=pixtral_tokenizer(),
    )
    return save(pipe, folder)


def write_qwen_image(folder: Path) -> Path:
    import diffusers

    transformer = diffusers.QwenImageTransformer2DModel(
        patch_size=2,
        in_channels=16,
        out_channels=4,
        num_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16,
        axes_dims_rope=(8, 4, 4),
    )
    pipe = diffusers.QwenImagePipeline(
        transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(**SHIFTING, shift_terminal=0.02),
        vae=_qwen_vae(),
        text_encoder=qwen_vl(
            hidden_size=16, vision_start_token_id=2, vision_end_token_id=3, vision_token_id=4
        ),
        tokenizer=_qwen_tokenizer(),
    )
    return save(pipe, folder)


def write_ernie_image(folder: Path) -> Path:
    import diffusers
    import torch
    from transformers import Mistral3Model

    transformer = diffusers.ErnieImageTransformer2DModel(
        hidden_size=32,
        num_attention_heads=2,
        num_layers=2,
        ffn_hidden_size=48,
        in_channels=32,
        out_channels=32,
        text_in_dim=16,
        rope_axes_dim=(8, 4, 4),
    )
    with torch.no_grad():  # made as zeros
        for layer in (transformer.final_linear, transformer.adaLN_modulation[-1]):
            layer.weight.normal_(0, 0.1)
            layer.bias.normal_(0, 0.1)
    pipe = diffusers.ErnieImagePipeline(
        transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=4.0),
        vae=_flux2_vae(),
        text_encoder=Mistral3Model(_mistral3(layers=2)),
        tokenizer=any_tokenizer(),
    )
    return save(pipe, folder)


def write_krea2(folder: Path, *, distilled: bool = False) -> Path:
    """With 36 layers in its text encoder, twelve of which the pipeline reads."""
    import diffusers
    import torch

    transformer = diffusers.Krea2Transformer2DModel(
        in_channels=16,
        num_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        num_key_value_heads=1,
        intermediate_size=48,
        timestep_embed_dim=32,
        text_hidden_dim=16,
        text_num_attention_heads=2,
        text_num_key_value_heads=2,
        text_intermediate_size=24,
        num_layerwise_text_blocks=1,
        num_refiner_text_blocks=1,
        axes_dims_rope=(4, 6, 6),
    )
    with torch.no_grad():  # made as zeros
        for name, weight in transformer.named_parameters():
            if name.endswith("scale_shift_table"):
                weight.normal_(0, 0.1)
    pipe = diffusers.Krea2Pipeline(
        transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(
            use_dynamic_shifting=True, max_image_seq_len=6400
        ),
        vae=_qwen_vae(),
        text_encoder=_qwen3_vl(layers=36),
        tokenizer=_qwen_tokenizer(),
        is_distilled=distilled,
    )
    return save(pipe, folder)


def write_longcat_image(folder: Path) -> Path:
    """Its processor is left out: words are read without it."""
    import diffusers

    transformer = diffusers.LongCatImageTransformer2DModel(
        in_channels=64,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16,
        pooled_projection_dim=16,
        axes_dims_rope=[4, 4, 8],
    )
    pipe = diffusers.LongCatImagePipeline(
        transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(**SHIFTING),
        vae=_flow_vae(16),
        text_encoder=qwen_vl(vision_start_token_id=2, vision_end_token_id=3, vision_token_id=4),
        tokenizer=_qwen_tokenizer(),
        text_processor=None,
    )
    return save(pipe, folder)


def write_ovis_image(folder: Path) -> Path:
    import diffusers
    from transformers import Qwen3Model

    transformer = diffusers.OvisImageTransformer2DModel(
        in_channels=64,
        out_channels=64,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16,
        axes_dims_rope=(4, 4, 8),
    )
    pipe = diffusers.OvisImagePipeline(
        transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(**SHIFTING),
        vae=_flow_vae(16),
        text_encoder=Qwen3Model(_qwen3(layers=2)),
        tokenizer=_qwen_tokenizer(),
    )
    return save(pipe, folder)


def write_lumina2(folder: Path) -> Path:
    import diffusers
    from transformers import Gemma2Config, Gemma2Model

    transformer = diffusers.Lumina2Transformer2DModel(
        in_channels=16,
        hidden_size=32,
        num_layers=2,
        num_refiner_layers=1,
        num_attention_heads=2,
        num_kv_heads=1,
        multiple_of=16,
        axes_dim_rope=(8, 4, 4),
        axes_lens=(300, 64, 64),
        cap_feat_dim=16,
    )
    config = Gemma2Config(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        vocab_size=300,
    )
    pipe = diffusers.Lumina2Pipeline(
        transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=6.0),
        vae=_flow_vae(16),
        text_encoder=Gemma2Model(config),
        tokenizer=gemma_tokenizer(),
    )
    return save(pipe, folder)


WRITERS: dict[str, Callable[[Path], Path]] = {
    "sd3": write_sd3,
    "flux": write_flux,
    "flux2-klein": write_flux2_klein,
    "flux2-dev": write_flux2_dev,
    "z-image": write_z_image,
    "qwen-image": write_qwen_image,
    "chroma": write_chroma,
    "ernie-image": write_ernie_image,
    "krea2": write_krea2,
    "longcat-image": write_longcat_image,
    "ovis-image": write_ovis_image,
    "lumina2": write_lumina2,
}
VARIANTS: dict[str, Callable[[Path], Path]] = {  # of families that are there already
    "flux-schnell": partial(write_flux, guided=False),
}


def _flow_vae(channels: int) -> Any:
    return vae(
        0.3611,
        shift_factor=0.1159,
        latent_channels=channels,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )


def _flux2_vae() -> Any:
    import diffusers
    import torch

    autoencoder = diffusers.AutoencoderKLFlux2(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 8, 8, 8),
        layers_per_block=1,
        latent_channels=8,
        norm_num_groups=4,
        sample_size=32,
    )
    autoencoder.bn.running_mean.copy_(torch.linspace(-0.2, 0.2, 32))
    autoencoder.bn.running_var.copy_(torch.linspace(0.5, 2, 32))
    return autoencoder


def _qwen_vae() -> Any:
    import diffusers

    return diffusers.AutoencoderKLQwenImage(
        base_dim=24,
        z_dim=4,
        dim_mult=[1, 1, 2, 2],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        latents_mean=[0.1, -0.1, 0.0, 0.2],
        latents_std=[1.0, 2.0, 0.5, 1.0],
    )


def _t5(width: int) -> Any:
    from transformers import T5Config, T5EncoderModel

    config = T5Config(d_model=width, d_ff=37, d_kv=8, num_heads=4, num_layers=2, vocab_size=200)
    return T5EncoderModel(config)


def _t5_tokenizer() -> Any:
    from transformers import T5Tokenizer

    letters = "abcdefghijklmnopqrstuvwxyz ,."
    words = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    words += [(letter, -3.0) for letter in letters]
    words += [(f"<extra_id_{number}>", 0.0) for number in range(99, -1, -1)]
    return T5Tokenizer(vocab=words, model_max_length=64)


def _qwen_tokenizer() -> Any:
    from transformers import Qwen2Tokenizer

    words = {letter: number for number, letter in enumerate(byte_letters())}
    for mark in ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"):
        words[mark] = len(words)
    tokenizer = Qwen2Tokenizer(vocab=words, merges=[], model_max_length=512)
    tokenizer.chat_template = (
        "{% for m in messages %}<|im_start|>{{m['role']}}\n{{m['content']}}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    return tokenizer


def gemma_tokenizer() -> Any:
    from transformers import GemmaTokenizer

    letters = [chr(number) for number in range(33, 127)]
    words = {"<pad>": 0, "<eos>": 1, "<bos>": 2, "<unk>": 3, "<mask>": 4, "\u2581": 5}
    words |= {letter: number for number, letter in enumerate(letters, len(words))}
    return GemmaTokenizer(vocab=words, merges=[], model_max_length=512)


def any_tokenizer() -> Any:
    """Of the class that reads whatever a tokenizer.json describes."""
    from transformers import TokenizersBackend

    return TokenizersBackend(tokenizer_object=_qwen_tokenizer()._tokenizer, model_max_length=512)


def pixtral_tokenizer() -> Any:
    """As Pixtral's processor reads words; what is said comes in parts."""
    tokenizer = any_tokenizer()
    tokenizer.pad_token = "<|endoftext|>"
    tokenizer.chat_template = (
        "{% for m in messages %}[{{m['role']}}]{% for c in m['content'] %}{{c['text']}}"
        "{% endfor %}{% endfor %}"
    )
    return tokenizer


def _qwen3(layers: int) -> Any:
    from transformers import Qwen3Config

    return Qwen3Config(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=2,
        vocab_size=300,
        max_position_embeddings=512,
    )


def _mistral3(layers: int) -> Any:
    from transformers import Mistral3Config

    return Mistral3Config(
        text_config={
            "model_type": "mistral",
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": layers,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 8,
            "vocab_size": 300,
        },
        vision_config={
            "model_type": "pixtral",
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "head_dim": 8,
            "image_size": 32,
        },
    )


def _qwen3_vl(layers: int) -> Any:
    from transformers import Qwen3VLConfig, Qwen3VLModel

    config = Qwen3VLConfig(
        text_config={
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": layers,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 8,
            "rope_scaling": {
                "mrope_interleaved": True,
                "mrope_section": [2, 1, 1],
                "rope_type": "default",
            },
            "vocab_size": 300,
        },
        vision_config={
            "depth": 1,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": 16,
            "num_position_embeddings": 16,
            "deepstack_visual_indexes": [0],
        },
    )
    return Qwen3VLModel(config)


def qwen_vl(**more: int) -> Any:
    """Qwen 2.5 VL; `more` of its configuration, such as the tokens that mark pictures."""
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    config = Qwen2_5_VLConfig(
        text_config={
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "rope_scaling": {
                "mrope_section": [1, 1, 2],
                "rope_type": "default",
                "type": "default",
            },
            "rope_theta": 1000000.0,
            "vocab_size": 300,
        },
        vision_config={
            "depth": 2,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": 16,
        },
        vocab_size=300,
        **more,
    )
    return Qwen2_5_VLForConditionalGeneration(config)
