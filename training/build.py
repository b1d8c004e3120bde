"""The starter model's parts with random weights: tokenizer, text encoder, denoiser, scheduler.

    python -m training.build OUT --autoencoder DIR

OUT becomes a standard StableDiffusionPipeline folder of diffusers and transformers classes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from diffusers import (
    AutoencoderTiny,
    DDIMScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from training.scenes import make_scene
from training.scenes.palette import (
    COLOURS,
    FARS,
    GROUND_OBJECTS,
    GROUNDS,
    JUNK,
    MATERIALS,
    SKY_OBJECTS,
    STYLES,
    TIMES,
)

MAX_TOKENS = 48
"""The longest caption has 46. 77, as in CLIP, is only padding and costs a small step dearly."""
TEXT_WIDTH = 128
EXTRA_WORDS = ["sun", "moon", "crescent", "boat", "background", "texture", "small", "big", "large"]
EXTRA_WORDS += ["tiny", "red", "left", "right", "middle"]
EXTRA_WORDS += ["photo", "photograph", "close", "up", "dark"]
START, END = "<|startoftext|>", "<|endoftext|>"
SPLIT = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)

ATTEND_DOWN, ATTEND_UP = "CrossAttnDownBlock2D", "CrossAttnUpBlock2D"
UNETS = {
    # attention_head_dim is the number of heads here (diffusers keeps the old name)
    "small": {  # 6.9 M parameters, what a CPU can train
        "block_out_channels": (32, 64, 128, 128),
        "attention_head_dim": (2, 4, 4, 4),
    },
    "medium": {  # 8.0 M, for training on a GPU
        "block_out_channels": (48, 96, 128, 128),
        "attention_head_dim": (3, 6, 4, 4),
    },
}


def make_tokenizer(out: Path) -> CLIPTokenizer:
    """Byte-level BPE over the generator's captions, in CLIP's file format: every word of the
    scenes is one token, any other word falls into pieces."""
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>", continuing_subword_prefix=""))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=1000,
        min_frequency=2,
        end_of_word_suffix="</w>",
        continuing_subword_prefix="",
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(), trainer)
    learnt = json.loads(tokenizer.to_str())["model"]["merges"]
    merges = [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in learnt]
    # CLIP's order: 256 bytes, the same at a word's end, merges, specials.
    words = [*alphabet, *(a + "</w>" for a in alphabet), *(a + b for a, b in merges), START, END]
    vocab = {word: i for i, word in enumerate(dict.fromkeys(words))}
    out.mkdir(parents=True, exist_ok=True)
    (out / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False))
    lines = ["#version: 0.2", *(" ".join(m) for m in merges)]
    (out / "merges.txt").write_text("\n".join(lines) + "\n")
    config = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": MAX_TOKENS,
        "bos_token": START,
        "eos_token": END,
        "unk_token": END,
        "pad_token": END,
        "do_lower_case": True,
    }
    (out / "tokenizer_config.json").write_text(json.dumps(config))
    return CLIPTokenizer.from_pretrained(out)


def _corpus() -> list[str]:
    rng = np.random.default_rng(5)
    captions = [make_scene(rng, 64, 64)[1] for _ in range(2000)]
    words = [*COLOURS, *MATERIALS, *GROUND_OBJECTS, *SKY_OBJECTS]
    words += EXTRA_WORDS
    for phrases in (*STYLES.values(), *FARS.values()):
        words += phrases
    for table in (TIMES, GROUNDS):
        for entry in table.values():
            words += entry.words
    return captions + [" ".join(words)] * 50 + [" ".join(JUNK)] * 50


def make_text_encoder(tokenizer: CLIPTokenizer, layers: int = 2) -> CLIPTextModel:
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=TEXT_WIDTH,
        intermediate_size=TEXT_WIDTH * 4,
        num_hidden_layers=layers,
        num_attention_heads=TEXT_WIDTH // 32,
        max_position_embeddings=77,
        projection_dim=TEXT_WIDTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.eos_token_id,
        hidden_act="gelu",
    )
    encoder = CLIPTextModel(config)
    # CLIP starts its embeddings at 0.02, made for 400 M pairs; a larger start learns sooner.
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if "embedding" in name:
                parameter.normal_(0, 0.5 if "token" in name else 0.1)
    return encoder


def make_unet(size: str) -> UNet2DConditionModel:
    """Text attention on every level but the finest: the coarse ones alone are too coarse to
    place an object. The caption as a whole also joins the timestep's embedding (`text`), which
    scales and shifts every resnet: kinds and colours are learnt sooner that way."""
    return UNet2DConditionModel(
        sample_size=32,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        norm_num_groups=8,
        cross_attention_dim=TEXT_WIDTH,
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
        resnet_time_scale_shift="scale_shift",
        down_block_types=("DownBlock2D", ATTEND_DOWN, ATTEND_DOWN, ATTEND_DOWN),
        up_block_types=(ATTEND_UP, ATTEND_UP, ATTEND_UP, "UpBlock2D"),
        **UNETS[size],
    )


def make_scheduler() -> DDIMScheduler:
    """v-prediction with zero terminal SNR: at strength 1.0 nothing of the source is left."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=1,
    )


def build(out: Path, autoencoder: Path, size: str = "small", seed: int = 0) -> None:
    torch.manual_seed(seed)
    tokenizer = make_tokenizer(out / "tokenizer")
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderTiny.from_pretrained(autoencoder),
        text_encoder=make_text_encoder(tokenizer),
        tokenizer=tokenizer,
        unet=make_unet(size),
        scheduler=make_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(out)
    for name in ("vae", "text_encoder", "unet"):
        count = sum(p.numel() for p in getattr(pipeline, name).parameters())
        print(f"{name}: {count / 1e6:.2f} M parameters")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Starter model with random weights.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--autoencoder", type=Path, required=True)
    parser.add_argument("--size", choices=list(UNETS), default="small")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    build(args.out, args.autoencoder, args.size, args.seed)
